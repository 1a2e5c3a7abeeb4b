"""Images with the labels that a classifier predicts."""

from __future__ import annotations

from numbers import Integral

import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import check_matplotlib_support
from .._typing import Classifier, Figure, Items, Labels, Names
from ..inputs import check_indicator, column_names
from ..metrics import label_scores
from ._captions import caption_of
from ._inputs import (
    check_images,
    check_scores,
    check_threshold,
    open_small,
    own_threshold,
    resolve_label_names,
    without_rivals,
)
from ._picture_grid import PictureGrid, suitable_columns


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
        Scores of the labels; -inf for those that are not shown.
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

        Of exclusive labels only the one that ``predict`` prefers is shown.

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
        threshold = own_threshold(estimator) if threshold is None else threshold
        threshold = check_threshold(threshold, scores, n_top)
        return cls.from_predictions(
            images,
            without_rivals(estimator, scores, threshold),
            y,
            label_names=resolve_label_names(label_names, scores.shape[1], y, estimator),
            n_top=n_top,
            n_columns=n_columns,
            threshold=threshold,
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
            Scores, higher if a label is more likely; -inf for labels not to be shown.
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
        threshold = check_threshold(threshold, scores, n_top)
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
        truths = [None] * n_images if self.y is None else self.y
        captions = [
            caption_of(scores, truth, self.label_names, self.threshold, n_top)
            for scores, truth in zip(self.scores, truths)
        ]
        grid = PictureGrid(self.pictures, captions, n_columns, 0.9 * plt.rcParams["font.size"])
        if figure is None:
            figure = plt.figure(figsize=grid.size, layout="none")
        self.figure_ = figure
        self.captions_ = [[str(line) for line in caption] for caption in captions]
        self.axes_, self.texts_ = grid.draw(figure, plt.rcParams["text.color"])
        return self
