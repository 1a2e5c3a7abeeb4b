"""Load the bundled pictures."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.utils import Bunch

_DATA = Path(__file__).parent / "data"


def load_emoji_scenes() -> Bunch:
    """Load scenes of pictograms with 20 labels, most of them Pascal VOC's.

    The bundled model "tai-tiny" was never trained on the art in these pictures, so they
    measure how classifiers trained on texts transfer to new images.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes

        images : list of n_images PIL images
            RGB, 192 by 192 pixels.
        Y : ndarray of shape (n_images, 20)
            1 where a picture shows the label, else 0.
        label_names : list of 20 str
            Names of the columns of `Y`.
        DESCR : str
            How the pictures were made, and the licence of their art.

    Examples
    --------
    >>> from sklearn_tai.datasets import load_emoji_scenes
    >>> scenes = load_emoji_scenes()
    >>> scenes.images[0].size, scenes.Y.shape[1], scenes.label_names[:3]
    ((192, 192), 20, ['aeroplane', 'bicycle', 'bird'])
    """
    with zipfile.ZipFile(_DATA / "emoji_scenes.zip") as archive:
        record = json.loads(archive.read("labels.json"))
        images = [
            Image.open(io.BytesIO(archive.read(name))).convert("RGB") for name in record["files"]
        ]
    return Bunch(
        images=images,
        Y=np.array(record["Y"], dtype=np.int8),
        label_names=record["label_names"],
        DESCR=(_DATA / "emoji_scenes.rst").read_text(encoding="utf-8"),
    )
