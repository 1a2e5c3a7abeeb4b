"""Show where in an image a classifier sees its labels."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from PIL import Image
from sklearn.utils import check_scalar

from .._sklearn_compat import check_matplotlib_support
from ..encoders import BaseEncoder
from ._inputs import check_images, open_small

_MAX_COLUMNS = 4


def figure_size(picture: Image.Image, n_labels: int) -> tuple[float, float]:
    """Width and height, in inches, of a figure for :class:`RegionDisplay`."""
    n_columns = min(n_labels, _MAX_COLUMNS)
    height = 3 * min(max(picture.height / picture.width, 0.3), 2)
    return 3 * n_columns + 0.8, (height + 0.4) * -(-n_labels // n_columns)


class RegionDisplay:
    """An image in grey, overlaid with the probability of each label in each region.

    Colours mean the same for all labels. The part of the image that the model does not see
    is outside a dashed line.

    Parameters
    ----------
    picture : PIL image
        The image.
    maps : ndarray of shape (n_rows, n_columns, n_labels)
        Probabilities of the labels in the regions.
    frame : tuple of float
        Left, upper, right and lower edge of the part that the regions cover, in pixels of
        the image.
    label_names : list of n_labels str
        Names of the labels.
    scores : ndarray of shape (n_labels,)
        Probabilities of the labels in the image as a whole.

    Attributes
    ----------
    axes_ : list of n_labels matplotlib Axes
        Where the labels are drawn.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    PredictionDisplay : Images with their labels.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from sklearn_tai import OpenCLIPEncoder, ZeroShotClassifier
    >>> from sklearn_tai.datasets import load_emoji_scenes
    >>> from sklearn_tai.inspection import RegionDisplay
    >>> scenes = load_emoji_scenes()
    >>> clf = ZeroShotClassifier(scenes.label_names, OpenCLIPEncoder("tai-tiny")).fit()
    >>> display = RegionDisplay.from_estimator(clf, scenes.images[3], ["boat", "bus"])
    >>> display.maps.shape
    (3, 3, 2)
    """

    def __init__(
        self,
        picture: Image.Image,
        maps: np.ndarray,
        frame: tuple[float, float, float, float],
        label_names: list[str],
        scores: np.ndarray,
    ) -> None:
        self.picture = picture
        self.maps = maps
        self.frame = frame
        self.label_names = label_names
        self.scores = scores

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        image: Any,
        labels: Sequence[Any] | None = None,
        *,
        n_top: int = 3,
        figure: Any = None,
    ) -> RegionDisplay:
        """Look for labels in an image with a fitted classifier, and show where they are.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier with ``predict_regions``, whose encoder has regions.
        image : Path, PIL image or uint8 array
            The image.
        labels : sequence or None, default=None
            The labels to show; None for the `n_top` most probable.
        n_top : int, default=3
            How many labels to show if `labels` is None.
        figure : matplotlib Figure, default=None
            Where to plot; None for a new figure.

        Returns
        -------
        RegionDisplay
            The plot.

        Raises
        ------
        ValueError
            If the encoder's model has no regions, the image cannot be read, or `labels`
            contains one that the classifier does not know.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        check_scalar(n_top, "n_top", Integral, min_val=1)
        items: Any = check_images([image])
        picture = open_small(items[0], 0)
        if isinstance(estimator.encoder_, BaseEncoder):  # encode once for both calls
            items = estimator.encoder_.transform_regions(items)
        scores, names = estimator.predict_proba(items)[0], estimator.classes_.tolist()
        if labels is None:
            labels = [names[k] for k in np.argsort(-scores, kind="stable")[:n_top]]
        maps = estimator.predict_regions(items, labels)[0]
        display = cls(
            picture,
            maps,
            estimator.encoder_.region_frame(*picture.size),
            list(map(str, labels)),
            scores[[names.index(label) for label in labels]],
        )
        return display.plot(figure=figure)

    def plot(self, *, figure: Any = None) -> RegionDisplay:
        """Draw the image once for each label.

        Parameters
        ----------
        figure : matplotlib Figure, default=None
            Where to plot; None for a new figure.

        Returns
        -------
        RegionDisplay
            This display.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt
        from matplotlib.patches import Rectangle

        n_labels = len(self.label_names)
        n_columns = min(n_labels, _MAX_COLUMNS)
        if figure is None:
            figure = plt.figure(figsize=figure_size(self.picture, n_labels), layout="constrained")
        grey, (width, height) = self.picture.convert("L"), self.picture.size
        left, upper, right, lower = self.frame
        highest = max(self.maps.max(), 1e-9)
        axes = []
        for k, (name, score) in enumerate(zip(self.label_names, self.scores)):
            ax = figure.add_subplot(-(-n_labels // n_columns), n_columns, k + 1)
            ax.imshow(grey, cmap="gray", vmin=0, vmax=255, extent=(0, width, height, 0))
            heat = ax.imshow(
                self.maps[..., k],
                extent=(left, right, lower, upper),
                cmap="inferno",
                vmin=0,
                vmax=highest,
                alpha=0.8 * np.sqrt(self.maps[..., k] / highest),
                interpolation="bilinear",
            )
            if left > 0 or upper > 0:
                frame = Rectangle((left, upper), right - left, lower - upper, fill=False, ls="--")
                ax.add_patch(frame)
            ax.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])
            ax.set_title(f"{name} {score:.2f}", parse_math=False)
            axes.append(ax)
        figure.colorbar(heat, ax=axes, label="probability")
        self.axes_, self.figure_ = axes, figure
        return self
