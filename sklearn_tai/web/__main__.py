"""python -m sklearn_tai.web"""

from __future__ import annotations

import click

from ..encoders import OpenCLIPEncoder
from ..encoders._loading import BUNDLED
from . import launch


@click.command()
@click.option("--encoder", "model_name", default=BUNDLED[0], show_default=True)
@click.option("--pretrained", default="openai", show_default=True, help="Weights of the encoder.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=int, help="Port; by default the first free one from 7860 on.")
def main(model_name: str, pretrained: str, host: str, port: int | None) -> None:
    """Serve a page to try the package in a browser."""
    try:
        launch(OpenCLIPEncoder(model_name, pretrained), host=host, port=port)
    except (ImportError, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main(prog_name="python -m sklearn_tai.web")
