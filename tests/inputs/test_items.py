from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from sklearn_tai.inputs import as_embeddings, check_items, check_modality

PICTURE = np.zeros((4, 6, 3), dtype=np.uint8)


def test_kinds_of_items():
    X = ["a dog", Path("dog.png"), Image.fromarray(PICTURE), PICTURE]
    items, is_image = check_items(X)
    assert items[0] == "a dog"
    assert is_image.tolist() == [False, True, True, True]


@pytest.mark.parametrize(
    "X",
    [
        np.array(["a", "b"]),
        np.array(["a", "b"], dtype=object),
        pd.Series(["a", "b"]),
        ("a", "b"),
        ["a", "b"],
        np.stack([PICTURE, PICTURE]),
    ],
)
def test_containers_of_items(X):
    assert as_embeddings(X) is None
    assert len(check_items(X)[0]) == 2


@pytest.mark.parametrize(
    "X",
    [
        np.ones((2, 3)),
        [[1.0, 2.0], [3.0, 4.0]],
        [np.ones(3), np.ones(3)],
        pd.DataFrame(np.ones((2, 3))),
        torch.ones(2, 3),
        np.ones((2, 3)).astype(object),
    ],
)
def test_embeddings_are_recognised(X):
    assert as_embeddings(X) is X


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([], ValueError, r"X is empty \(0 items\)"),
        ("a dog", ValueError, r"single item of type str.*\[item\]"),
        (PICTURE, ValueError, "single item of type ndarray"),
        (Path("dog.png"), ValueError, "single item"),
        (3, TypeError, "X is of type int"),
        ([b"a dog"], TypeError, r"X\[0\] is of type bytes"),
        (["a dog", None], TypeError, r"X\[1\] is of type NoneType"),
        ([PICTURE / 255], ValueError, r"dtype float64.*np.uint8\(255 \* x\)"),
        ([PICTURE[..., :2]], ValueError, r"X\[0\] is an array of shape \(4, 6, 2\)"),
    ],
)
def test_bad_items(X, error, message):
    with pytest.raises(error, match=message):
        check_items(X)


def test_str_that_is_an_image_path(tmp_path):
    path = tmp_path / "dog.png"
    Image.fromarray(PICTURE).save(path)
    with pytest.raises(ValueError, match=r"Pass pathlib.Path"):
        check_items(["a dog", str(path)])
    assert not check_items([str(tmp_path / "no such.png")])[1][0]


def test_modality():
    assert check_modality(None, 2).tolist() == [False, False]
    assert check_modality(pd.Series(["text", "image"]), 2).tolist() == [False, True]
