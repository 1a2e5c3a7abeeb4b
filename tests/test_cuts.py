"""Probabilities and labels without a threshold chosen by the user."""

import copy
import pickle

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.multiclass import OneVsRestClassifier

from sklearn_tai import (
    KernelAdapter,
    PromptCorpusGenerator,
    TextAsImageClassifier,
    ZeroShotClassifier,
)
from sklearn_tai.deploy import load_classifier, save_classifier
from sklearn_tai.inspection import PredictionDisplay
from tests.networks import with_network

X = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
Y = (np.arange(40)[:, None] % [2, 4, 40] == 0).astype(int)  # 20, 10 and 1 of 40
PRIOR = np.array([20.5, 10.5, 1.5]) / 41


@pytest.mark.parametrize(
    ("clf", "slope", "offsets"),
    [
        (TextAsImageClassifier(adapter=KernelAdapter()), 1.5, -1.5 * logit(PRIOR) - 3.3),
        (
            with_network(hidden_layer_sizes=(8,), max_epochs=2),
            1.75,
            -0.8 * logit(PRIOR) - 2.75,
        ),
        (
            TextAsImageClassifier(adapter=OneVsRestClassifier(LogisticRegression())),
            1,
            np.zeros(3),
        ),
    ],
)
def test_probabilities_by_hand(clf, slope, offsets):
    clf.fit(X, Y)
    assert clf.slope_ == slope
    np.testing.assert_allclose(clf.offsets_, offsets, rtol=1e-5)
    proba = clf.predict_proba(X)  # embeddings are treated as those of images
    expected = expit(slope * clf.adapter_.decision_function(X) + offsets)
    np.testing.assert_allclose(proba, expected, rtol=1e-4)
    np.testing.assert_array_equal(clf.predict(X), proba > 0.2)
    clf.set_params(threshold=0.4)
    np.testing.assert_array_equal(clf.predict(X), proba > 0.4)


def test_offsets_depend_on_the_texts_alone():
    modality = ["text"] * 20 + ["image"] * 20
    labels = np.where(np.arange(40)[:, None] < 20, Y, -1)
    labels[30] = [1, 1, 1]
    clf = TextAsImageClassifier().fit(X, labels, modality)
    prior = (Y[:20].sum(axis=0) + 0.5) / 21
    np.testing.assert_allclose(clf.offsets_, -1.5 * logit(prior) - 3.3, rtol=1e-5)


def test_images_alone_need_no_offsets():
    images = TextAsImageClassifier().fit(X, Y, ["image"] * 40)
    assert images.slope_ == 1
    assert not images.offsets_.any()


def test_texts_keep_the_probabilities_of_texts(default_clf, encoder):
    text = ["a photo of a dog"]
    np.testing.assert_allclose(
        default_clf.predict_proba(text),
        default_clf.adapter_.predict_proba(encoder.transform(text)),
        atol=1e-6,
    )
    as_image = default_clf.predict_proba(encoder.transform(text))
    assert not np.allclose(default_clf.predict_proba(text), as_image, atol=0.01)


def test_partial_fit_moves_the_offsets():
    clf = TextAsImageClassifier().fit(X[:20], Y[:20]).partial_fit(X[20:], Y[20:])
    np.testing.assert_allclose(clf.offsets_, TextAsImageClassifier().fit(X, Y).offsets_)


def test_slope_and_offsets_are_saved(tmp_path):
    clf = TextAsImageClassifier().fit(X, Y)
    clf.slope_ = 1.25  # as if saved by a version with another slope
    for again in (
        load_classifier(save_classifier(clf, tmp_path)),
        pickle.loads(pickle.dumps(clf)),
    ):
        assert again.slope_ == 1.25
        np.testing.assert_array_equal(again.offsets_, clf.offsets_)
        np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


def test_an_image_may_have_no_label(encoder, scenes):
    """Most images show none of three labels; without texts about other things, all get one."""
    chosen = ["dog", "bus", "chair"]
    truth = scenes.Y[:, [scenes.label_names.index(name) for name in chosen]]
    none = ~truth.any(axis=1)
    named, f1 = {}, {}
    for share in (0, 0.25):
        texts, labels = PromptCorpusGenerator(
            600, background_share=share, random_state=0
        ).generate(chosen)
        clf = TextAsImageClassifier(encoder).fit(texts, labels)
        found = clf.predict(scenes.images)
        named[share] = found[none].any(axis=1).mean()
        f1[share] = f1_score(truth, found, average="micro")
    assert named[0.25] < named[0] / 2
    assert f1[0.25] > f1[0]


def test_regions_like_the_whole_lower_the_score(default_clf, encoder, scenes):
    regions = encoder.transform_regions(scenes.images[:40])
    whole = copy.copy(default_clf)
    whole.region_weight = 0
    same = np.repeat(regions[:, :1], regions.shape[1], axis=1)  # every region equals the whole
    np.testing.assert_allclose(
        default_clf.decision_function(same), whole.decision_function(same) - 1.5, atol=1e-4
    )


def test_zero_shot_with_background(encoder, scenes):
    clf = ZeroShotClassifier(["dog"], encoder, standardize=True, background=True).fit()
    assert len(clf.background_embeddings_) > 300
    truth = scenes.Y[:, [scenes.label_names.index("dog")]]
    images = encoder.transform(scenes.images)
    assert clf.score(images, truth) > 2 * truth.mean()
    scores, proba = clf.decision_function(images), clf.predict_proba(images)
    np.testing.assert_allclose(proba, expit(1.5 * (scores - 3)), atol=1e-5)
    np.testing.assert_array_equal(clf.predict(images), proba > 0.25)
    assert 0 < clf.predict(images).mean() < 1
    with pytest.raises(ValueError, match="takes standardize=True"):
        clf.set_params(standardize=False).fit()
    with pytest.raises(
        ValueError, match=r"two labels or more, or other things .* background=True"
    ):
        ZeroShotClassifier(["dog"], encoder, standardize=True).fit()


def test_displays_use_the_classifiers_threshold(default_clf, scenes):
    import matplotlib

    matplotlib.use("agg")
    display = PredictionDisplay.from_estimator(default_clf, scenes.images[:4])
    assert display.threshold == 0.2
    with pytest.raises(ValueError, match=r"threshold has shape \(2,\); expected a number"):
        PredictionDisplay.from_predictions(
            scenes.images[:1], np.zeros((1, 3)), threshold=np.zeros(2)
        )
