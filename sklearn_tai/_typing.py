"""Types that users and the subpackages share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

    import matplotlib.axes
    import matplotlib.figure
    import numpy as np
    from PIL.Image import Image
    from sklearn.model_selection import BaseCrossValidator

#: What users pass as `X`: texts and images in a list or an iterator, or embeddings.
Items: TypeAlias = Any
#: A label indicator: an array, lists, a sparse matrix or a data frame.
Labels: TypeAlias = Any
#: An image, opened or not.
Picture: TypeAlias = "Path | Image | np.ndarray"
#: Label names.
Names: TypeAlias = "Sequence[str] | np.ndarray"
#: Labels to generate texts for and learn: names, or a mapping from each label to its names.
LabelNames: TypeAlias = "Sequence[str] | Mapping[str, Sequence[str]]"
#: "text" or "image" for each row of embeddings, or for all of them.
Modality: TypeAlias = "Names | None"
#: A JSON object: parameters, metadata, states.
Settings: TypeAlias = dict[str, Any]
#: scikit-learn's constraints on parameters.
Constraints: TypeAlias = dict[str, list[Any]]
#: Learned arrays by name.
Arrays: TypeAlias = "dict[str, np.ndarray]"
#: Converts a radius from the units of a parameter (or "auto") to those of the embeddings.
Length: TypeAlias = Callable[["float | str"], float]
#: What scikit-learn accepts as `cv`.
Splits: TypeAlias = "int | BaseCrossValidator | Iterable[tuple[np.ndarray, np.ndarray]] | None"
RandomState: TypeAlias = "int | np.random.RandomState | None"


Axes: TypeAlias = "matplotlib.axes.Axes"
Figure: TypeAlias = "matplotlib.figure.Figure | matplotlib.figure.SubFigure"


class Encoder(Protocol):
    """Turns texts and images into embeddings; :class:`BaseEncoder` offers more than this."""

    def transform(self, X: Items) -> np.ndarray: ...


class Estimator(Protocol):
    """Anything that scikit-learn can clone and fit."""

    @property
    def fit(self) -> Callable[..., Any]: ...

    @property
    def get_params(self) -> Callable[..., Settings]: ...


class Classifier(Estimator, Protocol):
    """A fitted multi-label classifier, perhaps with ``decision_function``."""

    classes_: Any

    @property
    def predict_proba(self) -> Callable[[Items], Any]: ...
