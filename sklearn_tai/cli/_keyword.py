"""Keywords in pictures, by ``tag`` and ``untag``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec

import click

from ..exceptions import install_command
from ._formats import Tagged
from ._shell import count, note, null_option, quiet_option


class Keyworder:
    """Gives pictures their labels as keywords.

    Parameters
    ----------
    embed : bool
        Whether in the pictures themselves.
    dry_run : bool
        Whether to change nothing.

    Attributes
    ----------
    n_changed : int
        How many pictures have other keywords now.
    errors : list of str
        What went wrong, by picture.
    """

    def __init__(self, embed: bool, dry_run: bool) -> None:
        check_exiv2()
        self._embed, self._dry_run = embed, dry_run
        self.n_changed, self.errors = 0, list[str]()

    def write(self, pictures: Iterable[Tagged]) -> None:
        """Give each picture its labels; those that cannot be written are remembered."""
        from ..deploy import write_keywords

        for path, labels, _ in pictures:
            try:
                self.n_changed += write_keywords(
                    path, labels, embed=self._embed, dry_run=self._dry_run
                )
            except (OSError, ValueError) as error:
                self.errors.append(" ".join(str(error).split()))

    def summary(self) -> str:
        """What was done, in a sentence."""
        verb = "Would change" if self._dry_run else "Changed"
        return f"{verb} the keywords of {count(self.n_changed, 'picture')}."


def check_exiv2() -> None:
    """Refuse now what would fail when the work is done."""
    if find_spec("exiv2") is None:
        raise click.ClickException(f"Keywords need exiv2: {install_command('photos')}")


@click.command(short_help="Take the keywords of tag away again.")
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, allow_dash=True))
@null_option
@click.option("--dry-run", is_flag=True, help="Change no picture.")
@quiet_option
@click.pass_context
def untag(
    ctx: click.Context, images: tuple[str, ...], null: bool, dry_run: bool, quiet: bool
) -> None:
    """Take away the keywords that tag --keywords gave, from pictures and their sidecars.

    All other keywords stay. A sidecar that holds nothing else goes away.

    \b
    Examples:
      sklearn-tai untag photos --dry-run
      sklearn-tai untag photos
    """
    check_exiv2()
    from ..deploy import remove_keywords
    from ._tagging import list_pictures

    n_changed, wrong = 0, []
    for path in list_pictures(images, b"\0" if null else b"\n", Counter()):
        try:
            changed = remove_keywords(path, dry_run=dry_run)
            with suppress(ValueError):  # what cannot be read holds none of ours
                changed |= remove_keywords(path, embed=True, dry_run=dry_run)
            n_changed += changed
        except (OSError, ValueError) as error:
            wrong.append(" ".join(str(error).split()))
    verb = "Would change" if dry_run else "Changed"
    note(f"{verb} the keywords of {count(n_changed, 'picture')}.", quiet)
    if wrong:
        click.echo(f"{count(len(wrong), 'picture')} could not be changed:", err=True)
        for line in wrong:
            click.echo(f"  {line}", err=True)
        ctx.exit(1)
