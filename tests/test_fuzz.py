"""Random shapes, dtypes, densities and mixtures: no errors except our own."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import sparse
from sklearn.base import clone

from sklearn_tai import (
    MixedPerturbation,
    RandomPerturbation,
    ShiftedPerturbation,
)
from tests.networks import with_network

pytestmark = [
    pytest.mark.filterwarnings("ignore:.* labels have no positive item"),
    pytest.mark.filterwarnings("ignore:X contains no images"),
]
few = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def tables(draw):
    """Embeddings, labels (those of images partly unknown) and modalities."""
    n, d, k = draw(st.integers(1, 30)), draw(st.integers(1, 12)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = rng.normal(size=(n, d)) * 10.0 ** draw(st.integers(-4, 4))
    X = X.astype(draw(st.sampled_from([np.float16, np.float32, np.float64])))
    Y = (rng.random((n, k)) < draw(st.floats(0, 1))).astype(
        draw(st.sampled_from([int, float, bool, np.int8]))
    )
    modality = np.where(rng.random(n) < draw(st.floats(0, 1)), "image", "text")
    if Y.dtype != bool:
        unknown = (rng.random((n, k)) < draw(st.floats(0, 1))) & (modality == "image")[:, None]
        Y[unknown] = -1
    present = (Y == 1).sum(axis=0)
    assume(((present > 0) & (present < n)).any() or (n == 1 and present.any()))
    return X, Y, modality


@few
@given(
    data=tables(),
    kind=st.sampled_from([RandomPerturbation, MixedPerturbation, ShiftedPerturbation]),
    batch_size=st.integers(1, 40),
    hidden=st.lists(st.integers(1, 9), max_size=2),
)
def test_any_training_data(data, kind, batch_size, hidden):
    X, Y, modality = data
    clf = with_network(
        perturbation=kind(),
        hidden_layer_sizes=hidden,
        batch_size=batch_size,
        max_epochs=2,
    )
    proba = clf.fit(X, Y, modality).predict_proba(X)
    assert proba.shape == Y.shape
    assert ((proba >= 0) & (proba <= 1)).all()
    # neither the order of rows nor the batch size of predictions matters
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(clf.predict_proba(X[order]), proba[order], atol=1e-5)
    one_by_one = np.vstack([clf.predict_proba(X[[i]]) for i in range(len(X))])
    np.testing.assert_allclose(one_by_one, proba, atol=1e-5)
    # the same seed gives the same result, also with sparse labels
    again = clone(clf).fit(X, sparse.coo_array(Y.astype(float)), modality)
    np.testing.assert_array_equal(again.predict_proba(X), proba)


ITEMS = st.one_of(
    st.text(min_size=1, max_size=40),
    st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(0, 255)).map(
        lambda t: np.full((t[0], t[1], 3), t[2], np.uint8)
    ),
    st.tuples(
        st.sampled_from(["1", "L", "P", "RGB", "RGBA", "CMYK", "LA", "I;16", "I", "F"]),
        st.integers(1, 30),
    ).map(lambda t: Image.new(t[0], (t[1], 20))),
)


@pytest.mark.filterwarnings("ignore:.* texts fill the model's context")
@few
@given(items=st.lists(ITEMS, min_size=1, max_size=8), batch_size=st.integers(1, 5))
def test_any_mixture_of_items(items, batch_size, encoder):
    plain = clone(encoder).set_params(cache=None)
    try:
        embeddings = plain.transform(items)
    except ValueError as error:
        if not str(error).startswith("X["):  # our own errors name the item
            raise
        return
    assert np.isfinite(embeddings).all()
    small = clone(plain).set_params(batch_size=batch_size).transform(items[::-1])[::-1]
    np.testing.assert_allclose(small, embeddings, atol=1e-4)
    np.testing.assert_allclose(encoder.transform(items), embeddings, atol=1e-4)


@few
@given(content=st.binary(max_size=300), suffix=st.sampled_from([".png", ".jpg", ".gif", ".tif"]))
def test_any_bytes_as_a_picture(content, suffix, encoder, tmp_path):
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"X\[0\]: .* cannot be read as an image"):
        encoder.transform([path])


@few
@given(place=st.integers(0, 700), value=st.integers(0, 255))
def test_a_picture_with_any_byte_changed(place, value, encoder, scenes, tmp_path):
    scenes.images[0].resize((24, 24)).save(tmp_path / "good.jpg")
    content = bytearray((tmp_path / "good.jpg").read_bytes())
    content[place % len(content)] = value
    (tmp_path / "changed.jpg").write_bytes(content)
    try:
        assert np.isfinite(encoder.transform([tmp_path / "changed.jpg"])).all()
    except ValueError as error:
        if not str(error).startswith("X[0]"):
            raise
