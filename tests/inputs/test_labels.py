import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklearn_tai.inputs import check_indicator, check_labels

Y = np.array([[1, 0], [0, 1], [1, 1]])


@pytest.mark.parametrize(
    "y",
    [Y, Y.tolist(), Y.astype(bool), sparse.csr_matrix(Y), sparse.csc_array(Y), Y.astype(object)],
)
def test_indicator(y):
    dense, names = check_indicator(y, 3)
    assert dense.dtype == np.float32
    np.testing.assert_array_equal(dense, Y)
    assert names.tolist() == [0, 1]


def test_data_frame_names_labels():
    _, names = check_indicator(pd.DataFrame(Y, columns=["dog", "cat"]), 3)
    assert names.tolist() == ["dog", "cat"]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "y to be passed"),
        ([1, 0, 1], r"shape \(n_items, n_labels\).*MultiLabelBinarizer"),
        ([["dog"], ["cat", "dog"], []], "MultiLabelBinarizer"),
        ([["dog", "cat"]] * 3, "MultiLabelBinarizer"),
        (Y[:2], "X has 3 items but y has 2 rows"),
        (Y * 2, r"y\[0, 0\] is 2"),
        (Y - 1, r"Only the labels of images may be unknown"),
        (Y * np.nan, "is nan"),
        (np.empty((3, 0)), "MultiLabelBinarizer"),
        (pd.DataFrame(Y, columns=["a", "a"]), "more than one column named"),
    ],
)
def test_bad_indicator(y, message):
    with pytest.raises(ValueError, match=message):
        check_indicator(y, 3)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([], ValueError, "labels is empty"),
        ("dog", TypeError, "single str 'dog'"),
        (["dog", " "], ValueError, r"labels\[1\]"),
        (["dog", 3], ValueError, r"labels\[1\] is 3"),
        (["dog", "dog"], ValueError, r"\['dog'\] more than once"),
    ],
)
def test_bad_labels(labels, error, message):
    with pytest.raises(error, match=message):
        check_labels(labels)


def test_unknown_labels_of_images():
    dense, _ = check_indicator(Y - 1, 3, may_be_unknown=np.array([True] * 3))
    assert dense.tolist() == (Y - 1).tolist()
    images = np.array([True, True, False])
    with pytest.raises(ValueError, match=r"y\[2, 0\] is -1.*Only the labels of images"):
        check_indicator([[-1, 0], [0, 0], [-1, 0]], 3, may_be_unknown=images)
