"""Keep a fitted classifier in a folder that can be read without running any code."""

from __future__ import annotations

import json
import warnings
from inspect import isabstract
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from .. import __version__, adapters, encoders, perturbation
from .._typing import Arrays, Encoder, Settings
from ..base import check_version
from ..classifier import TextAsImageClassifier
from ..inputs import label_array

__all__ = ["TRUSTED_TYPES", "load_classifier", "save_classifier"]

# what a room offers may be written and read: by parameter of the classifier, and name
_PARTS: dict[str, dict[str, type[BaseEstimator]]] = {
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
_STATISTICS = ("text_mean_", "image_mean_", "unlabelled_mean_", "thresholds_")
FILES = _CONFIG, _WEIGHTS = "config.json", "weights.safetensors"

#: What ``skops.io.load(file, trusted=TRUSTED_TYPES)`` must trust: the classes of this package.
TRUSTED_TYPES = sorted(
    f"{cls.__module__}.{cls.__name__}"
    for classes in ({"": TextAsImageClassifier}, *_PARTS.values())
    for cls in classes.values()
)


def save_classifier(clf: TextAsImageClassifier, folder: str | Path) -> Path:
    """Write a fitted classifier to a folder: JSON and safetensors, no pickle.

    Parameters
    ----------
    clf : TextAsImageClassifier
        A fitted classifier.
    folder : str or Path
        Made if need be. Files of an earlier classifier are replaced.

    Returns
    -------
    Path
        The folder, with ``config.json`` (parameters, labels, the encoder's name) and
        ``weights.safetensors`` (the adapter).

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If `clf` is not fitted.
    TypeError
        If a parameter or label is nothing that JSON holds, such as a ``RandomState``, or the
        adapter is of a class of your own.
    ValueError
        If the adapter is a classifier of scikit-learn.

    Notes
    -----
    ``callbacks`` are of use in training only and are left out. CLIP's weights are not
    written: the encoder loads them by name. An encoder or perturbation of your own class
    cannot be written without code; see `encoder` of :func:`load_classifier`.

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
        "n_unlabelled": clf.n_unlabelled_,
        "n_features": clf.n_features_in_,
        "adapter": {
            "class": type(clf.adapter_).__name__,
            "params": _params(clf.adapter_),
            "learnt": learnt,
        },
    }
    text = json.dumps(config, indent=2)  # may fail, so before anything is written
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # not save_file, whose files only their owner may read
    weights = save({name: np.ascontiguousarray(value) for name, value in arrays.items()})
    (folder / _WEIGHTS).write_bytes(weights)
    (folder / _CONFIG).write_text(text, encoding="utf-8")
    return folder


def load_classifier(folder: str | Path, encoder: Encoder | None = None) -> TextAsImageClassifier:
    """Read a classifier that :func:`save_classifier` wrote. No code of the folder is run.

    Parameters
    ----------
    folder : str or Path
        The folder.
    encoder : estimator or None, default=None
        Takes the place of the encoder written there; needed if that was of a class of
        your own.

    Returns
    -------
    TextAsImageClassifier
        It predicts as the one that was saved.

    Raises
    ------
    FileNotFoundError
        If the folder holds no saved classifier.
    ValueError
        If its files are damaged, or the encoder is of an unknown class and `encoder` is
        None.

    Warns
    -----
    sklearn.exceptions.InconsistentVersionWarning
        If another version of this package wrote the folder.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    folder = Path(folder)
    for name in (_CONFIG, _WEIGHTS):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"{str(folder)!r} holds no {name}; give a folder that save_classifier wrote."
            )
    try:
        config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
        arrays = load_file(folder / _WEIGHTS)
        check_version("TextAsImageClassifier", config["sklearn_tai_version"])
        if encoder is None:
            encoder = _load_part(config["encoder"], arrays, "encoder")
        if encoder is None:
            raise ValueError(
                f"it was fitted with an encoder of the class {config['encoder']['class']!r}, "
                "which is none of this package's; pass it as encoder"
            )
        perturbation = _load_part(config["perturbation"], arrays, "perturbation")
        if perturbation is None:
            warnings.warn(
                f"The perturbation of class {config['perturbation']['class']!r} is none of this "
                "package's and is left out: set it before you fit again.",
                UserWarning,
                stacklevel=2,
            )
        parts = {} if perturbation is None else {"perturbation": perturbation}
        made = config["adapter"]
        adapter = _PARTS["adapter"][made["class"]](**made["params"])
        clf = TextAsImageClassifier(encoder, adapter=adapter, **parts, **config["params"])
        state = clf.__getstate__() | {
            "encoder_": encoder,
            "classes_": label_array(config["classes"]),
            "n_features_in_": config["n_features"],
            "text_mean_": arrays.get("text_mean_"),
            "image_mean_": arrays.get("image_mean_"),
            "unlabelled_mean_": arrays["unlabelled_mean_"],
            "n_unlabelled_": config["n_unlabelled"],
            "thresholds_": arrays["thresholds_"],
            "adapter_": clone(adapter).set_state(made["learnt"], _with_prefix(arrays, "adapter.")),
        }
        if perturbation is not None:
            state["perturbation_"] = perturbation
        clf.__setstate__(state)
    except (
        KeyError,
        TypeError,
        ValueError,
        RuntimeError,
        AttributeError,
        SafetensorError,
    ) as error:
        raise ValueError(f"The classifier in {str(folder)!r} cannot be read: {error}.") from error
    return clf


def _plain(value: object, name: str) -> Any:
    """`value` in types that JSON holds."""
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
    """Parameters of a part, but for what only training needs."""
    params = part.get_params(deep=False)
    return {k: _plain(v, k) for k, v in params.items() if k != "callbacks"}


def _is_ours(part: BaseEstimator, name: str) -> bool:
    """Whether it is of a class that :func:`load_classifier` knows."""
    return _PARTS[name].get(type(part).__name__) is type(part)


def _part_config(part: BaseEstimator, name: str, arrays: Arrays) -> Settings:
    """Class, parameters and fitted numbers of a part; its fitted arrays go to `arrays`."""
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


def _load_part(config: Settings, arrays: Arrays, name: str) -> BaseEstimator | None:
    cls = _PARTS[name].get(config["class"])
    if cls is None:
        return None
    part = cls(**config["params"])
    for key, value in (config["fitted"] | _with_prefix(arrays, f"{name}.")).items():
        setattr(part, key, value)
    return part


def _with_prefix(arrays: Arrays, prefix: str) -> dict[str, np.ndarray]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
