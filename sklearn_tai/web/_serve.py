"""Serve the web page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from .._typing import Encoder
from ._app import make_app

if TYPE_CHECKING:
    import gradio
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}
_MAX_FILE_SIZE = "20mb"
_MAX_REQUEST = 400 * 2**20  # enough for 20 pictures
_MAX_FORM = 2**16  # only uploads are larger
_MAX_UPLOADS = 2**31  # in total, until they are deleted
# The browser must not load anything from other hosts, whatever gradio puts on the page.
_POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'"
)


class _OwnHostOnly:
    """Middleware that refuses requests from other sites, and keeps the page from loading theirs.

    A page of another site may send requests through the visitor's browser. They are recognised
    by their Origin or, if that site's name points to this machine, by their Host.

    Parameters
    ----------
    app : ASGI application
        Answers the accepted requests.
    hosts : set of str or None
        Names of this machine; None for any.
    uploads : Path
        The folder of the uploads.
    """

    def __init__(self, app: ASGIApp, hosts: set[str] | None, uploads: Path) -> None:
        self.app, self.hosts, self.uploads = app, hosts, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        if refusal := self._refusal(dict(scope["headers"])):
            status, reason = refusal
            from starlette.responses import PlainTextResponse

            await PlainTextResponse(reason, status)(scope, receive, send)
            return

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", _POLICY.encode())
                message = {**message, "headers": [*message.get("headers", []), policy]}
            await send(message)

        await self.app(scope, receive, send_with_policy)

    def _refusal(self, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        """Status and reason, if a request is refused."""
        host = headers.get(b"host", b"").decode("latin-1").lower()
        name = urlsplit(f"//{host}").hostname
        if self.hosts is not None and name not in self.hosts:
            return 421, "This page is not served under that name."
        origin = headers.get(b"origin", b"").decode("latin-1").lower()
        if origin and urlsplit(origin).netloc != host:
            return 403, "This request comes from another site."
        length = headers.get(b"content-length", b"0")
        if b"transfer-encoding" in headers:
            return 411, "The request must state its length."
        if not length.isdigit() or int(length) > _MAX_REQUEST:
            return 413, "This is more than the page accepts at once."
        if int(length) > _MAX_FORM and _size(self.uploads) + int(length) > _MAX_UPLOADS:
            return (
                503,
                "Too many images were uploaded. They are deleted after an hour; try again then.",
            )
        return None


def _size(folder: Path) -> int:
    """Total size of the files in a folder, in bytes."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _theme() -> gradio.themes.Base:
    """The visitor's system fonts, and colours with good contrast."""
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
    """Serve the page of :func:`make_app`, by default only to this machine.

    No statistics are sent, and the page loads nothing from other hosts. Requests that other
    sites' pages send through a visitor's browser are refused. So are uploads above 20 MB
    per image, or above 2 GiB in total; uploads are deleted after an hour.

    Parameters
    ----------
    encoder : estimator or None, default=None
        As in :func:`make_app`, like the next two.
    labels : sequence of str or None, default=None
        The labels shown at first.
    n_texts : int, default=1000
        Texts to train on.
    host : str, default="127.0.0.1"
        The address to listen on; "0.0.0.0" lets other machines in, without a password.
    port : int or None, default=None
        The port; None for the first free one from 7860 on.
    block : bool, default=True
        Whether to serve until Ctrl-C. If not, call the page's ``close()`` to stop.

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

    # a page that is open to others may be reached under any name
    hosts = _THIS_MACHINE if host in _THIS_MACHINE else None

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
        app_kwargs={"middleware": [Middleware(_OwnHostOnly, hosts, Path(app.GRADIO_CACHE))]},
    )
    click.echo(f"The page is at {app.local_url} (Ctrl-C ends it)")
    if block:
        app.block_thread()
    return app
