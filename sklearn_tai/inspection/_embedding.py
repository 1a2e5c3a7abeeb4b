"""Texts and images in one plane (Figs. 7 and 10 of the paper)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.manifold import TSNE
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import check_matplotlib_support
from .._typing import Axes, Items, Labels, Modality, Names, RandomState, Settings
from ..inputs import as_embeddings, check_embeddings, check_indicator, check_items, check_modality
from ..perturbation import ShiftedPerturbation

if TYPE_CHECKING:
    from ..classifier import TextAsImageClassifier


class EmbeddingDisplay:
    """t-SNE of text and image embeddings, with true and estimated image centroids.

    Shows how far texts are from images with the same labels, and whether the centroids that
    :class:`~sklearn_tai.ShiftedPerturbation` estimates (Eq. 9) are near the images. Make it
    with :meth:`from_estimator` or :meth:`from_embeddings`.

    Parameters
    ----------
    points : ndarray of shape (n_items, 2)
        Positions of the items.
    is_image : ndarray of bool, shape (n_items,)
        Which items are images.
    combination : ndarray of int, shape (n_items,)
        The label combination of each item.
    names : list of n_combinations str
        Names of the combinations.
    true_centroids, estimated_centroids : ndarray of shape (n_combinations, 2)
        Positions of the means of the images, and of their estimates.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the points are.
    figure_ : matplotlib Figure
        The figure.

    Notes
    -----
    t-SNE keeps neighbourhoods, not distances: read which points mix, not how far
    clusters are from one another.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> import numpy as np
    >>> from sklearn_tai.inspection import EmbeddingDisplay
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.normal(size=(60, 8)), np.repeat([[1, 0], [0, 1]], 30, axis=0)
    >>> modality = np.array(["text", "image"] * 30)
    >>> display = EmbeddingDisplay.from_embeddings(X, Y, modality, random_state=0)
    >>> display.points.shape, display.names
    ((60, 2), ['0', '1'])
    """

    def __init__(
        self,
        points: np.ndarray,
        is_image: np.ndarray,
        combination: np.ndarray,
        names: list[str],
        true_centroids: np.ndarray,
        estimated_centroids: np.ndarray,
    ) -> None:
        self.points = points
        self.is_image = is_image
        self.combination = combination
        self.names = names
        self.true_centroids = true_centroids
        self.estimated_centroids = estimated_centroids

    @classmethod
    def from_estimator(
        cls,
        estimator: TextAsImageClassifier,
        X: Items,
        y: Labels,
        *,
        modality: Modality = None,
        **kwargs: Any,
    ) -> EmbeddingDisplay:
        """Plot items as a fitted classifier embeds them.

        Parameters
        ----------
        estimator : fitted TextAsImageClassifier
            Gives the encoder, the names of the labels and, if it was fitted with
            :class:`~sklearn_tai.ShiftedPerturbation` on images, the estimated centroids.
        X : list of n_items texts and images, or array-like of shape (n_items, n_features)
            Items, or their embeddings.
        y : array-like of shape (n_items, n_labels)
            All labels of the items.
        modality : array-like of shape (n_items,), default=None
            "text" or "image" for each row of embeddings.
        **kwargs : dict
            Passed to :meth:`from_embeddings`.

        Returns
        -------
        EmbeddingDisplay
            The plot.
        """
        check_is_fitted(estimator)
        embeddings = as_embeddings(X)
        if embeddings is None:
            X, is_image = check_items(X, modality)  # type: ignore[arg-type]  # refused
            modality = np.where(is_image, "image", "text")
            embeddings = estimator.encoder_.transform(X)
        perturbation = getattr(estimator, "perturbation_", None)
        if isinstance(perturbation, ShiftedPerturbation) and perturbation.moves_:
            kwargs.setdefault("perturbation", perturbation)
        kwargs.setdefault("label_names", estimator.classes_)
        return cls.from_embeddings(embeddings, y, modality, **kwargs)

    @classmethod
    def from_embeddings(
        cls,
        X: Items,
        y: Labels,
        modality: Modality,
        *,
        label_names: Names | None = None,
        n_combinations: int = 6,
        perturbation: ShiftedPerturbation | None = None,
        random_state: RandomState = None,
        ax: Axes | None = None,
    ) -> EmbeddingDisplay:
        """Plot embeddings.

        Parameters
        ----------
        X : array-like of shape (n_items, n_features)
            Embeddings of texts and images.
        y : array-like of shape (n_items, n_labels)
            All labels of the items.
        modality : array-like of shape (n_items,)
            "text" or "image" for each row.
        label_names : sequence of n_labels str, default=None
            Names of the labels; None for the columns of a data frame, else numbers.
        n_combinations : int, default=6
            How many label combinations to show: the most common that both texts and images
            have.
        perturbation : fitted ShiftedPerturbation, default=None
            Where the estimated centroids come from; None to fit one on `X`.
        random_state : int, RandomState instance or None, default=None
            Fixes the positions.
        ax : matplotlib Axes, default=None
            Where to plot; None for a new figure.

        Returns
        -------
        EmbeddingDisplay
            The plot.

        Raises
        ------
        ValueError
            If no label combination has both texts and images.
        """
        check_matplotlib_support(f"{cls.__name__}.from_embeddings")
        X = check_embeddings(X)
        is_image = check_modality(modality, len(X))
        Y, columns = check_indicator(y, len(X))
        if perturbation is None:
            perturbation = ShiftedPerturbation().fit(X, Y, modality)
        names = [str(name) for name in (columns if label_names is None else label_names)]
        if len(names) != Y.shape[1]:
            raise ValueError(
                f"label_names has {len(names)} names but y has {Y.shape[1]} columns; they must be "
                "the same number."
            )
        if n_combinations < 1:
            raise ValueError(f"n_combinations must be 1 or more; got {n_combinations}.")
        combinations, of_row = np.unique(Y, axis=0, return_inverse=True)
        of_row, n = of_row.ravel(), len(combinations)
        both = np.minimum(
            np.bincount(of_row[is_image], minlength=n), np.bincount(of_row[~is_image], minlength=n)
        )
        both[~combinations.any(axis=1)] = 0
        shown = np.argsort(-both, kind="stable")[:n_combinations]
        shown = np.sort(shown[both[shown] > 0])[::-1]
        if not len(shown):
            raise ValueError(
                "No label combination in y has both texts and images; add texts with the "
                "combinations of the images."
            )
        rows = np.isin(of_row, shown)
        X, is_image = X[rows], is_image[rows]
        combination = np.searchsorted(-shown, -of_row[rows])
        true = np.array([X[is_image & (combination == k)].mean(axis=0) for k in range(len(shown))])
        estimated = perturbation.estimate_centroids(combinations[shown])
        # NaN if the perturbation was fitted without these labels
        known = np.isfinite(estimated).all(axis=1)
        everything = np.vstack([X, true, estimated[known]])
        perplexity = min(30.0, (len(everything) - 1) / 3)
        tsne = TSNE(perplexity=perplexity, init="pca", random_state=random_state)
        places = tsne.fit_transform(everything)
        points, true, found = np.split(places, [len(X), len(X) + len(shown)])
        estimated = np.full_like(true, np.nan)
        estimated[known] = found
        titles = [
            ", ".join(name for name, has in zip(names, combinations[k]) if has) for k in shown
        ]
        return cls(points, is_image, combination, titles, true, estimated).plot(ax=ax)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> EmbeddingDisplay:
        """Draw the points.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to plot; None for a new figure.
        **kwargs : dict
            Passed to ``ax.scatter`` for the items.

        Returns
        -------
        EmbeddingDisplay
            This display.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt
        from matplotlib.lines import Line2D

        if ax is None:
            _, ax = plt.subplots(figsize=(7.5, 5), layout="constrained")
        colours = plt.get_cmap("tab10" if len(self.names) <= 10 else "tab20")
        for image, marker in ((False, "o"), (True, "^")):
            rows = self.is_image == image
            style: Settings = {"marker": marker, "s": 14, "alpha": 0.6, "linewidths": 0, **kwargs}
            style.setdefault("c", [colours(k % colours.N) for k in self.combination[rows]])
            x, y = self.points[rows].T
            ax.scatter(x, y, **style)
        shades = [colours(k % colours.N) for k in range(len(self.names))]
        for places, marker in ((self.true_centroids, "*"), (self.estimated_centroids, "X")):
            x, y = places.T
            ax.scatter(x, y, c=shades, marker=marker, s=170, edgecolors="black", zorder=3)
        kinds = [("text", "o", 5), ("image", "^", 5)]
        kinds += [("true centroid", "*", 11), ("estimated centroid", "X", 9)]
        handles = [
            Line2D([], [], color="grey", marker=m, markersize=s, linestyle="", label=kind)
            for kind, m, s in kinds
        ]
        handles += [
            Line2D([], [], color=shade, marker="s", linestyle="", label=name)
            for shade, name in zip(shades, self.names)
        ]
        ax.legend(handles=handles, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
        ax.set(xticks=[], yticks=[], title="t-SNE of the embeddings")
        self.ax_, self.figure_ = ax, ax.figure
        return self
