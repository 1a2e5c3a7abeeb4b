"""Average precision of each label."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import check_matplotlib_support
from .._typing import Axes, Classifier, Items, Labels, Names
from ..inputs import column_names
from ..metrics import label_average_precisions, label_scores
from ._inputs import resolve_label_names

_MAX_ROWS = 40  # more do not fit on a readable page
_N_ENDS = 30  # best and worst labels shown if there are more
_MAX_NAME = 36


class LabelReportDisplay:
    """Average precision of each label, as bars from the best to the worst.

    Next to each bar are the average precision and the number of positives. A small mark
    shows chance level, the share of positives; a line the mean (mAP). Labels without
    positives have no average precision and are listed last. Make it with
    :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    average_precisions : ndarray of shape (n_labels,)
        Average precisions, NaN for labels without positives.
    n_positives, n_known : ndarray of shape (n_labels,)
        How many samples have the label, and for how many it is known.
    label_names : list of n_labels str
        Names of the labels.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the bars are.
    figure_ : matplotlib Figure
        The figure.
    bars_ : matplotlib BarContainer
        The bars, the best first.

    See Also
    --------
    mean_average_precision : The mean.
    PredictionDisplay : Images with their labels.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from sklearn_tai.inspection import LabelReportDisplay
    >>> display = LabelReportDisplay.from_predictions(
    ...     [[1, 0, 0], [0, 1, 0], [1, 1, 0]],
    ...     [[0.9, 0.2, 0.1], [0.5, 0.6, 0.2], [0.3, 0.4, 0.3]],
    ...     label_names=["dog", "bicycle", "traffic light"],
    ... )
    >>> display.average_precisions.round(2), display.n_positives
    (array([0.83, 1. , nan]), array([2, 2, 0]))
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['bicycle', 'dog', 'traffic light']
    """

    def __init__(
        self,
        average_precisions: np.ndarray,
        n_positives: np.ndarray,
        n_known: np.ndarray,
        label_names: list[str],
    ) -> None:
        self.average_precisions = average_precisions
        self.n_positives = n_positives
        self.n_known = n_known
        self.label_names = label_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Classifier,
        X: Items,
        y: Labels,
        *,
        label_names: Names | None = None,
        n_labels: int | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> LabelReportDisplay:
        """Score items with a fitted classifier and plot.

        Parameters
        ----------
        estimator : estimator
            A fitted multi-label classifier with ``decision_function`` or
            ``predict_proba``.
        X : list of n_items images or texts, or array-like of shape (n_items, n_features)
            Items, or their embeddings.
        y : {array-like, sparse matrix, DataFrame} of shape (n_items, n_labels)
            True labels; -1 where unknown.
        label_names : sequence of n_labels str, default=None
            Names of the labels; None for those of the classifier, else the columns of a
            data frame, else numbers.
        n_labels : int, default=None
            See :meth:`plot`.
        ax : matplotlib Axes, default=None
            Where to plot; None for a new figure.
        **kwargs : dict
            Passed to ``ax.barh``.

        Returns
        -------
        LabelReportDisplay
            The plot.

        Raises
        ------
        ValueError
            If `y` does not fit the scores, or `label_names` the labels.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        scores = label_scores(estimator, X)
        names = resolve_label_names(label_names, scores.shape[1], y, estimator)
        return cls.from_predictions(
            y, scores, label_names=names, n_labels=n_labels, ax=ax, **kwargs
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Labels,
        y_score: npt.ArrayLike,
        *,
        label_names: Names | None = None,
        n_labels: int | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> LabelReportDisplay:
        """Plot given scores.

        Parameters
        ----------
        y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            1 if a label is present, 0 if absent, -1 if unknown.
        y_score : array-like of shape (n_samples, n_labels)
            Scores, higher if a label is more likely.
        label_names : sequence of n_labels str, default=None
            Names of the labels; None for the columns of a data frame, else numbers.
        n_labels : int, default=None
            See :meth:`plot`.
        ax : matplotlib Axes, default=None
            Where to plot; None for a new figure.
        **kwargs : dict
            Passed to ``ax.barh``.

        Returns
        -------
        LabelReportDisplay
            The plot.

        Raises
        ------
        ValueError
            If the shapes differ, a score is not finite, or `label_names` does not fit.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        truth = np.asarray(y_true.toarray() if sparse.issparse(y_true) else y_true)
        if truth.ndim == 2 and 0 in truth.shape:
            raise ValueError(
                f"y_true has shape {truth.shape}; at least one sample and one label are required."
            )
        precisions = label_average_precisions(truth, y_score)
        if label_names is None:
            label_names = column_names(y_score)
        names = resolve_label_names(label_names, len(precisions), y_true)
        counts = (truth == 1).sum(axis=0), (truth >= 0).sum(axis=0)
        return cls(precisions, *counts, names).plot(n_labels=n_labels, ax=ax, **kwargs)

    def plot(
        self, *, n_labels: int | None = None, ax: Axes | None = None, **kwargs: Any
    ) -> LabelReportDisplay:
        """Draw the bars.

        Parameters
        ----------
        n_labels : int, default=None
            How many labels to show: half of them the best, half the worst. The others,
            and the labels without positives, are then only counted. None shows all, or
            30 if there are more than 40.
        ax : matplotlib Axes, default=None
            Where to plot; None for a new figure that is high enough.
        **kwargs : dict
            Passed to ``ax.barh``.

        Returns
        -------
        LabelReportDisplay
            This display.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        shown, notes = self._rows(n_labels)
        n_rows = len(shown) + len(notes)
        if ax is None:
            height = 1.3 + 0.24 * n_rows
            _, ax = plt.subplots(figsize=(7.5, height), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        # the rows without notes are for bars
        places = np.setdiff1d(np.arange(n_rows), [place for place, _ in notes])
        precisions = self.average_precisions[shown]
        bar = ~np.isnan(precisions)
        style = {"color": "#7fb2d9", "height": 0.72, **kwargs}
        self.bars_ = ax.barh(places[bar], precisions[bar], **style)
        ink = plt.rcParams["text.color"]
        chance = self.n_positives[shown][bar] / self.n_known[shown][bar]
        ax.plot(
            chance, places[bar], "|", color=ink, markersize=8, mew=1.6, label="chance", zorder=3
        )
        if bar.any():
            mean = np.nanmean(self.average_precisions)
            ax.axvline(mean, color="#c2410c", linestyle="--", lw=1.2, label=f"mean {mean:.3f}")
            ax.legend(
                loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=0.2
            )
        self._write_numbers(places, shown)
        notes += [(int(place), "no positives") for place in places[~bar]]
        for place, note in notes:
            ax.text(0.01, place, note, style="italic", size="small", va="center", alpha=0.75)
        ax.set_yticks(places, [_shortened(self.label_names[k]) for k in shown])
        for label in ax.get_yticklabels():
            label.set_parse_math(False)  # a name may contain "$"
        ax.tick_params(axis="y", length=0)
        ax.spines[["top", "right"]].set_visible(False)
        ax.set(xlim=(0, 1), ylim=(n_rows - 0.4, -0.6))
        ax.set_xlabel("average precision")
        return self

    def _rows(self, n_labels: int | None) -> tuple[np.ndarray, list[tuple[int, str]]]:
        """The labels to show, best first, and notes, with their rows, about the other labels."""
        if n_labels is not None:
            check_scalar(n_labels, "n_labels", Integral, min_val=1)
        order = np.argsort(-self.average_precisions, kind="stable")  # NaN last
        limit = n_labels or (_MAX_ROWS if len(order) <= _MAX_ROWS else _N_ENDS)
        if len(order) <= limit:
            return order, []
        n_ranked = int((~np.isnan(self.average_precisions)).sum())
        notes, shown = [], order[:n_ranked]
        n_between = n_ranked - limit
        if n_between > 0:
            best = (limit + 1) // 2
            shown = np.r_[shown[:best], shown[best + n_between :]]
            notes.append((best, f"{n_between:,} label{'s' * (n_between > 1)} between"))
        n_without = len(order) - n_ranked
        if n_without:
            note = f"{n_without:,} label{'s' * (n_without > 1)} without positives"
            notes.append((len(shown) + len(notes), note))
        return shown, notes

    def _write_numbers(self, places: np.ndarray, shown: np.ndarray) -> None:
        """Write two columns on the right: average precision and number of positives."""
        columns = [
            (34, "AP", [f"{value:.2f}" for value in self.average_precisions[shown]]),
            (92, "positives", [f"{count:,}" for count in self.n_positives[shown]]),
        ]
        for offset, head, cells in columns:
            for place, text in zip([-1, *places], [head, *cells]):
                self.ax_.annotate(
                    "–" if text == "nan" else text,
                    (1, place),
                    xycoords=self.ax_.get_yaxis_transform(),
                    xytext=(offset, 0),
                    textcoords="offset points",
                    ha="right",
                    va="center",
                    size="small",
                    alpha=0.75 if place < 0 else 1,
                    annotation_clip=False,
                )


def _shortened(name: str) -> str:
    return name if len(name) <= _MAX_NAME else name[: _MAX_NAME - 1].rstrip() + "…"
