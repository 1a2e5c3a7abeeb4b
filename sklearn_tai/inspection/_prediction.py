"""Images with the labels that a classifier gives them."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import check_matplotlib_support
from .._typing import Classifier, Figure, Items, Labels, Names
from ..inputs import check_indicator, column_names
from ..metrics import label_scores
from ._inputs import check_images, check_scores, open_small, own_threshold, resolve_label_names
from ._picture_grid import Line, PictureGrid, suitable_columns

_RIGHT, _WRONG = ("✓", "#15803d"), ("✗", "#c2410c")  # the marks are in DejaVu Sans
_MAX_TOP = 8


class PredictionDisplay:
    """Images in a grid, with their best labels and scores beneath.

    If the truth is known, ✓ marks right labels and ✗ wrong ones; unknown ones (-1) have no
    mark. Labels that the image has but that are neither shown nor above the threshold are
    listed as missed. Scores in parentheses are not above the threshold. Make it with
    :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    pictures : list of n_images PIL images
        The images.
    scores : ndarray of shape (n_images, n_labels)
        Scores of the labels.
    y : ndarray of shape (n_images, n_labels) or None
        1 if a label is present, 0 if absent, -1 if unknown; None if nothing is known.
    label_names : list of n_labels str
        Names of the labels.
    threshold : float, ndarray of shape (n_labels,) or None
        A label is predicted if its score is above this; None if unknown.

    Attributes
    ----------
    axes_ : list of n_images matplotlib Axes
        Where the images are.
    figure_ : matplotlib Figure or SubFigure
        The figure.
    captions_ : list of n_images lists of str
        The caption of each image: mark, name and score of each label, uncut.
    texts_ : list of n_images lists of matplotlib Text
        The same as it is drawn: marks, names (cut or broken if they are long), scores.

    See Also
    --------
    LabelReportDisplay : How well each label is found.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from sklearn_tai import OpenCLIPEncoder, ZeroShotClassifier
    >>> from sklearn_tai.datasets import load_emoji_scenes
    >>> from sklearn_tai.inspection import PredictionDisplay
    >>> scenes = load_emoji_scenes()
    >>> clf = ZeroShotClassifier(scenes.label_names, OpenCLIPEncoder("tai-tiny")).fit()
    >>> display = PredictionDisplay.from_estimator(
    ...     clf, scenes.images[:6], scenes.Y[:6]
    ... )
    >>> display.captions_[3]
    ['✓ bus 1.00', '– missed: boat, sofa']
    """

    def __init__(
        self,
        pictures: list[Image.Image],
        scores: np.ndarray,
        y: np.ndarray | None,
        label_names: list[str],
        threshold: float | np.ndarray | None,
    ) -> None:
        self.pictures = pictures
        self.scores = scores
        self.y = y
        self.label_names = label_names
        self.threshold = threshold

    @classmethod
    def from_estimator(
        cls,
        estimator: Classifier,
        images: Items,
        y: Labels = None,
        *,
        label_names: Names | None = None,
        n_top: int | None = None,
        n_columns: int | None = None,
        threshold: float | np.ndarray | None = None,
        figure: Figure | None = None,
    ) -> PredictionDisplay:
        """Label images with a fitted classifier and show them.

        Parameters
        ----------
        estimator : estimator
            A fitted multi-label classifier with ``predict_proba`` or
            ``decision_function``.
        images : list of n_images Path, PIL images or uint8 arrays
            The images.
        y : {array-like, sparse matrix, DataFrame} of shape (n_images, n_labels), default=None
            True labels: 1, 0, or -1 where unknown. None if they are not known.
        label_names : sequence of n_labels str, default=None
            Names of the labels; None for those of the classifier, else the columns of a
            data frame, else numbers.
        n_top : int, default=None
            See :meth:`plot`.
        n_columns : int, default=None
            See :meth:`plot`.
        threshold : float or array of shape (n_labels,), default=None
            A label is predicted where its score is above this; None for the classifier's
            own threshold.
        figure : matplotlib Figure or SubFigure, default=None
            Where to plot; None for a new figure.

        Returns
        -------
        PredictionDisplay
            The plot.

        Raises
        ------
        ValueError
            If there are no images, one cannot be read, or `y` or `label_names` does not
            fit.
        TypeError
            If an item is not an image.
        FileNotFoundError
            If a file does not exist.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        check_is_fitted(estimator)
        images = check_images(images)
        scores = label_scores(estimator, images, ("predict_proba", "decision_function"))
        return cls.from_predictions(
            images,
            scores,
            y,
            label_names=resolve_label_names(label_names, scores.shape[1], y, estimator),
            n_top=n_top,
            n_columns=n_columns,
            threshold=own_threshold(estimator) if threshold is None else threshold,
            figure=figure,
        )

    @classmethod
    def from_predictions(
        cls,
        images: Items,
        scores: npt.ArrayLike,
        y: Labels = None,
        *,
        label_names: Names | None = None,
        n_top: int | None = None,
        n_columns: int | None = None,
        threshold: float | np.ndarray | None = None,
        figure: Figure | None = None,
    ) -> PredictionDisplay:
        """Show images with given scores.

        Parameters
        ----------
        images : list of n_images Path, PIL images or uint8 arrays
            The images.
        scores : array-like of shape (n_images, n_labels)
            Scores, higher if a label is more likely.
        y : {array-like, sparse matrix, DataFrame} of shape (n_images, n_labels), default=None
            True labels: 1, 0, or -1 where unknown. None if they are not known.
        label_names : sequence of n_labels str, default=None
            Names of the labels; None for the columns of a data frame, else numbers.
        n_top : int, default=None
            See :meth:`plot`. Needed without `threshold` if scores are outside 0 to 1.
        n_columns : int, default=None
            See :meth:`plot`.
        threshold : float or array of shape (n_labels,), default=None
            A label is predicted where its score is above this; None for 0.5 if all
            scores are in [0, 1].
        figure : matplotlib Figure or SubFigure, default=None
            Where to plot; None for a new figure.

        Returns
        -------
        PredictionDisplay
            The plot.

        Raises
        ------
        ValueError
            If there are no images, one cannot be read, or `scores`, `y` or
            `label_names` does not fit.
        TypeError
            If an item is not an image.
        FileNotFoundError
            If a file does not exist.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        images = check_images(images)
        if label_names is None:
            label_names = column_names(scores)
        scores = check_scores(scores, len(images))
        names = resolve_label_names(label_names, scores.shape[1], y)
        pictures = [open_small(image, i) for i, image in enumerate(images)]
        truth = None
        if y is not None:
            truth, _ = check_indicator(y, len(images), np.ones(len(images), dtype=bool))
            if truth.shape != scores.shape:
                raise ValueError(
                    f"y has {truth.shape[1]} columns but scores has {scores.shape[1]}; they must "
                    "be the same labels."
                )
        if threshold is not None:
            if np.ndim(threshold) == 0:
                check_scalar(threshold, "threshold", Real)
            elif np.shape(threshold) != scores.shape[1:]:
                raise ValueError(
                    f"threshold has shape {np.shape(threshold)}; expected a number, or one for "
                    f"each of {scores.shape[1]} labels."
                )
        elif scores.min() >= 0 and scores.max() <= 1:
            threshold = 0.5
        elif n_top is None:
            raise ValueError(
                "scores are outside 0 to 1, so it is unknown which labels they predict; give "
                "threshold (0 for logits) or n_top."
            )
        display = cls(pictures, scores, truth, names, threshold)
        return display.plot(n_top=n_top, n_columns=n_columns, figure=figure)

    def plot(
        self,
        *,
        n_top: int | None = None,
        n_columns: int | None = None,
        figure: Figure | None = None,
    ) -> PredictionDisplay:
        """Draw the images and their captions.

        Parameters
        ----------
        n_top : int, default=None
            How many labels to show for each image. None for those above the threshold, at
            least one and at most eight.
        n_columns : int, default=None
            Images per row; None for a suitable number.
        figure : matplotlib Figure or SubFigure, default=None
            Where to plot, all scaled to fit; None for a new figure of the size it takes.

        Returns
        -------
        PredictionDisplay
            This display.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        if n_top is not None:
            check_scalar(n_top, "n_top", Integral, min_val=1)
        if n_columns is not None:
            check_scalar(n_columns, "n_columns", Integral, min_val=1)
        n_images = len(self.pictures)
        n_columns = min(n_columns or suitable_columns(n_images), n_images)
        captions = [self._caption(i, n_top) for i in range(n_images)]
        grid = PictureGrid(self.pictures, captions, n_columns, 0.9 * plt.rcParams["font.size"])
        if figure is None:
            figure = plt.figure(figsize=grid.size, layout="none")
        self.figure_ = figure
        self.captions_ = [[str(line) for line in caption] for caption in captions]
        self.axes_, self.texts_ = grid.draw(figure, plt.rcParams["text.color"])
        return self

    def _caption(self, i: int, n_top: int | None) -> list[Line]:
        """Labels of an image with their marks and scores, and those missed."""
        scores = self.scores[i]
        order = np.argsort(-scores, kind="stable")
        above = np.zeros(len(scores), bool) if self.threshold is None else scores > self.threshold
        n_shown = min(max(above.sum(), 1), _MAX_TOP) if n_top is None else n_top
        shown = order[:n_shown]
        lines = []
        for k in shown:
            mark = None if self.y is None else {1: _RIGHT, 0: _WRONG}.get(int(self.y[i, k]))
            is_below = self.threshold is not None and not above[k]
            score = _number(scores[k])
            score = f"({score})" if is_below else score
            lines.append(Line(mark, self.label_names[k], score, is_below))
        n_more = int(above.sum()) - n_shown
        if n_top is None and n_more > 0:
            lines.append(Line(None, f"and {n_more:,} more", faint=True))
        if self.y is not None:
            missed = [k for k in order[n_shown:] if self.y[i, k] == 1 and not above[k]]
            if missed:
                names = ", ".join(self.label_names[k] for k in missed)
                lines.append(Line(("–", _WRONG[1]), f"missed: {names}"))
        return lines


def _number(score: float) -> str:
    return f"{score:.2f}" if score == 0 or abs(score) >= 0.01 else f"{score:.1g}"
