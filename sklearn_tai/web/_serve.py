"""Serve the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from .._typing import Encoder
from ._app import make_app

if TYPE_CHECKING:
    import gradio
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MAX_FILE_SIZE = "20mb"
# Whatever a version of gradio puts on its page, the browser asks no other host for it.
_POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'"
)


class _OwnHostOnly:
    """Middleware that adds `_POLICY` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", _POLICY.encode())
                message = {**message, "headers": [*message.get("headers", []), policy]}
            await send(message)

        await self.app(scope, receive, send_with_policy)


def _theme() -> gradio.themes.Base:
    """Fonts of the visitor's system, and colours that are told apart easily."""
    import gradio as gr

    theme = gr.themes.Default(
        primary_hue="indigo",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
    return theme.set(
        body_text_color_subdued="*neutral_600",
        block_info_text_color="*neutral_600",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
    )


def launch(
    encoder: Encoder | None = None,
    *,
    labels: Sequence[str] | None = None,
    n_texts: int = 1000,
    host: str = "127.0.0.1",
    port: int | None = None,
    block: bool = True,
) -> gradio.Blocks:
    """Serve the page of :func:`make_app`, by default to this machine alone.

    No statistics are sent, and the page loads nothing from other hosts.

    Parameters
    ----------
    encoder : estimator or None, default=None
        As in :func:`make_app`, like the next two.
    labels : sequence of str or None, default=None
        The labels that are in the box at first.
    n_texts : int, default=1000
        Texts to train on.
    host : str, default="127.0.0.1"
        The address to listen at; "0.0.0.0" lets other machines in, without a password.
    port : int or None, default=None
        The port; None for the first free one from 7860 on.
    block : bool, default=True
        Whether to serve until Ctrl-C. If not, ``close()`` of the page ends the serving.

    Returns
    -------
    gradio.Blocks
        The page; its ``local_url`` is its address.

    Raises
    ------
    ImportError
        If gradio is not installed (``pip install 'sklearn-tai[web]'``).
    ValueError
        If `labels` are repeated or blank, or the encoder's model is unknown.
    OSError
        If the port is taken, or the weights are neither in the cache nor downloadable.

    Examples
    --------
    >>> from sklearn_tai.web import launch
    >>> launch(port=7860)  # doctest: +SKIP
    """
    app = make_app(encoder, labels=labels, n_texts=n_texts)
    from starlette.middleware import Middleware

    app.launch(
        server_name=host,
        server_port=port,
        share=False,
        quiet=True,
        prevent_thread_lock=True,
        max_file_size=_MAX_FILE_SIZE,
        ssr_mode=False,
        run_history=False,
        footer_links=[],
        theme=_theme(),
        app_kwargs={"middleware": [Middleware(_OwnHostOnly)]},
    )
    click.echo(f"The page is at {app.local_url} (Ctrl-C ends it)")
    if block:
        app.block_thread()
    return app
