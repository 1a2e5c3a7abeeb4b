"""What the rooms ask of users and of each other, as types."""

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

#: Texts and images in a list or an iterator, or embeddings: whatever a user calls `X`.
Items: TypeAlias = Any
#: An indicator of labels: array, lists, sparse matrix or data frame.
Labels: TypeAlias = Any
#: An image that is not opened yet, or is.
Picture: TypeAlias = "Path | Image | np.ndarray"
#: Names of labels.
Names: TypeAlias = "Sequence[str] | np.ndarray"
#: Labels to write and learn of: their names, or a mapping of labels to the names of each.
LabelNames: TypeAlias = "Sequence[str] | Mapping[str, Sequence[str]]"
#: "text" or "image" for each row of embeddings, or one of both for all.
Modality: TypeAlias = "Names | None"
#: What JSON holds: parameters, metadata, states.
Settings: TypeAlias = dict[str, Any]
#: What scikit-learn checks parameters by.
Constraints: TypeAlias = dict[str, list[Any]]
#: What was learnt, by name.
Arrays: TypeAlias = "dict[str, np.ndarray]"
#: From a radius in the units of a parameter ("auto" too) to one in those of the embeddings.
Length: TypeAlias = Callable[["float | str"], float]
#: What scikit-learn's `cv` may be.
Splits: TypeAlias = "int | BaseCrossValidator | Iterable[tuple[np.ndarray, np.ndarray]] | None"
RandomState: TypeAlias = "int | np.random.RandomState | None"


Axes: TypeAlias = "matplotlib.axes.Axes"
Figure: TypeAlias = "matplotlib.figure.Figure | matplotlib.figure.SubFigure"


class Encoder(Protocol):
    """Turns texts and images into embeddings; :class:`BaseEncoder` does more than is asked."""

    def transform(self, X: Items) -> np.ndarray: ...


class Estimator(Protocol):
    """Whatever scikit-learn clones and fits."""

    @property
    def fit(self) -> Callable[..., Any]: ...

    @property
    def get_params(self) -> Callable[..., Settings]: ...


class Classifier(Estimator, Protocol):
    """A fitted multi-label classifier; it may have ``decision_function`` too."""

    classes_: Any

    @property
    def predict_proba(self) -> Callable[[Items], Any]: ...
