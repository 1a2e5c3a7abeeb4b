"""scikit-learn's own checks of every estimator, and use with scikit-learn's tools."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_tai import (
    MixedPerturbation,
    MLPAdapter,
    MultiLabelCalibratedClassifier,
    MultiLabelThresholdClassifier,
    OllamaCorpusGenerator,
    OpenAICorpusGenerator,
    OpenCLIPEncoder,
    PromptCorpusGenerator,
    RandomPerturbation,
    ScoreEnsemble,
    ShiftedPerturbation,
    TextAsImageClassifier,
    ZeroShotClassifier,
)
from sklearn_tai.baselines import (
    CoMCClassifier,
    CoOpClassifier,
    DualCoOpClassifier,
    SARBClassifier,
    TaIDPTClassifier,
)
from sklearn_tai.metrics import map_scorer, mean_average_precision
from tests.models import n_loads
from tests.networks import with_network

sklearn_version = tuple(map(int, sklearn.__version__.split(".")[:2]))


def small(**params):
    return with_network(
        **({"hidden_layer_sizes": (16,), "max_epochs": 3, "batch_size": 32} | params)
    )


_NOISE = "noise belongs to training: fit_transform differs from transform by design"
_ONE_COLUMN = "y is an indicator matrix; one column of class numbers is refused by design"
_COLUMN_NAMES = "classes of partial_fit are the names of the columns of y, not its values"
_NOISE_CHECKS = dict.fromkeys(
    ["check_transformer_general", "check_transformer_data_not_an_array"], _NOISE
)
_CLASSIFIER_CHECKS = dict.fromkeys(
    [
        "check_classifier_data_not_an_array",
        "check_classifier_not_supporting_multiclass",
        "check_classifiers_classes",
        "check_classifiers_one_label",
        "check_classifiers_regression_target",
        "check_classifiers_train",
        "check_estimators_dtypes",
        "check_fit2d_1feature",
    ],
    _ONE_COLUMN,
)
EXPECTED_FAILURES = {
    "RandomPerturbation": _NOISE_CHECKS,
    "MixedPerturbation": _NOISE_CHECKS,
    "ShiftedPerturbation": _NOISE_CHECKS,
    "TextAsImageClassifier": _CLASSIFIER_CHECKS
    | {
        "check_decision_proba_consistency": _ONE_COLUMN,
        "check_classifier_multioutput": (
            "in float32, probabilities next to 1 are equal where their logits are not"
        ),
        "check_n_features_in_after_fitting": _COLUMN_NAMES,
        "check_parameters_default_constructible": "defaults are estimators, cloned when used",
        "check_estimators_partial_fit_n_features": _COLUMN_NAMES,
    },
    "ScoreEnsemble": _CLASSIFIER_CHECKS
    | {
        "check_classifiers_multilabel_output_format_predict_proba": (
            "the lowest score is scaled to 0, which the check does not allow"
        ),
        "check_methods_subset_invariance": "scores are scaled over the batch, as in the paper",
    },
}


@pytest.mark.filterwarnings("ignore:X contains no images")
@pytest.mark.filterwarnings("ignore:.* labels have no positive item")
@parametrize_with_checks(
    [
        RandomPerturbation(random_state=0),
        MixedPerturbation(random_state=0),
        ShiftedPerturbation(random_state=0),
        # before 1.7, the checks give multi-label classifiers a single column of class numbers
        *(
            [
                small(),
                TextAsImageClassifier(),
                ScoreEnsemble([("adapter", small())]),
            ]
            if sklearn_version >= (1, 7)
            else []
        ),
    ],
    expected_failed_checks=lambda est: EXPECTED_FAILURES.get(type(est).__name__, {}),
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


# ---------------------------------------------------------------- texts and images as input
ESTIMATORS = [
    TextAsImageClassifier(),
    TextAsImageClassifier(OpenCLIPEncoder("tai-tiny"), MixedPerturbation(2), MLPAdapter()),
    ZeroShotClassifier(["dog", "cat"]),
    MultiLabelCalibratedClassifier(TextAsImageClassifier()),
    MultiLabelThresholdClassifier(TextAsImageClassifier()),
    ScoreEnsemble([("adapter", TextAsImageClassifier()), ("clip", ZeroShotClassifier(["dog"]))]),
    CoMCClassifier(radius=2),
    CoOpClassifier(["dog", "cat"]),
    DualCoOpClassifier(["dog", "cat"]),
    SARBClassifier(width=8),
    TaIDPTClassifier(["dog", "cat"]),
    OpenCLIPEncoder(),
    RandomPerturbation(),
    MixedPerturbation(),
    ShiftedPerturbation(),
    PromptCorpusGenerator(),
    OllamaCorpusGenerator("llama3.2"),
    OpenAICorpusGenerator("gpt-4o-mini"),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_parameters(estimator):
    params = estimator.get_params()
    again = clone(estimator)
    assert repr(again) == repr(estimator)
    assert type(estimator).__name__ in estimator._repr_html_()
    again.set_params(**{k: v for k, v in params.items() if "__" not in k})
    assert repr(again) == repr(estimator)
    with pytest.raises(ValueError, match="Invalid parameter"):
        again.set_params(no_such_parameter=1)
    # constructors only store parameters
    for name, value in estimator.get_params(deep=False).items():
        assert getattr(type(estimator)(**{**estimator.get_params(deep=False)}), name) is value


@pytest.fixture(scope="module")
def texts_and_labels(corpus, scenes):
    texts, Y = corpus
    return texts[:300], pd.DataFrame(Y[:300], columns=scenes.label_names)


@pytest.fixture(scope="module")
def clf(encoder):
    return small(encoder=encoder, hidden_layer_sizes=(64,), max_lr=5e-3)


@pytest.mark.parametrize(
    "search",
    [
        lambda clf, **kw: GridSearchCV(clf, {"perturbation__radius": [0, 1]}, **kw),
        lambda clf, **kw: RandomizedSearchCV(
            clf, {"perturbation__radius": [0, 1, 2]}, n_iter=2, random_state=0, **kw
        ),
        lambda clf, **kw: HalvingGridSearchCV(
            clf,
            {"perturbation__radius": [0, 1]},
            resource="adapter__max_epochs",
            max_resources=4,
            min_resources=2,
            random_state=0,
            **kw,
        ),
    ],
    ids=["grid", "random", "halving"],
)
@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.filterwarnings("ignore:Texts are scored after a radius")
def test_searches(search, n_jobs, clf, texts_and_labels, scenes):
    found = search(clf, cv=2, scoring=map_scorer, n_jobs=n_jobs, error_score="raise")
    found.fit(*texts_and_labels)
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    assert found.best_score_ > 0.3
    assert found.predict_proba(scenes.images[:2]).shape == (2, 20)


def test_same_scores_with_processes(clf, texts_and_labels):
    one = cross_val_score(clf, *texts_and_labels, cv=3)
    two = cross_val_score(clf, *texts_and_labels, cv=3, n_jobs=2)
    np.testing.assert_allclose(one, two, atol=1e-5)


def test_cross_val_predict(clf, texts_and_labels):
    proba = cross_val_predict(clf, *texts_and_labels, cv=2, method="predict_proba")
    assert mean_average_precision(texts_and_labels[1], proba) > 0.3


def test_a_repr_loads_no_model():
    encoder = OpenCLIPEncoder("ViT-L-14", None)
    before = n_loads()
    assert "ViT-L-14" in encoder._repr_html_()
    assert n_loads() == before
    with pytest.raises(NotFittedError):
        encoder.get_feature_names_out()


def test_set_output_and_feature_names(encoder, texts_and_labels):
    frame = clone(encoder).set_output(transform="pandas").fit().transform(["a dog", "a cat"])
    assert frame.columns[0] == "openclipencoder0"
    assert frame.shape == (2, 256)
    np.testing.assert_allclose(frame.to_numpy(), encoder.transform(["a dog", "a cat"]), atol=1e-5)
    noise = RandomPerturbation().set_output(transform="pandas").fit(frame)
    assert list(noise.transform(frame).columns) == list(frame.columns)
    assert list(noise.feature_names_in_) == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        noise.transform(frame.rename(columns={"openclipencoder0": "other"}))


def test_pipeline_of_scikit_learn_parts(encoder, texts_and_labels, scenes):
    texts, Y = texts_and_labels
    pipeline = make_pipeline(
        encoder,
        RandomPerturbation(1, random_state=0),
        OneVsRestClassifier(LogisticRegression(C=0.1, max_iter=300)),
    )
    proba = pipeline.fit(texts, Y.to_numpy()).predict_proba(scenes.images[:50])
    assert proba.shape == (50, 20)
    assert ((proba >= 0) & (proba <= 1)).all()


def test_calibration_label_by_label(text_embeddings, corpus):
    """CalibratedClassifierCV handles one label at a time, so OneVsRest goes around it."""
    X, Y = text_embeddings[:300], np.asarray(corpus[1][:300])[:, :3]
    calibrated = OneVsRestClassifier(CalibratedClassifierCV(LogisticRegression(), cv=2))
    proba = make_pipeline(RandomPerturbation(0.5, random_state=0), calibrated).fit(X, Y)
    assert mean_average_precision(Y, proba.predict_proba(X)) > 0.5


def test_column_transformer(encoder):
    frame = pd.DataFrame({"caption": ["a dog", "a cat"], "width": [3.0, 4.0]})
    both = ColumnTransformer([("text", encoder, "caption"), ("rest", "passthrough", ["width"])])
    out = both.fit_transform(frame)
    np.testing.assert_allclose(out[:, :256], encoder.transform(["a dog", "a cat"]), atol=1e-5)
    np.testing.assert_array_equal(out[:, 256], [3, 4])


def test_metadata_routing(text_embeddings, corpus):
    X, Y = text_embeddings[:100], np.asarray(corpus[1][:100])
    modality = np.array(["text"] * 80 + ["image"] * 20)
    with config_context(enable_metadata_routing=True):
        clf = small(perturbation=MixedPerturbation(2.5)).set_fit_request(modality=True)
        search = GridSearchCV(clf, {"perturbation__image_radius": [0.1]}, cv=2, refit=True)
        search.fit(X, Y, modality=modality)
        of_texts = np.linalg.norm(X[:80], axis=1).mean()
        assert search.best_estimator_.perturbation_.radius_ == pytest.approx(2.5 * of_texts)
        pipe = make_pipeline(RandomPerturbation(0).set_fit_request(modality=False), clf)
        pipe.fit(X, Y, modality=modality)
        assert pipe.predict_proba(X).shape == Y.shape
