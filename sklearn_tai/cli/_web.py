"""``sklearn-tai web``: a web page to try the package."""

from __future__ import annotations

from importlib.util import find_spec

import click

from ..exceptions import install_command
from ._shell import pretrained_option, quick_gelu_option, shows_progress


@click.command(short_help="Serve a web page to try out labels.")
@click.option(
    "--encoder",
    "model_name",
    default="tai-tiny",
    show_default=True,
    metavar="NAME",
    help="A preset (fast, balanced, best, multilingual, paper) or an open_clip model such as "
    "ViT-B-16; the default knows only pictograms.",
)
@pretrained_option
@quick_gelu_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=int, metavar="N", help="[default: the first free port from 7860 on]")
def web(
    model_name: str, pretrained: str, quick_gelu: bool | None, host: str, port: int | None
) -> None:
    """Serve a web page where you type labels, drop images and see scores.

    \b
    Examples:
      sklearn-tai web
      sklearn-tai web --encoder ViT-B-16 --port 8000
    """
    if find_spec("gradio") is None:
        raise click.ClickException(f"The page needs gradio: {install_command('web')}")
    from .. import OpenCLIPEncoder
    from ..web import launch

    encoder = OpenCLIPEncoder(
        model_name, pretrained, quick_gelu=quick_gelu, verbose=int(shows_progress(False))
    )
    encoder.transform(["a photo"])  # load now, at the terminal, not at a visitor's first click
    launch(encoder.set_params(verbose=0), host=host, port=port)
