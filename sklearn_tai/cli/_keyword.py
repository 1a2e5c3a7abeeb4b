"""Keywords in images, for ``tag`` and ``untag``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import click

from ..exceptions import install_command
from ._formats import Tagged
from ._shell import count, note, null_option, one_line, quiet_option, report


class Keyworder:
    """Writes keywords to images, and removes them.

    Parameters
    ----------
    dry_run : bool
        Whether to change nothing.

    Attributes
    ----------
    errors : list of str
        One message per image that failed.
    """

    def __init__(self, dry_run: bool) -> None:
        if find_spec("exiv2") is None:  # fail now, not after the work
            raise click.ClickException(f"Keywords need exiv2: {install_command('photos')}")
        self._dry_run, self._n_changed = dry_run, 0
        self.errors: list[str] = []

    def write(self, pictures: Iterable[Tagged], embed: bool) -> None:
        """Write the labels of each image to the image itself or to its sidecar."""
        from ..deploy import write_keywords

        for path, labels, _ in pictures:
            with self._remembered():
                self._n_changed += write_keywords(path, labels, embed=embed, dry_run=self._dry_run)

    def remove(self, path: Path) -> None:
        """Remove our keywords from an image and its sidecar."""
        from ..deploy import remove_keywords

        with self._remembered():
            changed = remove_keywords(path, dry_run=self._dry_run)
            with suppress(ValueError):  # unreadable metadata hold none of our keywords
                changed |= remove_keywords(path, embed=True, dry_run=self._dry_run)
            self._n_changed += changed

    @contextmanager
    def _remembered(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            self.errors.append(one_line(error))

    def summary(self) -> str:
        """One sentence on what was done."""
        verb = "Would change" if self._dry_run else "Changed"
        return f"{verb} the keywords of {count(self._n_changed, 'image')}."


@click.command(short_help="Remove the keywords that tag wrote.")
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, allow_dash=True))
@null_option
@click.option("--dry-run", is_flag=True, help="Do not change any image.")
@quiet_option
@click.pass_context
def untag(
    ctx: click.Context, images: tuple[str, ...], null: bool, dry_run: bool, quiet: bool
) -> None:
    """Remove the keywords that tag --keywords wrote, from images and their sidecars.

    All other keywords stay. Sidecars with nothing else in them are deleted.

    \b
    Examples:
      sklearn-tai untag photos --dry-run
      sklearn-tai untag photos
    """
    from ._tagging import list_pictures

    keyworder = Keyworder(dry_run)
    for path in list_pictures(images, b"\0" if null else b"\n"):
        keyworder.remove(path)
    note(keyworder.summary(), quiet)
    report(ctx, keyworder.errors, "changed")
