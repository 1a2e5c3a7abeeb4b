"""Find, read and check files; shared by the readers of published datasets."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

_N_SHOWN = 5


def check_option(name: str, value: object, allowed: Sequence[object], hint: str = "") -> None:
    """Refuse a value that is not allowed for an option."""
    if value not in allowed:
        choices = " or ".join(repr(choice) for choice in allowed)
        raise ValueError(f"{name} is {value!r}; expected {choices}.{hint and ' ' + hint}")


def check_root(root: str | os.PathLike[str]) -> Path:
    """`root` as a path, which must be a folder."""
    folder = Path(root).expanduser()
    if not folder.exists():
        raise FileNotFoundError(
            f"root is {str(root)!r}, which does not exist (from the working folder "
            f"{str(Path.cwd())!r}). Pass the folder into which the dataset was extracted."
        )
    if not folder.is_dir():
        raise NotADirectoryError(
            f"root is {str(root)!r}, which is a file. Pass the folder into which the dataset "
            "was extracted."
        )
    return folder


def shorten(names: Sequence[object]) -> str:
    """The first few of many names, and how many more there are."""
    shown = ", ".join(repr(str(name)) for name in names[:_N_SHOWN])
    n_more = len(names) - _N_SHOWN
    return f"{shown} and {n_more} more" if n_more > 0 else shown


def find_first(places: Sequence[Path], what: str, remedy: str) -> Path:
    """The first place that exists; if none does, an error names them all."""
    for place in places:
        if place.exists():
            return place
    tried = ", ".join(repr(str(place)) for place in places)
    raise FileNotFoundError(f"Found no {what}; tried {tried}. {remedy}")


def check_files(paths: Sequence[Path], what: str, remedy: str) -> None:
    """Raise an error that names the missing files."""
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of the {len(paths)} {what} are missing: {shorten(missing)}. {remedy}"
        )


def read_text(path: Path) -> str:
    """The text of a file; if it is not UTF-8, an error gives the line."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{str(path)!r}, line {line}: not UTF-8 text ({error.reason}). The file is damaged "
            "or not the published one; extract it again."
        ) from None


def read_lines(path: Path) -> list[str]:
    """The stripped lines of a text file, without blank ones at the end."""
    # not splitlines, which also breaks at form feeds and other marks, so that its line
    # numbers would differ from those in editors
    lines = [line.strip() for line in read_text(path).rstrip().split("\n")]
    if lines == [""]:
        raise ValueError(f"{str(path)!r} is empty. Extract it again.")
    return lines


def malformed_line(path: Path, index: int, line: str, expected: str) -> ValueError:
    """The error about line number `index` (from 0) of a file."""
    return ValueError(
        f"{str(path)!r}, line {index + 1}: {line[:100]!r}; expected {expected}. The file is "
        "damaged or not the published one; extract it again."
    )


def check_images_exist(images: Sequence[Path], remedy: str) -> None:
    """Raise an error that names the first few missing images.

    Every folder is listed once: asking for each of 160,000 files takes minutes on network
    disks.
    """
    by_folder: defaultdict[Path, list[Path]] = defaultdict(list)
    for image in images:
        by_folder[image.parent].append(image)
    missing: set[Path] = set()
    for folder, members in by_folder.items():
        present = set(os.listdir(folder)) if folder.is_dir() else set()
        # is_file finds names that differ in case if the file system ignores it
        missing.update(
            image for image in members if image.name not in present and not image.is_file()
        )
    if missing:
        ordered = [image for image in images if image in missing]
        raise FileNotFoundError(
            f"{len(ordered)} of the {len(images)} images are missing: {shorten(ordered)}. "
            f"{remedy} Or pass check_images=False, which returns the paths of all images, "
            "present or not."
        )


def make_bunch(
    images: list[Path],
    Y: np.ndarray,
    label_names: list[str],
    raw_label_names: list[str],
    DESCR: str,
) -> Bunch:
    """The result of every reader."""
    return Bunch(
        images=images,
        Y=Y,
        label_names=label_names,
        raw_label_names=raw_label_names,
        DESCR=DESCR,
    )
