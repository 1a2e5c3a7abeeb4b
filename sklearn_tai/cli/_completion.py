"""``sklearn-tai completion``: tab completion for shells."""

from __future__ import annotations

import click
from click import shell_completion


@click.command(short_help="Print the script that turns on tab completion.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that turns on tab completion in SHELL.

    \b
    Add it to what your shell reads when it starts:
      echo 'eval "$(sklearn-tai completion bash)"' >> ~/.bashrc
      echo 'eval "$(sklearn-tai completion zsh)"' >> ~/.zshrc
      sklearn-tai completion fish > ~/.config/fish/completions/sklearn-tai.fish
    """
    kind = shell_completion.get_completion_class(shell)
    assert kind is not None  # click supports all three shells
    group = ctx.find_root().command
    click.echo(kind(group, {}, "sklearn-tai", "_SKLEARN_TAI_COMPLETE").source())
