"""The command line ``sklearn-tai``: from labels to tagged images.

torch, scikit-learn and open_clip are imported only by commands that need them, so that
``--help`` and tab completion answer at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from .. import __version__
from ._completion import completion
from ._demo import demo
from ._fit import fit
from ._generate import generate
from ._keyword import untag
from ._shell import Commands
from ._tag import tag
from ._web import web
from ._where import where

__all__ = ["cli", "main"]


@click.group(
    cls=Commands,
    name="sklearn-tai",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 99},
)
@click.option("--debug", is_flag=True, help="Show where an error comes from.")
@click.version_option(__version__, prog_name="sklearn-tai")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Train an image tagger from words alone, and tag images with it.

    \b
    Examples:
      sklearn-tai demo
      sklearn-tai tag photos --label dog --label "traffic light"
      sklearn-tai generate labels.txt -o corpus.jsonl
      sklearn-tai fit corpus.jsonl -o model
      sklearn-tai tag photos --model model
      sklearn-tai where photo.jpg --model model -o where.png

    \b
    Exit codes:
      0    success
      1    failure, or some images could not be read
      2    wrong command line
      130  stopped by Ctrl-C
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for command in (tag, untag, generate, fit, where, demo, web, completion):
    cli.add_command(command)


def main(before: Sequence[str] = ()) -> None:
    """Run the command line with the arguments of the process, behind those in `before`."""
    cli.main([*before, *sys.argv[1:]], prog_name="sklearn-tai")
