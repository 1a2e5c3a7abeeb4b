import numpy as np
import pytest
from sklearn.base import clone

from sklearn_tai import ZeroShotClassifier


def test_above_chance(encoder, scenes, image_embeddings):
    clf = ZeroShotClassifier(scenes.label_names, encoder).fit()
    assert clf.classes_.tolist() == scenes.label_names
    assert clf.score(image_embeddings, scenes.Y) > 3 * scenes.Y.mean()


def test_by_hand(encoder, scenes):
    templates = ["a photo of {}.", "{}"]
    clf = ZeroShotClassifier(
        ["dog", "umbrella"], encoder, templates=templates, region_weight=0
    ).fit()
    prompts = ["a photo of a dog.", "a dog", "a photo of an umbrella.", "an umbrella"]
    E = encoder.transform(prompts)
    E /= np.linalg.norm(E, axis=1, keepdims=True)
    W = np.stack([E[:2].mean(0), E[2:].mean(0)])
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    V = encoder.transform(scenes.images[:3])
    cosine = V @ W.T / np.linalg.norm(V, axis=1, keepdims=True)
    np.testing.assert_allclose(clf.decision_function(scenes.images[:3]), cosine, atol=1e-5)
    odds = np.exp((cosine - cosine.max(axis=1, keepdims=True)) / 0.01)
    proba = odds / odds.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(clf.predict_proba(scenes.images[:3]), proba, atol=1e-3)
    np.testing.assert_array_equal(clf.predict(scenes.images[:3]), proba > 0.5)


def test_clone(encoder):
    clf = ZeroShotClassifier(["dog"], encoder, temperature=0.1)
    assert clone(clf).get_params()["temperature"] == 0.1


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"labels": []}, "labels is empty"),
        ({"labels": ["dog"], "templates": ["no slot"]}, r"templates\[0\]"),
        ({"labels": ["dog"], "templates": []}, "templates is empty"),
        ({"labels": ["dog"], "temperature": 0}, "'temperature' parameter"),
    ],
)
def test_bad_parameters(params, message, encoder):
    with pytest.raises(ValueError, match=message):
        ZeroShotClassifier(encoder=encoder, **params).fit()
