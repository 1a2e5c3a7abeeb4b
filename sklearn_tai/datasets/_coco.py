"""Load MS-COCO from disk."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

import numpy as np
from sklearn.utils import Bunch

from .._typing import Settings
from ..inputs import check_labels
from ._files import (
    check_images_exist,
    check_option,
    check_root,
    find_first,
    make_bunch,
    read_text,
)

# images of the published splits: all, and those with at least one annotation
_PUBLISHED_COUNTS = {
    ("train", 2014): (82783, 82081),
    ("val", 2014): (40504, 40137),
    ("train", 2017): (118287, 117266),
    ("val", 2017): (5000, 4952),
}
# the lists in the file, and the fields to read from their entries
_NEEDED: dict[str, dict[str, type]] = {
    "categories": {"id": int, "name": str},
    "images": {"id": int, "file_name": str},
    "annotations": {"image_id": int, "category_id": int},
}
_KEPT = frozenset(_NEEDED).union(*_NEEDED.values())

_DESCR = """MS-COCO {year}, split "{split}"

{n_images:,} photographs from Flickr (the published split has {n_published:,}, {n_annotated:,} of
them annotated), {n_labels} labels. Images without any annotation: {unannotated}.
https://cocodataset.org
"""


def load_coco(
    root: str | os.PathLike[str],
    split: Literal["train", "val"] = "train",
    year: Literal[2014, 2017] = 2014,
    *,
    unannotated: Literal["drop", "keep"] = "drop",
    check_images: bool = True,
) -> Bunch:
    """Read MS-COCO in its published layout.

    No image is opened or copied. A label is present in an image that has at least one
    annotation of it, crowds included.

    Parameters
    ----------
    root : str or path-like
        The folder that contains "annotations" and the folders of images.
    split : {"train", "val"}, default="train"
        The part to read.
    year : {2014, 2017}, default=2014
        The release. Its two parts differ, its annotations do not.
    unannotated : {"drop", "keep"}, default="drop"
        Whether to leave out images without any annotation, or keep them with no label
        present.
    check_images : bool, default=True
        Whether to raise an error if the file of an image is missing.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes

        images : list of n_images pathlib.Path
            The files of the images, in the order of the file of annotations.
        Y : ndarray of shape (n_images, 80), dtype int8
            1 where an image shows the label, else 0.
        label_names : list of 80 str
            Names of the columns of `Y`: those of the categories, in the order of their ids.
        raw_label_names : list of 80 str
            The same; COCO's names are in natural wording already.
        DESCR : str
            What was read.

    Raises
    ------
    FileNotFoundError
        If `root`, the file of annotations or, with `check_images`, an image is missing.
    ValueError
        If an option has an unknown value, or the file of annotations is malformed.

    Notes
    -----
    The archives "annotations_trainval2014.zip", "train2014.zip" and "val2014.zip" [1]_ (or
    those of 2017) must be extracted into the same folder. The file read is
    "annotations/instances_<split><year>.json"; the images are in "<split><year>" (or
    "images/<split><year>"). The published splits of 2014 have 82,081 (train) and 40,137
    (val) annotated images. Test splits have no published annotations. Reading the file of
    the largest split (450 MB) takes about twice its size in memory.

    References
    ----------
    .. [1] https://cocodataset.org/#download
    .. [2] T.-Y. Lin, M. Maire, S. Belongie, J. Hays, P. Perona, D. Ramanan, P. Dollár and
       C. L. Zitnick, "Microsoft COCO: Common Objects in Context", European Conference on
       Computer Vision, 2014.

    Examples
    --------
    >>> from sklearn_tai.datasets import load_coco
    >>> coco = load_coco("coco", "val")  # doctest: +SKIP
    >>> coco.Y.shape, coco.label_names[:3]  # doctest: +SKIP
    ((40137, 80), ['person', 'bicycle', 'car'])
    """
    check_option("split", split, ("train", "val"), "Test splits have no published annotations.")
    check_option("year", year, (2014, 2017))
    check_option("unannotated", unannotated, ("drop", "keep"))
    folder = check_root(root)
    name = f"{split}{year}"
    path = find_first(
        [folder / "annotations" / f"instances_{name}.json"],
        f"annotations of COCO {name}",
        f"Extract annotations_trainval{year}.zip of https://cocodataset.org/#download into the "
        "folder that is passed as root.",
    )
    categories, images, annotations = _read_annotations(path)

    categories.sort(key=lambda category: category["id"])
    columns = _index(path, "categories", categories)
    rows = _index(path, "images", images)
    Y = np.zeros((len(rows), len(columns)), dtype=np.int8)
    for i, annotation in enumerate(annotations):
        try:
            Y[rows[annotation["image_id"]], columns[annotation["category_id"]]] = 1
        except KeyError as error:
            raise _malformed(
                path,
                f"annotations[{i}] is {annotation}, but no image or category has the id {error}",
            ) from None
    try:
        label_names = check_labels([category["name"] for category in categories])
    except ValueError as error:
        raise _malformed(path, f"the names of the categories are not usable ({error})") from None

    if unannotated == "drop":
        kept = np.flatnonzero(Y.any(axis=1))
        Y, images = Y[kept], [images[i] for i in kept]
    if not images:
        raise _malformed(path, "it annotates no image")
    places = [folder / name, folder / "images" / name]
    image_folder = next((place for place in places if place.is_dir()), places[0])
    files = [image_folder / image["file_name"] for image in images]
    if check_images:
        check_images_exist(
            files, f"Extract {name}.zip of https://cocodataset.org/#download into {str(folder)!r}."
        )
    n_published, n_annotated = _PUBLISHED_COUNTS[split, year]
    return make_bunch(
        files,
        Y,
        label_names,
        list(label_names),
        _DESCR.format(
            year=year,
            split=split,
            n_images=len(files),
            n_published=n_published,
            n_annotated=n_annotated,
            n_labels=len(label_names),
            unannotated="left out" if unannotated == "drop" else "kept, with no label present",
        ),
    )


def _malformed(path: Path, complaint: str) -> ValueError:
    return ValueError(
        f"{str(path)!r}: {complaint}. The file is damaged or not the published one; extract it "
        "again."
    )


def _keep_needed(entry: Settings) -> Settings:
    return {key: value for key, value in entry.items() if key in _KEPT}


def _read_annotations(path: Path) -> list[list[Settings]]:
    """The categories, images and annotations of a file, with all needed fields."""
    try:
        # outlines of objects make up most of the file; dropping them entry by entry keeps
        # them from filling memory
        content = json.loads(read_text(path), object_hook=_keep_needed)
    except json.JSONDecodeError as error:
        raise _malformed(
            path, f"line {error.lineno}, column {error.colno}: not JSON ({error.msg})"
        ) from None
    if not isinstance(content, dict):
        raise _malformed(path, f"holds a {type(content).__name__}; expected a JSON object")
    lists = []
    for key, needed in _NEEDED.items():
        entries = content.get(key)
        if not isinstance(entries, list):
            raise _malformed(path, f"has no list {key!r}")
        for i, entry in enumerate(entries):
            for field, kind in needed.items():
                if not isinstance(entry, dict) or not isinstance(entry.get(field), kind):
                    raise _malformed(
                        path,
                        f"{key}[{i}] is {entry!r}; expected its {field!r} of type {kind.__name__}",
                    )
        lists.append(entries)
    return lists


def _index(path: Path, key: str, entries: list[Settings]) -> dict[int, int]:
    """Map the ids of entries, which must be unique, to positions."""
    positions: dict[int, int] = {}
    for i, entry in enumerate(entries):
        if positions.setdefault(entry["id"], i) != i:
            raise _malformed(path, f"two of its {key} have the id {entry['id']}")
    return positions
