"""Reliability diagram: share of positives against predicted probability."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.calibration import CalibrationDisplay
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import check_matplotlib_support
from .._typing import Axes, Classifier, Items, Labels
from ..metrics import label_scores, reliability_curve
from ._inputs import resolve_label_names


class ReliabilityDisplay:
    """How often labels of a given probability are present, over all labels.

    Bars behind the curve show, on the right axis, the share of predictions in each bin;
    the axis is logarithmic, as most predictions are near 0. Scikit-learn's
    :class:`~sklearn.calibration.CalibrationDisplay` draws the curve. Make it with
    :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    prob_true : ndarray of shape (n_bins_used,)
        Share of positives in each bin that has predictions.
    prob_pred : ndarray of shape (n_bins_used,)
        Mean probability in the bin.
    shares : ndarray of shape (n_bins_used,)
        Share of the predictions that are in the bin.
    estimator_name : str or None, default=None
        Name of the classifier, for the legend.

    Attributes
    ----------
    calibration_error : float
        The expected calibration error.
    ax_ : matplotlib Axes
        Where the curve is.
    shares_ax_ : matplotlib Axes
        Where the bars are.
    figure_ : matplotlib Figure
        The figure.
    line_ : matplotlib Line2D
        The curve.
    bars_ : matplotlib BarContainer
        The shares of predictions.

    See Also
    --------
    expected_calibration_error : The figure in the legend.
    MultiLabelCalibratedClassifier : Calibrates the probabilities.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from sklearn_tai.inspection import ReliabilityDisplay
    >>> display = ReliabilityDisplay.from_predictions(
    ...     [[1, 0], [1, 0], [0, 1]], [[0.9, 0.2], [0.9, 0.2], [0.9, 0.2]]
    ... )
    >>> display.prob_pred.round(2), display.prob_true.round(2), display.shares
    (array([0.2, 0.9]), array([0.33, 0.67]), array([0.5, 0.5]))
    >>> display.line_.get_label()
    'ECE 0.183'
    """

    def __init__(
        self,
        prob_true: np.ndarray,
        prob_pred: np.ndarray,
        shares: np.ndarray,
        *,
        estimator_name: str | None = None,
    ) -> None:
        self.prob_true = prob_true
        self.prob_pred = prob_pred
        self.shares = shares
        self.estimator_name = estimator_name

    @property
    def calibration_error(self) -> float:
        """The expected calibration error."""
        return float(np.sum(self.shares * np.abs(self.prob_true - self.prob_pred)))

    @classmethod
    def from_estimator(
        cls,
        estimator: Classifier,
        X: Items,
        y: Labels,
        *,
        n_bins: int = 15,
        strategy: str = "uniform",
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> ReliabilityDisplay:
        """Predict with a fitted classifier and plot.

        Parameters
        ----------
        estimator : estimator
            A fitted multi-label classifier with ``predict_proba``.
        X : list of n_items images or texts, or array-like of shape (n_items, n_features)
            Items, or their embeddings.
        y : {array-like, sparse matrix, DataFrame} of shape (n_items, n_labels)
            True labels; -1 where unknown.
        n_bins : int, default=15
            Number of bins.
        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of the same width, or with about as many predictions each.
        name : str, default=None
            Name for the legend; None for the class of the estimator.
        ax : matplotlib Axes, default=None
            Where to plot; None for a new figure.
        **kwargs : dict
            Passed to ``ax.plot``.

        Returns
        -------
        ReliabilityDisplay
            The plot.

        Raises
        ------
        TypeError
            If the estimator has no ``predict_proba``.
        ValueError
            If `y` does not fit the probabilities.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        if not hasattr(estimator, "predict_proba"):
            raise TypeError(
                f"{type(estimator).__name__} has no predict_proba, so there are no probabilities "
                "to judge. Give another estimator."
            )
        proba = label_scores(estimator, X, ("predict_proba", "predict_proba"))
        resolve_label_names(None, proba.shape[1], y, estimator)  # rejects columns in another order
        return cls.from_predictions(
            y,
            proba,
            n_bins=n_bins,
            strategy=strategy,
            name=type(estimator).__name__ if name is None else name,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Labels,
        y_proba: npt.ArrayLike,
        *,
        n_bins: int = 15,
        strategy: str = "uniform",
        name: str | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> ReliabilityDisplay:
        """Plot given probabilities.

        Parameters
        ----------
        y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            1 if a label is present, 0 if absent, -1 if unknown.
        y_proba : array-like of shape (n_samples, n_labels)
            Probabilities, in [0, 1].
        n_bins : int, default=15
            Number of bins.
        strategy : {"uniform", "quantile"}, default="uniform"
            Bins of the same width, or with about as many predictions each.
        name : str, default=None
            Name for the legend.
        ax : matplotlib Axes, default=None
            Where to plot; None for a new figure.
        **kwargs : dict
            Passed to ``ax.plot``.

        Returns
        -------
        ReliabilityDisplay
            The plot.

        Raises
        ------
        ValueError
            If the shapes differ, nothing is known, a probability is not in [0, 1], or
            `n_bins` or `strategy` is not a valid choice.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        curve = reliability_curve(y_true, y_proba, n_bins, strategy)
        return cls(*curve, estimator_name=name).plot(ax=ax, **kwargs)

    def plot(
        self, *, name: str | None = None, ax: Axes | None = None, **kwargs: Any
    ) -> ReliabilityDisplay:
        """Draw the curve and the bars.

        Parameters
        ----------
        name : str, default=None
            Name for the legend; None for `estimator_name`.
        ax : matplotlib Axes, default=None
            Where to plot; None for a new figure.
        **kwargs : dict
            Passed to ``ax.plot``.

        Returns
        -------
        ReliabilityDisplay
            This display.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
        name = self.estimator_name if name is None else name
        error = f"ECE {self.calibration_error:.3f}"
        label = error if name is None else f"{name}, {error}"
        curve = CalibrationDisplay(self.prob_true, self.prob_pred, y_prob=None)
        curve.plot(ax=ax, name=label, **kwargs)
        self.ax_, self.figure_, self.line_ = ax, ax.figure, curve.line_
        self.shares_ax_ = ax.twinx()
        self.bars_ = self.shares_ax_.bar(
            self.prob_pred, self.shares, width=0.03, color=self.line_.get_color(), alpha=0.25
        )
        self.shares_ax_.set(yscale="log", ylabel="share of predictions", ylim=(None, 1))
        # draw the curve above the bars
        ax.set_zorder(self.shares_ax_.get_zorder() + 1)
        ax.patch.set_visible(False)
        ax.set(xlabel="probability", ylabel="share of positives", xlim=(0, 1), ylim=(0, 1))
        ax.legend(loc="upper left", frameon=False)
        return self
