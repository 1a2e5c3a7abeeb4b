import pickle
import subprocess
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import sklearn
from packaging.version import Version
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.svm import LinearSVC

from sklearn_tai import (
    KernelAdapter,
    MixedPerturbation,
    MLPAdapter,
    OpenCLIPEncoder,
    PromptCorpusGenerator,
    RandomPerturbation,
    ShiftedPerturbation,
    TextAsImageClassifier,
    ZeroShotClassifier,
)
from sklearn_tai.deploy import save_classifier
from sklearn_tai.metrics import label_scores, map_scorer, mean_average_precision
from sklearn_tai.model_selection import CrossModalSplit
from tests.networks import with_network
from tests.processes import new_processes


def small(**params):
    return with_network(
        **{"hidden_layer_sizes": (128,), "max_lr": 5e-3, "max_epochs": 15} | params
    )


@pytest.fixture(scope="module")
def fitted(encoder, corpus):
    return small(encoder=encoder).fit(*corpus)


def test_learns_from_texts_alone(fitted, encoder, scenes, image_embeddings):
    chance = scenes.Y.mean()
    zero_shot = ZeroShotClassifier(scenes.label_names, encoder).fit()
    score = fitted.score(image_embeddings, scenes.Y)
    assert score > 4 * chance
    assert score > zero_shot.score(image_embeddings, scenes.Y)


def test_outputs(fitted, scenes, image_embeddings):
    proba = fitted.predict_proba(scenes.images[:5])
    assert proba.shape == (5, 20)
    assert ((proba >= 0) & (proba <= 1)).all()
    logits = fitted.decision_function(scenes.images[:5])
    np.testing.assert_allclose(proba, 1 / (1 + np.exp(-logits)), rtol=1e-4)
    np.testing.assert_array_equal(fitted.predict(scenes.images[:5]), proba > 0.2)
    whole = clone(fitted).set_params(region_weight=0)
    whole.__dict__ |= {k: v for k, v in vars(fitted).items() if k.endswith("_")}
    np.testing.assert_allclose(
        whole.predict_proba(scenes.images[:5]),
        fitted.predict_proba(image_embeddings[:5]),
        atol=1e-5,
    )
    assert fitted.score(image_embeddings, scenes.Y) == mean_average_precision(
        scenes.Y, fitted.decision_function(image_embeddings)
    )


def test_texts_and_mixed_items_in_prediction(fitted, scenes):
    proba = fitted.predict_proba(["a photo of a dog and a bus.", scenes.images[0]])
    assert proba.shape == (2, 20)
    named = {scenes.label_names[i] for i in np.argsort(-proba[0])[:2]}
    assert named == {"dog", "bus"}


def test_embeddings_and_texts_give_the_same(
    fitted, encoder, corpus, text_embeddings, image_embeddings
):
    again = small(encoder=encoder).fit(text_embeddings, corpus[1])
    np.testing.assert_allclose(
        again.predict_proba(image_embeddings), fitted.predict_proba(image_embeddings), atol=1e-3
    )


def test_random_state(corpus, text_embeddings, image_embeddings):
    a, b, c = (
        small(random_state=seed, max_epochs=2)
        .fit(text_embeddings, corpus[1])
        .predict_proba(image_embeddings)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_kinds_of_y(corpus, text_embeddings, image_embeddings, scenes):
    Y = corpus[1]
    frame = pd.DataFrame(Y, columns=scenes.label_names)
    fits = [small(max_epochs=1).fit(text_embeddings, y) for y in (Y, sparse.csr_matrix(Y), frame)]
    assert fits[1].classes_.tolist() == list(range(20))
    assert fits[0].classes_.tolist() == fits[2].classes_.tolist() == scenes.label_names
    for other in fits[1:]:
        np.testing.assert_array_equal(
            fits[0].predict_proba(image_embeddings), other.predict_proba(image_embeddings)
        )
    assert fits[2].score(image_embeddings, pd.DataFrame(scenes.Y)) == fits[0].score(
        image_embeddings, sparse.csr_matrix(scenes.Y)
    )


def test_set_params_of_the_default_perturbation():
    clf = TextAsImageClassifier().set_params(perturbation__radius=1, encoder__batch_size=8)
    assert clf.perturbation.radius == 1
    assert clf.encoder.batch_size == 8
    assert TextAsImageClassifier().perturbation.radius == "auto"  # the default is not shared
    assert clone(clf).perturbation.radius == 1


def test_grid_search_in_a_pipeline(encoder, corpus, scenes):
    pipe = make_pipeline(encoder, small(max_epochs=2))
    search = GridSearchCV(
        pipe,
        {"textasimageclassifier__perturbation__radius": [0, 2.5]},
        scoring=map_scorer,
        cv=2,
        error_score="raise",
    ).fit(*corpus)
    assert search.cv_results_["mean_test_score"].shape == (2,)
    assert search.predict_proba(scenes.images[:2]).shape == (2, 20)


def warnings_of_a_search(grid, scoring):
    texts, Y = PromptCorpusGenerator(90, random_state=0).generate(["dog", "car", "tree"])
    clf = TextAsImageClassifier(OpenCLIPEncoder("tai-tiny"))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        clf.fit(texts, Y).predict(texts)
        GridSearchCV(clf, grid, scoring=scoring, cv=2).fit(texts, Y)
    return [str(w.message) for w in said if "after a radius was set" in str(w.message)]


def test_a_search_of_the_radius_that_scores_texts_warns_once():
    """It warns once per process, so each scoring has its own process."""
    others, radii = {"center": [False, True]}, {"perturbation__radius": [1, 2]}
    scorings = [None, "f1_macro"]
    if Version(sklearn.__version__) >= Version("1.9"):  # older ones refuse label names
        scorings.append("average_precision")
    searches = [(others, None), *((radii, scoring) for scoring in scorings)]
    with new_processes(2) as pool:
        said = pool.starmap(warnings_of_a_search, searches, chunksize=1)
    assert list(map(len, said)) == [0] + [1] * len(scorings)
    for (message,) in said[1:]:
        assert "Texts are scored after a radius was set" in message
        assert "CrossModalSplit" in message
        assert "radius='auto'" in message


def test_a_search_of_the_radius_that_scores_images_does_not_warn(encoder, corpus, scenes):
    texts, Y = corpus
    items, labels = [*texts, *scenes.images[:40]], np.vstack([Y, scenes.Y[:40]])
    search = GridSearchCV(
        TextAsImageClassifier(encoder), {"perturbation__radius": [1, 2]}, cv=CrossModalSplit()
    )
    search.fit(items, labels)


def test_pickle_in_a_new_process(fitted, scenes, tmp_path):
    data = pickle.dumps(fitted)
    n_parameters = sum(p.numel() for p in fitted.adapter_.net_.module_.parameters())
    assert len(data) < 4 * n_parameters + 200_000  # only the adapter, not CLIP
    (tmp_path / "clf.pkl").write_bytes(data)
    code = (
        "import pickle, sys, numpy as np\n"
        "from sklearn_tai.datasets import load_emoji_scenes\n"
        "clf = pickle.load(open(sys.argv[1] + '/clf.pkl', 'rb'))\n"
        "images = load_emoji_scenes().images[:4]\n"
        "np.save(sys.argv[1] + '/proba.npy', clf.predict_proba(images))\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True)
    np.testing.assert_allclose(
        np.load(tmp_path / "proba.npy"), fitted.predict_proba(scenes.images[:4]), atol=1e-5
    )


def test_pickle_holds_the_weights_once(corpus, text_embeddings):
    wide = small(hidden_layer_sizes=(1500,), max_epochs=1).fit(text_embeddings, corpus[1])
    n_bytes = 4 * sum(p.numel() for p in wide.adapter_.net_.module_.parameters())
    assert len(pickle.dumps(wide)) < 1.1 * n_bytes
    again = pickle.loads(pickle.dumps(wide))
    np.testing.assert_array_equal(
        again.predict_proba(text_embeddings), wide.predict_proba(text_embeddings)
    )
    assert again.adapter_.net_.history == wide.adapter_.net_.history


def test_radius_zero_is_no_noise(corpus, text_embeddings):
    clf = small(perturbation=RandomPerturbation(0), max_epochs=1).fit(text_embeddings, corpus[1])
    assert clf.perturbation_.radius_ == 0


def test_own_encoder_without_get_params(corpus, text_embeddings):
    class Lookup:
        def transform(self, X):
            return text_embeddings[: len(X)]

    own = Lookup()
    clf = small(encoder=own, max_epochs=1).fit(*corpus)
    assert clf.encoder_ is own


def test_mixed_items_and_embeddings_with_modality_train_the_same(
    encoder, corpus, text_embeddings, scenes, image_embeddings
):
    Y = np.vstack([corpus[1], scenes.Y[:20]])
    Y[-1, :5] = -1  # some labels of an image are unknown
    items = small(encoder=encoder, perturbation=MixedPerturbation(), max_epochs=2).fit(
        [*corpus[0], *scenes.images[:20]], Y
    )
    rows = small(encoder=encoder, perturbation=MixedPerturbation(), max_epochs=2).fit(
        np.vstack([text_embeddings, image_embeddings[:20]]),
        Y,
        modality=["text"] * len(text_embeddings) + ["image"] * 20,
    )
    np.testing.assert_allclose(
        items.predict_proba(image_embeddings), rows.predict_proba(image_embeddings), atol=1e-3
    )


def test_images_alone(image_embeddings, scenes):
    clf = small(perturbation=MixedPerturbation(image_radius=0)).fit(
        image_embeddings[:300], scenes.Y[:300], modality=["image"] * 300
    )
    assert clf.score(image_embeddings[300:], scenes.Y[300:]) > 0.4


def test_modality_is_not_for_items(encoder):
    with pytest.raises(ValueError, match="modality is only for embeddings"):
        small(encoder=encoder).fit(["a dog", "a cat"], Y2, modality=["text", "text"])


def test_unknown_labels_of_texts(encoder):
    with pytest.raises(ValueError, match=r"y\[0, 1\] is -1.*Only the labels of images"):
        small(encoder=encoder).fit(["a dog", "a cat"], [[1, -1], [0, 1]])


def test_progress_bar(corpus, text_embeddings, capsys):
    small(max_epochs=1).fit(text_embeddings, corpus[1])
    captured = capsys.readouterr()
    assert captured.err + captured.out == ""
    clf = small(max_epochs=1, verbose=1).fit(text_embeddings, corpus[1])
    assert "Training adapter" in capsys.readouterr().err
    pickle.dumps(clf)


def test_label_without_positives(corpus, text_embeddings, scenes):
    Y = pd.DataFrame(corpus[1], columns=scenes.label_names)
    Y["dog"] = 0
    with pytest.warns(
        UserWarning, match=r"1 of 20 labels have no positive item.*: dog. Add texts"
    ):
        small(max_epochs=1).fit(text_embeddings, Y)


def test_predict_before_fit(scenes):
    for method in ("predict", "predict_proba", "decision_function"):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            getattr(small(), method)(scenes.images[:1])


Y2 = [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        ([], [], ValueError, r"X is empty \(0 items\)"),
        ("a dog", Y2, ValueError, "single item"),
        (["a dog", 3], Y2, TypeError, r"X\[1\] is of type int"),
        (["a dog", "a cat"], [[1, 0]], ValueError, "X has 2 items but y has 1 rows"),
        (["a dog", "a cat"], [1, 0], ValueError, "y must be an indicator matrix"),
        (["a dog", "a cat"], None, ValueError, "y to be passed"),
        ([[np.nan, 1.0], [1.0, 1.0]], Y2, ValueError, "NaN"),
        ([[np.inf, 1.0], [1.0, 1.0]], Y2, ValueError, "infinity"),
        (np.ones((2, 2), dtype=complex), Y2, ValueError, "Complex data not supported"),
        (np.ones(2), Y2, ValueError, "Expected 2D array"),
    ],
)
def test_bad_input(encoder, X, y, error, message):
    with pytest.raises(error, match=message):
        small(encoder=encoder).fit(X, y)


def test_other_dimension(fitted):
    with pytest.raises(
        ValueError, match=r"X has 3 features, but TextAsImageClassifier is expecting"
    ):
        fitted.predict([[1.0, 2.0, 3.0]])
    clf = small(encoder=fitted.encoder, max_epochs=1).fit([[1.0, 2.0], [0.0, 1.0]], Y2)
    with pytest.raises(ValueError, match=r"dimension 256.*dimension 2.*Set encoder"):
        clf.predict(["a dog"])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"dropout": 1}, "'dropout' parameter"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes must hold integers above 0"),
        ({"encoder": "RN50"}, "'encoder' parameter"),
        ({"perturbation": 2.5}, "'perturbation' parameter"),
        ({"threshold": 2}, "'threshold' parameter"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        small(**params).fit([[1.0], [0.0]], Y2)


def test_sparse_labels_stay_sparse(text_embeddings, corpus, monkeypatch):
    X, Y = text_embeddings, np.asarray(corpus[1])
    clf = with_network(hidden_layer_sizes=(8,), max_epochs=2, batch_size=64)
    expected = clf.fit(X, Y).predict_proba(X[:50])
    made_dense, original = [], sparse.csr_array.toarray

    def spy(self, *args, **kwargs):
        made_dense.append(self.shape[0])
        return original(self, *args, **kwargs)

    monkeypatch.setattr(sparse.csr_array, "toarray", spy)
    for kind in (sparse.csr_array, sparse.csc_matrix, sparse.coo_array):
        np.testing.assert_array_equal(clf.fit(X, kind(Y)).predict_proba(X[:50]), expected)
    assert max(made_dense) == 64
    wrong = Y.copy()
    wrong[3, 2] = 2
    with pytest.raises(ValueError, match=r"y\[3, 2\] is 2; expected 1"):
        clf.fit(X, sparse.csr_matrix(wrong))


def test_predicts_on_iterators(fitted, scenes):
    images = scenes.images[:40]
    expected = fitted.predict_proba(images)
    np.testing.assert_allclose(fitted.predict_proba(iter(images)), expected, atol=1e-5)
    np.testing.assert_array_equal(fitted.predict(x for x in images), fitted.predict(images))


@pytest.mark.filterwarnings("ignore:.* images could not be read")
def test_images_that_cannot_be_read(encoder, corpus, scenes, tmp_path):
    clf = small(encoder=clone(encoder).set_params(on_error="nan"), max_epochs=2)
    expected = clone(clf).fit(*corpus).predict_proba(scenes.images[:2])
    bad, missing = tmp_path / "bad.png", tmp_path / "none.png"
    bad.write_bytes(b"no picture")
    texts, Y = corpus
    # fit skips them
    clf.fit([*texts, bad, missing], np.vstack([Y, Y[:2]]))
    proba = clf.predict_proba([scenes.images[0], bad, scenes.images[1], missing])
    np.testing.assert_allclose(proba[[0, 2]], expected, atol=1e-6)
    assert np.isnan(proba[[1, 3]]).all()
    predicted = clf.predict([scenes.images[0], bad])
    assert set(predicted[0]) <= {0, 1}
    assert set(predicted[1]) == {-1}


def test_nothing_to_learn():
    with pytest.raises(ValueError, match="y has no 1 at all"):
        small().fit(np.ones((4, 3)), np.zeros((4, 2)))


def test_names_of_predicted_labels(encoder, scenes):
    clf = ZeroShotClassifier(scenes.label_names, encoder).fit()
    predicted = clf.predict(scenes.images[:20])
    names = clf.inverse_transform(predicted)
    binarizer = MultiLabelBinarizer(classes=scenes.label_names).fit([])
    assert names == binarizer.inverse_transform(predicted)
    assert all(type(name) is str for row in names for name in row)
    frame = pd.DataFrame(predicted, columns=scenes.label_names)
    for kind in (predicted.tolist(), sparse.csr_array(predicted), frame):
        assert clf.inverse_transform(kind) == names
    partly = np.where(np.arange(20) < 5, -1, predicted)
    expected = [tuple(name for name in row if name not in scenes.label_names[:5]) for row in names]
    assert clf.inverse_transform(partly) == expected
    assert clf.inverse_transform(np.full((2, 20), -1)) == [None, None]
    assert clf.inverse_transform(np.zeros((1, 20))) == [()]
    with pytest.raises(ValueError, match="Y has 3 columns but there are 20 labels"):
        clf.inverse_transform([[1, 0, 1]])
    with pytest.raises(ValueError, match=r"expected 1 \(present\) or 0"):
        clf.inverse_transform(np.full((1, 20), 0.5))
    with pytest.raises(NotFittedError):
        ZeroShotClassifier(["dog"]).inverse_transform([[1]])


def test_most_probable_labels(encoder, scenes):
    clf = ZeroShotClassifier(scenes.label_names, encoder).fit()
    proba = clf.predict_proba(scenes.images[:5])
    best = clf.predict_top_k(scenes.images[:5], k=4)
    for row, own in zip(proba, best):
        assert [p for _, p in own] == sorted(row.tolist(), reverse=True)[:4]
        assert all(row[scenes.label_names.index(label)] == p for label, p in own)
    assert [row[:3] for row in best] == clf.predict_top_k(iter(scenes.images[:5]))
    assert len(clf.predict_top_k(scenes.images[:1], k=99)[0]) == 20
    with pytest.raises(ValueError, match="k == 0, must be >= 1"):
        clf.predict_top_k(scenes.images[:1], k=0)
    with pytest.raises(TypeError, match="k must be an instance of"):
        clf.predict_top_k(scenes.images[:1], k=1.5)


@pytest.mark.parametrize(
    "params", [{"head": "cosine"}, {"loss": "asymmetric"}, {"loss": "ranking"}]
)
def test_heads_and_losses_learn(text_embeddings, image_embeddings, corpus, scenes, params):
    clf = small(**params).fit(text_embeddings, corpus[1])
    assert clf.score(image_embeddings, scenes.Y) > 0.45  # chance is 0.1
    plain = small().fit(text_embeddings, corpus[1])
    assert not np.allclose(
        clf.predict_proba(image_embeddings), plain.predict_proba(image_embeddings)
    )


@pytest.mark.parametrize("make", [TextAsImageClassifier, small])
def test_center(encoder, text_embeddings, image_embeddings, corpus, scenes, make):
    X = np.vstack([text_embeddings, image_embeddings])
    Y = np.vstack([corpus[1], np.full_like(scenes.Y, -1)])
    modality = ["text"] * len(text_embeddings) + ["image"] * len(image_embeddings)
    clf = make(encoder=encoder, center=True).set_params(region_weight=0).fit(X, Y, modality)
    mean_text, mean_image = text_embeddings.mean(axis=0), image_embeddings.mean(axis=0)
    np.testing.assert_allclose(clf.text_mean_, mean_text, atol=1e-5)
    np.testing.assert_allclose(clf.image_mean_, mean_image, atol=1e-5)
    by_hand = make().fit(text_embeddings - mean_text, corpus[1])
    images, texts = scenes.images[:4], corpus[0][:4]
    of_images = by_hand.predict_proba(image_embeddings[:4] - mean_image)
    of_texts = by_hand.adapter_.predict_proba(text_embeddings[:4] - mean_text)
    mixed = [item for pair in zip(images, texts) for item in pair]
    for items in (mixed, iter(mixed)):
        np.testing.assert_allclose(
            clf.predict_proba(items),
            np.stack([of_images, of_texts], axis=1).reshape(8, -1),
            atol=2e-3,
        )
    # embeddings are treated as those of images
    np.testing.assert_allclose(clf.predict_proba(image_embeddings[:4]), of_images, atol=2e-3)
    # without images there is no image mean to subtract
    alone = make(center=True).fit(text_embeddings, corpus[1])
    np.testing.assert_array_equal(alone.image_mean_, 0)


def test_standardize(text_embeddings, image_embeddings, corpus):
    clf = TextAsImageClassifier(standardize=True).fit(text_embeddings, corpus[1])
    scores, proba = clf.decision_function(image_embeddings), clf.predict_proba(image_embeddings)
    np.testing.assert_allclose(scores.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(scores.std(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(scores.argsort(axis=1)[:, -1], proba.argsort(axis=1)[:, -1])
    with pytest.raises(ValueError, match="standardize=True takes two labels or more"):
        clf.fit(text_embeddings, np.asarray(corpus[1])[:, :1])


def test_the_papers_recipes(text_embeddings, image_embeddings, corpus, scenes):
    clf = TextAsImageClassifier.paper(max_epochs=5)
    adapter = clf.adapter
    assert (adapter.hidden_layer_sizes, adapter.max_epochs) == ((2048,) * 3, 5)
    assert (adapter.max_lr, adapter.batch_size, adapter.loss, adapter.head) == (
        1e-4,
        64,
        "bce",
        "linear",
    )
    assert (clf.encoder.model_name, clf.perturbation.radius) == ("RN50", 2.5)
    assert not clf.center
    assert not clf.standardize
    few = TextAsImageClassifier.paper("few-shot", relative=False).perturbation
    assert (few.text_radius, few.image_radius, few.relative) == (25, 1, False)
    partly = TextAsImageClassifier.paper("partial-labels", relative=False).perturbation
    assert (partly.radius, partly.offset_by, partly.shrinkage) == (10, "combination", 0)
    with pytest.raises(ValueError, match="'many-shot' is not one of the paper's"):
        TextAsImageClassifier.paper("many-shot")
    X = np.vstack([text_embeddings, image_embeddings[:20]])
    Y = np.vstack([corpus[1], scenes.Y[:20]])
    modality = ["text"] * len(text_embeddings) + ["image"] * 20
    for setting in ("zero-shot", "few-shot", "partial-labels"):
        paper = TextAsImageClassifier.paper(
            setting, hidden_layer_sizes=(16,), max_epochs=1, random_state=0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert paper.fit(X, Y, modality).predict_proba(X[:2]).shape == (2, 20)


def test_parameters_that_a_part_lacks_raise(text_embeddings, corpus):
    X, Y = text_embeddings[:50], np.asarray(corpus[1])[:50]
    with pytest.raises(ValueError, match="Invalid parameter 'max_lr' for estimator KernelAdapter"):
        TextAsImageClassifier().set_params(adapter__max_lr=1)
    with pytest.raises(ValueError, match="Invalid parameter 'max_lr'"):
        GridSearchCV(TextAsImageClassifier(), {"adapter__max_lr": [1e-3, 1e-2]}, cv=2).fit(X, Y)
    with pytest.raises(ValueError, match=r"no noise inside the sphere.*MLPAdapter"):
        TextAsImageClassifier().set_params(perturbation__surface=False).fit(X, Y)
    with pytest.raises(ValueError, match=r"image_radius=0\.1 is set in MixedPerturbation"):
        TextAsImageClassifier(perturbation=MixedPerturbation(image_radius=0.1)).fit(X, Y)


def test_search_over_adapters(text_embeddings, corpus):
    X, Y = text_embeddings[:100], np.asarray(corpus[1])[:100]
    linear = OneVsRestClassifier(LogisticRegression())
    search = GridSearchCV(
        TextAsImageClassifier(),
        [
            {"adapter": [KernelAdapter(), linear], "perturbation__radius": [0, 1]},
            {
                "adapter": [MLPAdapter((8,), max_epochs=5, random_state=0)],
                "adapter__max_lr": [1e-3, 1],
            },
        ],
        cv=2,
        error_score="raise",
    ).fit(X, Y)
    scores = search.cv_results_["mean_test_score"]
    assert len(set(scores.tolist())) == len(scores) == 6


def test_a_classifier_of_scikit_learn_as_the_adapter(text_embeddings, corpus, image_embeddings):
    X, Y = text_embeddings, np.asarray(corpus[1])
    noise = RandomPerturbation(1, random_state=0)
    for linear in (
        OneVsRestClassifier(LogisticRegression()),
        OneVsRestClassifier(LinearSVC()),
        KNeighborsClassifier(),
    ):
        clf = TextAsImageClassifier(perturbation=noise, adapter=linear).fit(X, Y)
        by_hand = clone(linear).fit(clone(noise).fit_transform(X), Y)
        expected = label_scores(by_hand, image_embeddings, ("predict_proba", "decision_function"))
        found = clf.predict_proba(image_embeddings)
        if hasattr(linear, "predict_proba"):
            np.testing.assert_allclose(found, expected, atol=1e-5)
        else:
            np.testing.assert_allclose(
                clf.decision_function(image_embeddings), expected, atol=1e-4
            )
        again = pickle.loads(pickle.dumps(clf))
        np.testing.assert_array_equal(again.predict_proba(image_embeddings), found)
    assert not hasattr(clf, "partial_fit")
    with pytest.raises(ValueError, match=r"KNeighborsClassifier cannot be .*without pickle"):
        save_classifier(clf, "never-made")
    with pytest.raises(ValueError, match=r"cannot be exported.*Take a KernelAdapter"):
        clf.adapter_.to_module()
    unknown = np.vstack([Y, np.full((1, 20), -1)])
    unknown[-1, 0] = 1
    with pytest.raises(ValueError, match=r"cannot learn from unknown labels \(-1\)"):
        clf.fit(np.vstack([X, X[:1]]), unknown, ["text"] * len(X) + ["image"])


@pytest.mark.parametrize(
    "classifier",
    [
        KNeighborsClassifier(),
        OneVsRestClassifier(LogisticRegression()),
        OneVsRestClassifier(LinearSVC()),
        MultiOutputClassifier(LogisticRegression()),
    ],
)
@pytest.mark.parametrize("n_labels", [1, 2])
def test_few_labels_of_a_scikit_learn_adapter(classifier, n_labels):
    X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    Y = (X[:, :n_labels] > 0).astype(int)
    clf = TextAsImageClassifier(
        perturbation=RandomPerturbation(0), adapter=classifier, threshold=0.5
    ).fit(X, Y)
    assert (clf.predict(X) == Y).mean() > 0.85
    gaps = X[:3].copy()
    gaps[1] = np.nan
    clf.encoder_ = SimpleNamespace(transform=lambda items: gaps)
    scores = clf.predict_proba(["one", "two", "three"])
    assert np.isnan(scores).all(axis=1).tolist() == [False, True, False]


def test_partly_known_images_only_move_the_texts_of_a_scikit_learn_adapter(
    text_embeddings, image_embeddings, corpus, scenes
):
    X = np.vstack([text_embeddings[:100], image_embeddings[:20]])
    Y = np.vstack([np.asarray(corpus[1])[:100], scenes.Y[:20]])
    Y[100:, :10] = -1
    modality = ["text"] * 100 + ["image"] * 20
    clf = TextAsImageClassifier(perturbation=ShiftedPerturbation(), adapter=KNeighborsClassifier())
    assert clf.fit(X, Y, modality).predict_proba(X[:2]).shape == (2, 20)


class Stopped(BaseException):
    """Like KeyboardInterrupt, which would stop pytest itself."""


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_an_interrupted_fit_changes_nothing(method, monkeypatch):
    X, Y = np.eye(6, dtype=np.float32), np.eye(6, dtype=int)[:, :3]
    clf = TextAsImageClassifier().fit(X, Y)
    expected, before = clf.predict_proba(X), set(vars(clf))

    def stop(self, data, noise):
        raise Stopped

    monkeypatch.setattr(KernelAdapter, "fit", stop)
    with pytest.raises(Stopped):
        getattr(clf, method)(X, np.eye(6, dtype=int)[:, :4])
    np.testing.assert_array_equal(clf.predict_proba(X), expected)
    assert (set(vars(clf)), clf.classes_.tolist()) == (before, [0, 1, 2])
    with pytest.raises(Stopped):
        clf.fit(np.eye(6, 4), Y)
    np.testing.assert_array_equal(clf.predict_proba(X), expected)


def test_a_fitted_network_cannot_learn_more():
    X = np.eye(4, dtype=np.float32)
    clf = TextAsImageClassifier(adapter=MLPAdapter((), max_epochs=1)).fit(X, X)
    with pytest.raises(ValueError, match=r"has a fitted MLPAdapter.*Call fit with all items"):
        clf.set_params(adapter=KernelAdapter()).partial_fit(X, X)


def test_parts_are_shown_and_searched():
    assert repr(TextAsImageClassifier()) == "TextAsImageClassifier()"
    assert {"perturbation__radius", "adapter__device", "encoder__model_name"} <= set(
        TextAsImageClassifier().get_params()
    )
    assert repr(TextAsImageClassifier(adapter=MLPAdapter((8,)))) == (
        "TextAsImageClassifier(adapter=MLPAdapter(hidden_layer_sizes=(8,)))"
    )


@pytest.mark.parametrize("exponent", range(-24, 26, 2))
@pytest.mark.parametrize("kind", ["kernel", "network", "centred"])
def test_norms_of_any_size_work_or_are_refused(exponent, kind):
    rng = np.random.default_rng(0)
    Y = np.eye(3, dtype=int)[np.arange(60) % 3]
    X = rng.normal(size=(60, 16)) + 2 * Y @ rng.normal(size=(3, 16))
    clf = with_network(hidden_layer_sizes=(8,), max_epochs=2)
    if kind != "network":
        clf = TextAsImageClassifier(center=kind == "centred")
    expected = clf.fit(X, Y).predict_proba(X)
    scaled = X * 10.0**exponent
    if -6 <= exponent <= 14:
        np.testing.assert_allclose(clf.fit(scaled, Y).predict_proba(scaled), expected, atol=1e-3)
        return
    for odd in (scaled, np.stack([scaled, X], axis=1)):
        with pytest.raises(ValueError, match=r"X\[\d+\] holds values up to .*Scale all of them"):
            clf.predict_proba(odd)
    with pytest.raises(ValueError, match="Scale all of them"):
        clf.fit(scaled, Y)
    np.testing.assert_array_equal(clf.predict_proba(X), expected)
    clf.predict_proba(np.vstack([X, np.zeros(16)]))


def test_another_adapter_before_learning_more():
    X, Y = np.eye(3), np.eye(3, dtype=int)
    clf = TextAsImageClassifier().fit(X, Y)
    before = clf.predict_proba(X)
    for adapter in (MLPAdapter(), None, "kernel"):
        clf.set_params(adapter=adapter)
        with pytest.raises(AttributeError, match=r"has no attribute .partial_fit."):
            clf.partial_fit(X, Y)
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    other = with_network(hidden_layer_sizes=(4,), max_epochs=1).fit(X, Y)
    other.set_params(adapter=KernelAdapter())
    with pytest.raises(ValueError, match=r"has a fitted MLPAdapter.* Call fit with all items"):
        other.partial_fit(X, Y)
