"""Check and save the figures of commands."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..exceptions import install_command
from ..storage import whole_file
from ._shell import check_folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def check_figure(path: Path, asked: str) -> None:
    """Fail now rather than after the work."""
    if find_spec("matplotlib") is None:
        raise click.ClickException(f"{asked} needs matplotlib: {install_command('plot')}")
    check_folder(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    kinds = FigureCanvasAgg.get_supported_filetypes()
    if path.suffix.lower().lstrip(".") not in kinds:
        raise click.UsageError(f"{path.name!r} does not end in one of {', '.join(sorted(kinds))}.")


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the suffix; the file appears only when complete."""
    with whole_file(path) as draft:
        figure.savefig(draft, dpi=110)
