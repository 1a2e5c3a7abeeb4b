"""Load NUS-WIDE from disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import numpy as np
from sklearn.utils import Bunch

from ..inputs import check_labels
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

_N_LABELS = 81
_PUBLISHED_COUNTS = {"train": 161789, "test": 107859}
_SITE = "https://lms.comp.nus.edu.sg/wp-content/uploads/2019/research/nuswide/NUS-WIDE.html"

_DESCR = f"""NUS-WIDE, split "{{split}}"

{{n_images:,}} photographs from Flickr (the published split has {{n_published:,}}), 81 labels.
Images without any label: {{unlabelled}}.
{_SITE}
"""


def load_nuswide(
    root: str | os.PathLike[str],
    split: Literal["train", "test"] = "train",
    *,
    unlabelled: Literal["drop", "keep"] = "keep",
    check_images: bool = True,
) -> Bunch:
    """Read NUS-WIDE in its published layout.

    No image is opened or copied.

    Parameters
    ----------
    root : str or path-like
        The folder that contains "Groundtruth", "ImageList", "ConceptsList" and "Flickr".
    split : {"train", "test"}, default="train"
        The part to read.
    unlabelled : {"drop", "keep"}, default="keep"
        Whether to leave out images that show none of the 81 labels, or keep them. The
        published counts include them.
    check_images : bool, default=True
        Whether to raise an error if the file of an image is missing.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes

        images : list of n_images pathlib.Path
            The files of the images.
        Y : ndarray of shape (n_images, 81), dtype int8
            1 where an image shows the label, else 0.
        label_names : list of 81 str
            Names of the columns of `Y`, with spaces instead of underscores.
        raw_label_names : list of 81 str
            The same as written in the files.
        DESCR : str
            What was read.

    Raises
    ------
    FileNotFoundError
        If `root`, a file of the split or, with `check_images`, an image is missing.
    ValueError
        If an option has an unknown value, a line of a file is malformed, or files that
        belong together differ in length.

    Notes
    -----
    The archives "Groundtruth.zip", "ImageList.zip" and "ConceptsList.zip" [1]_ and the
    images must be extracted into the same folder. The files read are
    "ConceptsList/Concepts81.txt" (or "Concepts81.txt"), "ImageList/TrainImagelist.txt"
    and "Groundtruth/TrainTestLabels/Labels_<concept>_Train.txt", or those of "Test"; the
    images are in "Flickr/<folder>" (or "images/<folder>"). The published splits have
    161,789 (train) and 107,859 (test) images, of which 209,347 show at least one label.

    References
    ----------
    .. [1] https://lms.comp.nus.edu.sg/wp-content/uploads/2019/research/nuswide/NUS-WIDE.html
    .. [2] T.-S. Chua, J. Tang, R. Hong, H. Li, Z. Luo and Y. Zheng, "NUS-WIDE: A Real-World
       Web Image Database from National University of Singapore", ACM International
       Conference on Image and Video Retrieval, 2009.

    Examples
    --------
    >>> from sklearn_tai.datasets import load_nuswide
    >>> nuswide = load_nuswide("NUS-WIDE", "test")  # doctest: +SKIP
    >>> nuswide.Y.shape, nuswide.label_names[:3]  # doctest: +SKIP
    ((107859, 81), ['airport', 'animal', 'beach'])
    """
    check_option("split", split, tuple(_PUBLISHED_COUNTS))
    check_option("unlabelled", unlabelled, ("drop", "keep"))
    folder = check_root(root)
    part = split.capitalize()
    raw_label_names = _read_concepts(folder)
    list_path = find_first(
        [folder / "ImageList" / f"{part}Imagelist.txt"],
        f"list of the images of the split {split!r}",
        _remedy("ImageList.zip"),
    )
    names = _read_image_list(list_path)
    label_folder = folder / "Groundtruth" / "TrainTestLabels"
    label_paths = [label_folder / f"Labels_{label}_{part}.txt" for label in raw_label_names]
    check_files(label_paths, "files of labels", _remedy("Groundtruth.zip"))

    Y = np.empty((len(names), _N_LABELS), dtype=np.int8)
    for j, path in enumerate(label_paths):
        column = _read_column(path)
        if len(column) != len(names):
            raise ValueError(
                f"{str(path)!r} has {len(column)} lines but {str(list_path)!r} lists "
                f"{len(names)} images; they must be the same number. One of them is cut off or "
                "of another split; extract them again."
            )
        Y[:, j] = column
    if unlabelled == "drop":
        kept = np.flatnonzero(Y.any(axis=1))
        Y, names = Y[kept], [names[i] for i in kept]
        if not names:
            raise ValueError(f"The files in {str(label_folder)!r} give no image any label.")

    places = [folder / "Flickr", folder / "images"]
    image_folder = next((place for place in places if place.is_dir()), places[0])
    images = [image_folder / name for name in names]
    if check_images:
        check_images_exist(
            images,
            f"Extract the images into {str(places[0])!r}, each in its folder, such as "
            f"{str(places[0] / names[0])!r}.",
        )
    return make_bunch(
        images,
        Y,
        [label.replace("_", " ") for label in raw_label_names],
        raw_label_names,
        _DESCR.format(
            split=split,
            n_images=len(images),
            n_published=_PUBLISHED_COUNTS[split],
            unlabelled="left out" if unlabelled == "drop" else "kept, with no label present",
        ),
    )


def _remedy(archive: str) -> str:
    return f"Extract {archive} of {_SITE} into the folder that is passed as root."


def _read_concepts(folder: Path) -> list[str]:
    """The names of the 81 labels, as the files spell them."""
    path = find_first(
        [folder / "ConceptsList" / "Concepts81.txt", folder / "Concepts81.txt"],
        "list of the labels",
        _remedy("ConceptsList.zip"),
    )
    try:
        concepts = check_labels(read_lines(path))
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is not usable as the list of labels: {error}") from None
    if len(concepts) != _N_LABELS:
        raise ValueError(
            f"{str(path)!r} names {len(concepts)} labels; expected {_N_LABELS}. The file is cut "
            "off or not the published one; extract it again."
        )
    return concepts


def _read_image_list(path: Path) -> list[str]:
    """The images of a split, as paths inside the folder of images."""
    names = []
    for i, line in enumerate(read_lines(path)):
        # the list has Windows paths
        name = line.replace("\\", "/")
        if name.count("/") != 1 or name.startswith("/") or name.endswith("/"):
            raise malformed_line(
                path, i, line, r"folder\file, such as 'actor\0001_2124494179.jpg'"
            )
        names.append(name)
    return names


def _read_column(path: Path) -> np.ndarray:
    """Whether each image shows the label of a file."""
    lines = read_lines(path)
    if not set(lines) <= {"0", "1"}:
        i = next(i for i, line in enumerate(lines) if line not in ("0", "1"))
        raise malformed_line(path, i, lines[i], "0 or 1")
    return np.array(lines, dtype="U1") == "1"
