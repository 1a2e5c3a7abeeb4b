"""Save a fitted classifier to a folder of JSON and safetensors."""

from __future__ import annotations

from hashlib import sha256
from inspect import isabstract
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from .. import __version__, adapters, encoders, perturbation
from .._typing import Arrays, Settings
from ..classifier import TextAsImageClassifier
from ..storage import whole_file
from ._checks import check_labels, check_statistics, dump_json

__all__ = ["TRUSTED_TYPES", "save_classifier"]

# classes that may be saved and loaded, by parameter of the classifier and by name
PARTS: dict[str, dict[str, type[BaseEstimator]]] = {
    part: {
        name: cls
        for name in room.__all__
        if isinstance(cls := getattr(room, name), type)
        and issubclass(cls, BaseEstimator)
        and not isabstract(cls)
    }
    for part, room in {
        "encoder": encoders,
        "perturbation": perturbation,
        "adapter": adapters,
    }.items()
}
_STATISTICS = ("text_mean_", "image_mean_", "unlabelled_mean_", "offsets_")
CONFIG = "config.json"

#: Classes of this package that ``skops.io.load(file, trusted=TRUSTED_TYPES)`` must trust.
TRUSTED_TYPES = sorted(
    f"{cls.__module__}.{cls.__name__}"
    for classes in ({"": TextAsImageClassifier}, *PARTS.values())
    for cls in classes.values()
)


def save_classifier(clf: TextAsImageClassifier, folder: str | Path) -> Path:
    """Write a fitted classifier to a folder: JSON and safetensors, no pickle.

    Parameters
    ----------
    clf : TextAsImageClassifier
        A fitted classifier.
    folder : str or Path
        Created if needed. An existing classifier is replaced in one step.

    Returns
    -------
    Path
        The folder, with ``config.json`` (parameters, labels, vocabulary, the encoder's
        name) and the file that it names, ``weights-*.safetensors`` (the adapter).

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If `clf` is not fitted.
    TypeError
        If a parameter or label cannot be written as JSON, such as a ``RandomState``, or the
        adapter is of your own class.
    ValueError
        If the adapter is a classifier of scikit-learn, weights are NaN or infinite, or
        labels are ones that :func:`load_classifier` refuses.

    Notes
    -----
    ``callbacks`` only matter in training and are left out. CLIP's weights are not saved:
    the encoder loads them by name. An encoder or perturbation of your own class cannot be
    saved without code; see `encoder` of :func:`load_classifier`.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from sklearn_tai import TextAsImageClassifier
    >>> from sklearn_tai.deploy import load_classifier, save_classifier
    >>> X, Y = np.eye(4), np.eye(4)
    >>> clf = TextAsImageClassifier().fit(X, Y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = load_classifier(save_classifier(clf, folder))
    >>> bool((again.predict_proba(X) == clf.predict_proba(X)).all())
    True
    """
    from safetensors.numpy import save
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(clf)
    if not _is_ours(clf.adapter_, "adapter"):
        raise TypeError(
            f"An adapter of the class {type(clf.adapter_).__name__} cannot be saved without "
            "pickle. Take one of sklearn_tai.adapters, or pickle the classifier."
        )
    learnt, of_adapter = clf.adapter_.get_state()
    arrays = {f"adapter.{name}": value for name, value in of_adapter.items()}
    means = {name: vars(clf)[name] for name in _STATISTICS}
    arrays |= {name: mean for name, mean in means.items() if mean is not None}
    params = clf.get_params(deep=False)
    for name in ("encoder", "perturbation", "adapter"):
        del params[name]
    config = {
        "estimator": "TextAsImageClassifier",
        "sklearn_tai_version": __version__,
        "params": {name: _plain(value, name) for name, value in params.items()},
        "encoder": _part_config(clf.encoder_, "encoder", arrays),
        "perturbation": _part_config(clf.perturbation_, "perturbation", arrays),
        "classes": [_plain(label, "classes_") for label in clf.classes_],
        "vocabulary": None if clf.vocabulary_ is None else clf.vocabulary_.to_dict(),
        "n_unlabelled": clf.n_unlabelled_,
        "n_features": clf.n_features_in_,
        "slope": clf.slope_,
        "adapter": {
            "class": type(clf.adapter_).__name__,
            "params": _params(clf.adapter_),
            "learnt": learnt,
        },
    }
    check_labels(config["classes"])
    check_statistics(arrays, clf.n_features_in_, len(clf.classes_))
    # not save_file, which makes files that only their owner may read
    weights = save({name: np.ascontiguousarray(value) for name, value in arrays.items()})
    config["weights_sha256"] = digest = sha256(weights).hexdigest()
    text = dump_json(config)  # before anything is written, as it may fail
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / CONFIG, weights_name("*")) as draft:
        draft.with_name(weights_name(digest)).write_bytes(weights)
        draft.write_text(text, encoding="utf-8")
    return folder


def weights_name(digest: str) -> str:
    """A file name unique to these weights, so that no config is read with other weights."""
    return f"weights-{digest[:16]}.safetensors"


def _plain(value: object, name: str) -> Any:
    """Convert `value` to types that JSON supports."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(v, name) for v in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(
        f"{name} is of type {type(value).__name__}, which cannot be saved without pickle; set it "
        "to a number, a str or None first."
    )


def _params(part: BaseEstimator) -> Settings:
    """Parameters of a part, except those that only training needs."""
    params = part.get_params(deep=False)
    return {k: _plain(v, k) for k, v in params.items() if k != "callbacks"}


def _is_ours(part: BaseEstimator, name: str) -> bool:
    """Whether :func:`load_classifier` knows the class of a part."""
    return PARTS[name].get(type(part).__name__) is type(part)


def _part_config(part: BaseEstimator, name: str, arrays: Arrays) -> Settings:
    """Class, parameters and fitted values of a part; its fitted arrays are added to `arrays`."""
    kind = type(part).__name__
    if not _is_ours(part, name):
        return {"class": kind}
    fitted = {k: v for k, v in vars(part).items() if k.endswith("_") and not k.startswith("_")}
    for key, value in list(fitted.items()):
        if isinstance(value, np.ndarray):
            arrays[f"{name}.{key}"] = value
            del fitted[key]
    return {
        "class": kind,
        "params": _params(part),
        "fitted": {k: _plain(v, k) for k, v in fitted.items()},
    }
