"""Shared by all commands: errors in one line, warnings, notes, progress."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import click

from ..exceptions import at_terminal, shown

# Errors with a message for users; other errors are shown with their type.
_EXPLAINED = (ValueError, TypeError, OSError, RuntimeError, ImportError)
_MAX_LINE = 10_000
_INTERRUPTED = 130  # the shells' convention: 128 + SIGINT


class Commands(click.Group):
    """A group of commands whose errors are a single line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; errors become a single line, except with ``--debug``."""
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            if not sys.warnoptions:
                warnings.simplefilter("ignore")  # warnings of dependencies are for programmers
                warnings.filterwarnings("default", category=UserWarning, module="sklearn_tai")
            try:
                return super().invoke(ctx)
            except (click.ClickException, click.Abort, click.exceptions.Exit):
                raise
            except KeyboardInterrupt as error:
                raise _Stopped(" ".join(["Stopped.", *map(str, error.args)])) from None
            except BrokenPipeError:
                raise  # the reader has closed the pipe; click handles that
            except Exception as error:
                if ctx.params.get("debug"):
                    raise
                raise click.ClickException(one_line(error)) from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; from now on, messages use its options."""
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            ctx.with_resource(
                at_terminal(o for p in command.params for o in (*p.opts, *p.secondary_opts))
            )
        return name, command, rest

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, and print errors in one line, without the usage that click would add."""
        run = partial(super().main, args, prog_name, complete_var, standalone_mode=False, **extra)
        if not standalone_mode:
            return run()
        try:
            # commands return nothing; an int comes from ctx.exit
            code: int = run() or 0
        except click.Abort:
            fail("Stopped.", _INTERRUPTED)
        except _Stopped as error:
            fail(error.message, _INTERRUPTED)
        except click.ClickException as error:
            message = f"Error: {error.format_message()}"
            if isinstance(error, click.UsageError) and error.ctx is not None:
                message += f" See {error.ctx.command_path} --help."
            fail(message, error.exit_code)
        sys.exit(code)


class _Stopped(click.ClickException):
    """Ctrl-C; the message says what was kept."""


def fail(message: str, code: int) -> NoReturn:
    """Print the reason to stderr and exit."""
    click.echo(shown(message, _MAX_LINE), err=True)
    sys.exit(code)


def one_line(error: BaseException) -> str:
    """An error's message without line breaks."""
    message = " ".join(str(error).split())
    if isinstance(error, _EXPLAINED) and message:
        return message
    return (
        f"{type(error).__name__}: {message or 'no message'}. This is unexpected; "
        "sklearn-tai --debug COMMAND ... shows where it comes from."
    )


def _show_warning(message: Warning | str, *args: Any, **kwargs: Any) -> None:
    click.echo(f"Warning: {shown(message, _MAX_LINE)}", err=True)


quiet_option = click.option("-q", "--quiet", is_flag=True, help="Show only errors and warnings.")
seed_option = click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Same seed, same result.",
)
pretrained_option = click.option(
    "--pretrained",
    default="auto",
    show_default=True,
    metavar="TAG",
    help="The encoder's weights: a tag of open_clip or a file; auto is the only tag, or OpenAI's.",
)
null_option = click.option(
    "-0", "--null", is_flag=True, help="With -: paths end in NUL, as from find -print0."
)
trust_option = click.option(
    "--trust",
    "trusted",
    multiple=True,
    metavar="NAME",
    help="Allow MODEL to load this repository, folder or file, which open_clip does not publish. "
    "May be repeated.",
)
quick_gelu_option = click.option(
    "--quick-gelu/--gelu",
    default=None,
    help="The encoder's activation.  [default: the one that the weights were trained with]",
)


def check_folder(output: Path) -> None:
    """Fail now rather than after the work."""
    if not output.parent.is_dir():
        raise click.UsageError(f"There is no folder {str(output.parent)!r} to write to.")


def count(n: int, noun: str) -> str:
    """A number and its noun, in singular or plural."""
    return f"{n:,} {noun}{'s' * (n != 1)}"


def note(message: str, quiet: bool) -> None:
    """Print a note to stderr, as stdout is for data alone."""
    if not quiet:
        click.echo(message, err=True)


def report(ctx: click.Context, wrong: Sequence[str], done: str) -> None:
    """If images could not be `done`, list them and exit with 1."""
    if wrong:
        click.echo(f"{count(len(wrong), 'image')} could not be {done}:", err=True)
        for line in wrong:
            click.echo(f"  {line}", err=True)
        ctx.exit(1)


def shows_progress(quiet: bool) -> bool:
    """Whether to show progress bars: only on terminals, as they clutter logs."""
    return not quiet and sys.stderr.isatty()
