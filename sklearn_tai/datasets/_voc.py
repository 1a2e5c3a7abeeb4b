"""Load Pascal VOC2007 from disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import numpy as np
from sklearn.utils import Bunch

from ._files import (
    check_files,
    check_images_exist,
    check_option,
    check_root,
    find_first,
    make_bunch,
    malformed_line,
    read_lines,
)

_RAW_LABEL_NAMES = (
    "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike "
    "person pottedplant sheep sofa train tvmonitor"
).split()
_NATURAL = {
    "diningtable": "dining table",
    "pottedplant": "potted plant",
    "tvmonitor": "tv monitor",
}
_PUBLISHED_COUNTS = {"trainval": 5011, "train": 2501, "val": 2510, "test": 4952}
_DIFFICULT = {"absent": 0, "present": 1, "unknown": -1}
_SITE = "http://host.robots.ox.ac.uk/pascal/VOC/voc2007/"

_DESCR = f"""Pascal VOC2007, split "{{split}}"

{{n_images:,}} photographs from Flickr (the published split has {{n_published:,}}), 20 labels.
Objects marked as difficult, where a photograph shows no other of their label, are {{difficult}}.
{_SITE}
"""


def load_voc2007(
    root: str | os.PathLike[str],
    split: Literal["trainval", "train", "val", "test"] = "trainval",
    *,
    difficult: Literal["absent", "present", "unknown"] = "absent",
    check_images: bool = True,
) -> Bunch:
    """Read Pascal VOC2007 in its published layout.

    No image is opened or copied.

    Parameters
    ----------
    root : str or path-like
        The folder "VOC2007", the folder "VOCdevkit" that contains it, or the folder that
        contains "VOCdevkit".
    split : {"trainval", "train", "val", "test"}, default="trainval"
        The part to read.
    difficult : {"absent", "present", "unknown"}, default="absent"
        How to count a label if all its objects in an image are marked as difficult to
        recognise: as 0, 1 or -1 in `Y`.
    check_images : bool, default=True
        Whether to raise an error if the file of an image is missing.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes

        images : list of n_images pathlib.Path
            The files of the images.
        Y : ndarray of shape (n_images, 20), dtype int8
            1 where an image shows the label, 0 where not, -1 where unknown.
        label_names : list of 20 str
            Names of the columns of `Y`, in natural wording ("tv monitor").
        raw_label_names : list of 20 str
            The same as written in the files ("tvmonitor").
        DESCR : str
            What was read.

    Raises
    ------
    FileNotFoundError
        If `root`, a file of the split or, with `check_images`, an image is missing.
    ValueError
        If an option has an unknown value, or a line of a file is malformed.

    Notes
    -----
    The archives "VOCtrainval_06-Nov-2007.tar" and "VOCtest_06-Nov-2007.tar" [1]_ must be
    extracted into the same folder. The files read are "ImageSets/Main/<label>_<split>.txt", of
    an image and 1, -1 or 0 (difficult) per line; the images are "JPEGImages/<image>.jpg". The
    published splits have 5,011 (trainval) and 4,952 (test) images. Studies of multi-label
    recognition count difficult objects as absent.

    References
    ----------
    .. [1] http://host.robots.ox.ac.uk/pascal/VOC/voc2007/
    .. [2] M. Everingham, L. Van Gool, C. K. I. Williams, J. Winn and A. Zisserman,
       "The Pascal Visual Object Classes (VOC) Challenge", International Journal of Computer
       Vision 88, 2010.

    Examples
    --------
    >>> from sklearn_tai.datasets import load_voc2007
    >>> voc = load_voc2007("VOCdevkit", "test")  # doctest: +SKIP
    >>> voc.Y.shape, voc.label_names[-1]  # doctest: +SKIP
    ((4952, 20), 'tv monitor')
    """
    check_option("split", split, tuple(_PUBLISHED_COUNTS))
    check_option("difficult", difficult, tuple(_DIFFICULT))
    archive = "VOCtest_06-Nov-2007.tar" if split == "test" else "VOCtrainval_06-Nov-2007.tar"
    remedy = f"Extract {archive} of {_SITE} and pass the folder it went into."
    folder = check_root(root)
    places = [
        place / "ImageSets" / "Main"
        for place in (folder, folder / "VOC2007", folder / "VOCdevkit" / "VOC2007")
    ]
    main = find_first(places, "folder ImageSets/Main of VOC2007", remedy)
    lists = [main / f"{label}_{split}.txt" for label in _RAW_LABEL_NAMES]
    check_files(lists, f"files of the split {split!r}", remedy)

    ids, first_column = _read_list(lists[0])
    Y = np.empty((len(ids), len(lists)), dtype=np.int8)
    Y[:, 0] = first_column
    for j, path in enumerate(lists[1:], start=1):
        other_ids, column = _read_list(path)
        if other_ids != ids:
            raise ValueError(_difference(lists[0], ids, path, other_ids))
        Y[:, j] = column
    is_difficult, is_absent = Y == 0, Y == -1
    Y[is_absent] = 0
    Y[is_difficult] = _DIFFICULT[difficult]

    image_folder = main.parents[1] / "JPEGImages"
    images = [image_folder / f"{image_id}.jpg" for image_id in ids]
    if check_images:
        check_images_exist(images, remedy)
    return make_bunch(
        images,
        Y,
        [_NATURAL.get(label, label) for label in _RAW_LABEL_NAMES],
        list(_RAW_LABEL_NAMES),
        _DESCR.format(
            split=split,
            n_images=len(images),
            n_published=_PUBLISHED_COUNTS[split],
            difficult=difficult,
        ),
    )


def _read_list(path: Path) -> tuple[list[str], list[int]]:
    """The images in a file, with 1, -1 or 0 (difficult) for each."""
    ids, values = [], []
    for i, line in enumerate(read_lines(path)):
        fields = line.split()
        if len(fields) != 2 or fields[1] not in ("1", "-1", "0"):
            raise malformed_line(path, i, line, "an image and 1, -1 or 0, such as '000005 -1'")
        ids.append(fields[0])
        values.append(int(fields[1]))
    return ids, values


def _difference(path: Path, ids: list[str], other_path: Path, other_ids: list[str]) -> str:
    """Where two files differ that must list the same images."""
    n_shared = min(len(ids), len(other_ids))
    line = next((i for i in range(n_shared) if ids[i] != other_ids[i]), n_shared) + 1
    return (
        f"{str(other_path)!r} lists {len(other_ids)} images and {str(path)!r} {len(ids)}; they "
        f"must be the same but differ from line {line} on. One of them is cut off or changed; "
        "extract them again."
    )
