"""Per-label thresholds, which turn probabilities into labels."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from scipy.special import expit
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import HasMethods, Interval, StrOptions, estimator_has, fit_context
from .._typing import Estimator, Items, Labels, Splits
from ..metrics import label_scores
from ._cuts import best_cut, held_out_precision, precise_cuts, shrunk_cuts
from ._post_hoc import PostHocClassifier, to_logits

__all__ = ["MultiLabelThresholdClassifier"]

_METHODS = {
    "auto": ("predict_proba", "decision_function"),
    "predict_proba": ("predict_proba", "predict_proba"),
    "decision_function": ("decision_function", "decision_function"),
}


class MultiLabelThresholdClassifier(PostHocClassifier):
    """Classifier that chooses each label's threshold for a high F1, or for a precision.

    Probabilities learnt from texts are not calibrated on images, so 0.5 is seldom the best
    threshold. This is scikit-learn's
    :class:`~sklearn.model_selection.TunedThresholdClassifierCV` for many labels and few
    labelled items. Fit it on *images*, with labels if there are any, else without.

    Parameters
    ----------
    estimator : estimator
        A multi-label classifier with ``predict_proba`` or ``decision_function``. Wrap one
        that is already fitted in :class:`sklearn.frozen.FrozenEstimator`; any other is
        cross-validated on the items passed to :meth:`fit`, then fitted on all of them.
    precision : float or None, default=None
        The share of assigned labels that should be right, such as 0.9; this needs labelled
        items. `precision_` estimates what was reached. None for a high F1.
    shrinkage : float, default=128
        How strongly a label's own best threshold is shrunk towards the one implied by
        calibrated probabilities: with this many positives both count equally. With 0, each
        label is on its own; with ``np.inf``, or with `precision`, labels' own thresholds
        are not used.
    response_method : {"auto", "predict_proba", "decision_function"}, default="auto"
        The scores to compare with thresholds; "auto" takes the first of these that exists.
    cv : int, cross-validation generator or iterable, default=None
        Splits for an estimator that is not frozen; None for five folds. If `X` lists texts
        and images, only images are split, and all texts are used for training.
    n_jobs : int or None, default=None
        Splits fitted in parallel.

    Attributes
    ----------
    thresholds_ : ndarray of shape (n_labels,)
        ``predict`` assigns a label if its score is above its threshold.
    shared_threshold_ : float
        The threshold of a label that is unknown in `y`.
    best_score_ : float
        Micro F1 of `thresholds_` on the items of :meth:`fit`; without labels the expected
        F1 according to the probabilities.
    precision_ : float or None
        With `precision`, the share of assigned labels that are right, cross-validated in
        five folds; NaN if none is assigned.
    n_named_ : int or None
        How many labels are assigned there.
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
    MultiLabelCalibratedClassifier : Calibrates the probabilities instead.

    Notes
    -----
    *Without labels* all labels get the plug-in threshold, which maximises the expected
    micro F1. If the set S of entries is assigned, that is :math:`2 \\sum_{S} p / (|S| +
    \\sum p)`, and the best threshold is half of its maximum [1]_. It is as good as the
    calibration of the probabilities. Separate thresholds for labels from their own
    probabilities were no better.

    *With labels* the probabilities are calibrated first, as by
    :class:`~sklearn_tai.MultiLabelCalibratedClassifier`. With slope a, intercept b,
    offsets :math:`o_k` and the plug-in threshold :math:`c` of the calibrated logits,
    and :math:`c_k` the score at which label k, with :math:`n_k` positives, has its
    highest F1, its threshold is

    .. math:: t_k = \\frac{n_k \\, c_k + m \\, (c - b - o_k) / a}{n_k + m}

    on the scale of logits for probabilities; m is `shrinkage`. Unknown labels (-1) are
    left out.

    *With a precision* a label is assigned if its calibrated probability is above it. So
    each assigned label is at least that likely to be right, and more likely on average; if
    no label is that certain, none is assigned.

    References
    ----------
    .. [1] Lipton, Elkan, Naryanaswamy, "Optimal Thresholding of Classifiers to Maximize
       F1 Measure", 2014, arXiv:1402.1892.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator, TextAsImageClassifier
    >>> from sklearn_tai.datasets import load_emoji_scenes
    >>> from sklearn_tai import MultiLabelThresholdClassifier
    >>> scenes = load_emoji_scenes()
    >>> corpus = PromptCorpusGenerator(n_texts=300, random_state=0).generate(scenes.label_names)
    >>> clf = TextAsImageClassifier(OpenCLIPEncoder("tai-tiny")).fit(*corpus)
    >>> tuned = MultiLabelThresholdClassifier(FrozenEstimator(clf))
    >>> images, Y = scenes.images[:100], scenes.Y[:100]
    >>> tuned.fit(images).thresholds_.shape  # no labels are needed
    (20,)
    >>> tuned.predict(images).shape
    (100, 20)
    >>> tuned.fit(images[:50], Y[:50]).n_positives_.shape  # a few labels help
    (20,)
    >>> sure = MultiLabelThresholdClassifier(FrozenEstimator(clf), precision=0.9)
    >>> sure.fit(images, Y).precision_ > 0.8  # on pictures held out
    True
    """

    _parameter_constraints = {
        "estimator": [
            HasMethods(["fit", "predict_proba"]),
            HasMethods(["fit", "decision_function"]),
        ],
        "precision": [Interval(Real, 0, 1, closed="neither"), None],
        "shrinkage": [Interval(Real, 0, None, closed="both")],
        "response_method": [StrOptions(set(_METHODS))],
        "cv": ["cv_object"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        estimator: Estimator,
        *,
        precision: float | None = None,
        shrinkage: float = 128.0,
        response_method: str = "auto",
        cv: Splits = None,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.precision = precision
        self.shrinkage = shrinkage
        self.response_method = response_method
        self.cv = cv
        self.n_jobs = n_jobs

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Items, y: Labels = None) -> MultiLabelThresholdClassifier:
        """Choose the thresholds.

        Parameters
        ----------
        X : list of n_items images, or array-like of shape (n_items, n_features)
            Images like those to be labelled, or their embeddings, that a frozen estimator
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
            If `y` does not fit `X` or the estimator, has no 1 or no 0, or is None where
            it is needed, as with `precision`, if positives do not score higher than
            negatives, or if the estimator has no such method as `response_method`.
        """
        methods = _METHODS[self.response_method]
        if not any(hasattr(self.estimator, method) for method in methods):
            raise ValueError(
                f"response_method={self.response_method!r}, but the estimator has no "
                f'{methods[0]}. Give response_method="auto", or another estimator.'
            )
        if self.precision is not None and y is None:
            raise ValueError(
                "precision takes labelled items. Pass y; without labels, set threshold of the "
                "classifier itself."
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
        self.precision_ = self.n_named_ = None
        if labels is None:
            assert plug_in is not None
            shared, cuts = plug_in, np.full(scores.shape[1], plug_in)
        elif self.precision is None:
            cuts, shared = shrunk_cuts(scores, labels, self.shrinkage)
        else:
            cuts, shared = precise_cuts(scores, labels, self.precision)
            self.precision_, self.n_named_ = held_out_precision(scores, labels, self.precision)
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

    def _cuts_proba(self, estimator: Estimator) -> bool:
        return self.response_method == "predict_proba" or (
            self.response_method == "auto" and hasattr(estimator, "predict_proba")
        )

    def _decision_threshold(self) -> np.ndarray:
        check_is_fitted(self)
        return self.thresholds_

    def _decision_scores(self, X: Items) -> np.ndarray:
        check_is_fitted(self)
        return label_scores(self.estimator_, X, _METHODS[self.response_method])

    @available_if(estimator_has("predict_proba"))
    def predict_proba(self, X: Items) -> np.ndarray:
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

    @available_if(estimator_has("decision_function"))
    def decision_function(self, X: Items) -> np.ndarray:
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
        return label_scores(self.estimator_, X, _METHODS["decision_function"])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        return tags
