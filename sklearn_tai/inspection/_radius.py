"""mAP against the radius of the noise (Fig. 6a of the paper)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import GridSearchCV

from .._sklearn_compat import check_matplotlib_support
from .._typing import Axes, Classifier, Items, Labels, Splits
from ..metrics import map_scorer


class RadiusCurveDisplay:
    """Scores over the radius of the noise.

    Make it with :meth:`from_estimator` or :meth:`from_search`.

    Parameters
    ----------
    radii : ndarray of shape (n_radii,)
        Radii, ascending.
    scores : dict of str to ndarray of shape (n_radii, n_splits)
        Scores of each curve; curves differ in other searched parameters.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where the curves are.
    figure_ : matplotlib Figure
        The figure.
    lines_ : list of matplotlib ErrorbarContainer
        The curves.

    See Also
    --------
    CrossModalSplit : Splits that train on texts and score on images.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> import numpy as np
    >>> from sklearn_tai.inspection import RadiusCurveDisplay
    >>> display = RadiusCurveDisplay(np.array([0, 1]), {"": np.array([[0.4, 0.5], [0.5, 0.7]])})
    >>> display.plot().ax_.get_xlabel()
    'radius'
    """

    def __init__(self, radii: np.ndarray, scores: dict[str, np.ndarray]) -> None:
        self.radii = radii
        self.scores = scores

    @classmethod
    def from_estimator(
        cls,
        estimator: Classifier,
        X: Items,
        y: Labels,
        *,
        radii: Sequence[float] = (0, 0.5, 1, 2.5, 5, 10),
        param_name: str = "perturbation__radius",
        cv: Splits = None,
        scoring: str | Callable[..., float] = map_scorer,
        n_jobs: int | None = None,
        ax: Axes | None = None,
        **fit_params: Any,
    ) -> RadiusCurveDisplay:
        """Cross-validate an estimator at several radii and plot.

        Parameters
        ----------
        estimator : estimator
            A classifier with a radius, not necessarily fitted.
        X : list of n_items, or array-like of shape (n_items, n_features)
            Texts and images, or embeddings.
        y : array-like of shape (n_items, n_labels)
            Labels.
        radii : sequence of float, default=(0, 0.5, 1, 2.5, 5, 10)
            The radii.
        param_name : str, default="perturbation__radius"
            The parameter that holds the radius.
        cv : cross-validation splitter, default=None
            None for :class:`CrossModalSplit() <sklearn_tai.model_selection.CrossModalSplit>`.
        scoring : str or callable, default=map_scorer
            The score.
        n_jobs : int, default=None
            Parallel fits.
        ax : matplotlib Axes, default=None
            Where to plot; None for a new figure.
        **fit_params : dict
            Passed to ``GridSearchCV.fit``: ``modality`` and ``groups`` for embeddings.

        Returns
        -------
        RadiusCurveDisplay
            The plot.
        """
        from ..model_selection import CrossModalSplit

        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        search = GridSearchCV(
            estimator,
            {param_name: list(radii)},
            scoring=scoring,
            cv=CrossModalSplit() if cv is None else cv,
            n_jobs=n_jobs,
            refit=False,
            error_score="raise",
        )
        return cls.from_search(search.fit(X, y, **fit_params), param_name=param_name, ax=ax)

    @classmethod
    def from_search(
        cls, search: GridSearchCV, *, param_name: str | None = None, ax: Axes | None = None
    ) -> RadiusCurveDisplay:
        """Plot the results of a fitted grid or randomised search.

        Parameters
        ----------
        search : fitted GridSearchCV or similar
            Where a parameter that ends in "radius" was searched. Each setting of the
            other searched parameters gives a curve.
        param_name : str, default=None
            The parameter that holds the radius; None for the one that ends in "radius".
        ax : matplotlib Axes, default=None
            Where to plot; None for a new figure.

        Returns
        -------
        RadiusCurveDisplay
            The plot.

        Raises
        ------
        ValueError
            If the search is not fitted or has no (or several) such parameters.
        """
        if not hasattr(search, "cv_results_"):
            raise ValueError(f"{type(search).__name__} has no cv_results_; fit it first.")
        results = search.cv_results_
        searched = sorted({name for params in results["params"] for name in params})
        if param_name is None:
            names = [name for name in searched if name.endswith("radius")]
            if len(names) != 1:
                raise ValueError(
                    f"The search went over {searched}; expected one parameter that ends in "
                    "'radius'. Name it in param_name."
                )
            param_name = names[0]
        elif param_name not in searched:
            raise ValueError(f"The search went over {searched}, not over {param_name!r}.")
        if "split0_test_score" not in results:
            raise ValueError(
                "The search has several scores; search with a single one (scoring) to plot it."
            )
        splits = np.column_stack(
            [results[f"split{i}_test_score"] for i in range(search.n_splits_)]
        )
        rows: dict[str, dict[float, np.ndarray]] = {}
        for params, scores in zip(results["params"], splits):
            if param_name not in params:  # from another grid
                continue
            rest = ", ".join(
                f"{k.rpartition('__')[2]}={v}" for k, v in params.items() if k != param_name
            )
            rows.setdefault(rest, {})[params[param_name]] = scores
        radii = np.array(sorted({r for curve in rows.values() for r in curve}))
        gap = np.full(search.n_splits_, np.nan)  # for radii that a randomised search left out
        scores = {k: np.array([curve.get(r, gap) for r in radii]) for k, curve in rows.items()}
        return cls(radii, scores).plot(ax=ax)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> RadiusCurveDisplay:
        """Draw mean and standard deviation over the splits.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to plot; None for a new figure.
        **kwargs : dict
            Passed to ``ax.errorbar``.

        Returns
        -------
        RadiusCurveDisplay
            This display.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots()
        self.ax_, self.figure_, self.lines_ = ax, ax.figure, []
        style = {"marker": "o", "capsize": 3, **kwargs}
        for name, scores in self.scores.items():
            seen = ~np.isnan(scores).any(axis=1)
            error = scores[seen].std(axis=1) if scores.shape[1] > 1 else None
            line = ax.errorbar(
                self.radii[seen], scores[seen].mean(axis=1), error, label=name or None, **style
            )
            self.lines_.append(line)
        ax.set(xlabel="radius", ylabel="score")
        if len(self.scores) > 1:
            ax.legend()
        return self
