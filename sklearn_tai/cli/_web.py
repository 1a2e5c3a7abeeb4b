"""``sklearn-tai web``: a page to try the package in a browser."""

from __future__ import annotations

from importlib.util import find_spec

import click

from ._shell import pretrained_option


@click.command(short_help="Serve a page to try it in a browser.")
@click.option(
    "--encoder",
    "model_name",
    default="tai-tiny",
    show_default=True,
    metavar="NAME",
    help="A CLIP model of open_clip, such as RN50; the default knows pictograms only.",
)
@pretrained_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=int, metavar="N", help="[default: the first free one from 7860 on]")
def web(model_name: str, pretrained: str, host: str, port: int | None) -> None:
    """Serve a page where you type labels, drop pictures and see scores.

    \b
    Examples:
      sklearn-tai web
      sklearn-tai web --encoder RN50 --port 8000
    """
    if find_spec("gradio") is None:
        raise click.ClickException("The page needs gradio: pip install 'sklearn-tai[web]'")
    from .. import OpenCLIPEncoder
    from ..web import launch

    launch(OpenCLIPEncoder(model_name, pretrained), host=host, port=port)
