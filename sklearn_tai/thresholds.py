"""Per-label thresholds: from probabilities to labels."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import _fit_context
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _estimator_has, check_is_fitted

from ._cuts import best_cut, shrunk_cuts
from ._post_hoc import PostHocClassifier, to_logits
from .metrics import label_scores

__all__ = ["MultiLabelThresholdClassifier"]

_METHODS = {
    "auto": ("predict_proba", "decision_function"),
    "predict_proba": ("predict_proba", "predict_proba"),
    "decision_function": ("decision_function", "decision_function"),
}


class MultiLabelThresholdClassifier(PostHocClassifier):
    """Classifier that chooses the threshold of each label for a high F1.

    Probabilities learnt from texts are not calibrated on images, so 0.5 is seldom the
    best place to cut. This is scikit-learn's
    :class:`~sklearn.model_selection.TunedThresholdClassifierCV` for many labels and few
    labelled items. Fit it on *images*: with labels where there are some, else without.

    Parameters
    ----------
    estimator : estimator
        A multi-label classifier with ``predict_proba`` or ``decision_function``. Wrap
        one that is fitted already in :class:`sklearn.frozen.FrozenEstimator`; any other
        is cross-validated on the items given to :meth:`fit`, then fitted on all of them.
    shrinkage : float, default=16
        How strongly the cut of a label is drawn to the shared cut: at so many positives
        both count equally. 0 lets each label stand alone, ``np.inf`` gives all labels
        the shared cut.
    plug_in_weight : float, default=128
        How strongly the shared cut of labelled items is drawn to the cut that the
        probabilities themselves imply, as a number of positives. 0 trusts the labels
        alone, which is better where the probabilities are far off. Not used with
        ``decision_function``.
    response_method : {"auto", "predict_proba", "decision_function"}, default="auto"
        The scores that are cut; "auto" takes the first of these that there is.
    cv : int, cross-validation generator or iterable, default=None
        Splits for an estimator that is not frozen; None for five folds.
    n_jobs : int or None, default=None
        Splits fitted at a time.

    Attributes
    ----------
    thresholds_ : ndarray of shape (n_labels,)
        ``predict`` names a label where its score is above its threshold.
    shared_threshold_ : float
        The threshold of a label of which nothing is known.
    best_score_ : float
        Micro F1 of `thresholds_` on the items of :meth:`fit`; without labels the F1
        that the probabilities let expect.
    n_positives_ : ndarray of shape (n_labels,) or None
        Positive items of each label in `y`; None without labels.
    estimator_ : estimator
        The fitted classifier.
    classes_ : ndarray of shape (n_labels,)
        The labels.
    n_features_in_ : int
        Dimension of the embeddings, if the estimator knows it.

    See Also
    --------
    MultiLabelCalibratedClassifier : Mends the probabilities instead.

    Notes
    -----
    All cuts are taken on the scale of logits. With labels, the own cut :math:`c_k` of
    label k maximises its F1, and the shared cut :math:`c` the micro F1. With
    :math:`n_k` positives of label k, :math:`n` of all, shrinkage m and plug-in weight w,

    .. math:: \\bar{c} = \\frac{n \\, c + w \\, c_p}{n + w}, \\qquad
       t_k = \\frac{n_k \\, c_k + m \\, \\bar{c}}{n_k + m}

    The plug-in cut :math:`c_p` maximises the micro F1 that the probabilities imply:
    naming the set S of entries, it is
    :math:`2 \\sum_{S} p / (|S| + \\sum p)`, whose best cut lies at half its maximum
    [1]_. Without labels it is the threshold of all labels: cuts of single labels from
    probabilities were no better. Unknown labels (-1) are left out.

    References
    ----------
    .. [1] Lipton, Elkan, Naryanaswamy, "Optimal Thresholding of Classifiers to Maximize
       F1 Measure", 2014, arXiv:1402.1892.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.metrics import f1_score
    >>> from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator, TextAsImageClassifier
    >>> from sklearn_tai.datasets import load_emoji_scenes
    >>> from sklearn_tai.thresholds import MultiLabelThresholdClassifier
    >>> scenes = load_emoji_scenes()
    >>> corpus = PromptCorpusGenerator(n_texts=300, random_state=0).generate(scenes.label_names)
    >>> clf = TextAsImageClassifier(OpenCLIPEncoder("tai-tiny")).fit(*corpus)
    >>> tuned = MultiLabelThresholdClassifier(FrozenEstimator(clf))
    >>> images, Y = scenes.images[:100], scenes.Y[:100]
    >>> tuned.fit(images).thresholds_.shape  # no labels are needed
    (20,)
    >>> f1 = f1_score(Y, tuned.predict(images), average="micro")
    >>> f1 > f1_score(Y, clf.predict(images), average="micro")
    True
    >>> tuned.fit(images[:50], Y[:50]).n_positives_.shape  # a few labels help
    (20,)
    """

    _parameter_constraints = {
        "estimator": [
            HasMethods(["fit", "predict_proba"]),
            HasMethods(["fit", "decision_function"]),
        ],
        "shrinkage": [Interval(Real, 0, None, closed="both")],
        "plug_in_weight": [Interval(Real, 0, None, closed="left")],
        "response_method": [StrOptions(set(_METHODS))],
        "cv": ["cv_object"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        shrinkage: float = 16.0,
        plug_in_weight: float = 128.0,
        response_method: str = "auto",
        cv: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.shrinkage = shrinkage
        self.plug_in_weight = plug_in_weight
        self.response_method = response_method
        self.cv = cv
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None) -> MultiLabelThresholdClassifier:
        """Choose the thresholds.

        Parameters
        ----------
        X : list of n_items images, or array-like of shape (n_items, n_features)
            Images such as those to label, or their embeddings, that a frozen estimator
            was not trained on. For an estimator that is not frozen, its training items.
        y : {array-like, sparse matrix, DataFrame} of shape (n_items, n_labels), default=None
            Labels; -1 where unknown. None if there are none, with a frozen estimator
            that has ``predict_proba``.

        Returns
        -------
        MultiLabelThresholdClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If `y` does not fit `X` or the estimator, has no positive though
            `plug_in_weight` is 0, or is None where it is needed, or if the estimator
            has no such method as `response_method`.
        """
        methods = _METHODS[self.response_method]
        if not any(hasattr(self.estimator, method) for method in methods):
            raise ValueError(
                f"response_method={self.response_method!r}, but the estimator has no "
                f'{methods[0]}. Give response_method="auto", or another estimator.'
            )
        scores, labels = self._held_out(X, y, methods)
        if self._cuts_proba(self.estimator_):
            proba, scores = scores, to_logits(scores)
            plug_in = best_cut(np.ravel(proba), scores.ravel())
        elif y is None:
            raise ValueError(
                "Without y the thresholds come from probabilities, so the estimator needs "
                "predict_proba (and response_method must allow it). Pass y, or another estimator."
            )
        else:
            plug_in = None
        if labels is None:
            assert plug_in is not None
            shared, cuts = plug_in, np.full(scores.shape[1], plug_in)
        else:
            cuts, shared = shrunk_cuts(
                scores, labels, plug_in, self.shrinkage, self.plug_in_weight
            )
        targets = proba if labels is None else np.where(labels < 0, 0, labels)
        named = (scores > cuts) if labels is None else (scores > cuts) & (labels >= 0)
        self.best_score_ = float(
            2 * targets[named].sum() / max(named.sum() + targets.sum(), np.finfo(float).tiny)
        )
        self.n_positives_ = None if labels is None else (labels == 1).sum(axis=0)
        is_proba = plug_in is not None
        self.thresholds_ = expit(cuts) if is_proba else cuts
        self.shared_threshold_ = float(expit(shared) if is_proba else shared)
        return self

    def _cuts_proba(self, estimator: Any) -> bool:
        return self.response_method == "predict_proba" or (
            self.response_method == "auto" and hasattr(estimator, "predict_proba")
        )

    def _decision_threshold(self) -> np.ndarray:
        check_is_fitted(self)
        return self.thresholds_

    def predict(self, X: Any) -> np.ndarray:
        """Which labels have a score above their threshold.

        Parameters
        ----------
        X : list or iterator of n_items, or array-like of shape (n_items, n_features)
            Images (or texts), or their embeddings.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            An indicator of 0 and 1; -1 for images that could not be read, if the
            encoder lets them pass.
        """
        check_is_fitted(self)
        scores = label_scores(self.estimator_, X, _METHODS[self.response_method])
        return np.where(np.isnan(scores), -1, scores > self.thresholds_)

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the estimator, unchanged.

        Parameters
        ----------
        X : list or iterator of n_items, or array-like of shape (n_items, n_features)
            Images (or texts), or their embeddings.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            Probabilities. They are not compared with 0.5 but with `thresholds_`.
        """
        check_is_fitted(self)
        return label_scores(self.estimator_, X, _METHODS["predict_proba"])

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X: Any) -> np.ndarray:
        """Scores of the estimator, unchanged.

        Parameters
        ----------
        X : list or iterator of n_items, or array-like of shape (n_items, n_features)
            Images (or texts), or their embeddings.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            Scores.
        """
        check_is_fitted(self)
        return self.estimator_.decision_function(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        return tags
