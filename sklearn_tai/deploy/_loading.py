"""Read a classifier from a folder, which may come from anybody, without running code from it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from .._typing import Arrays, Encoder, Settings
from ..base import check_version
from ..classifier import TextAsImageClassifier
from ..exceptions import shown, wording
from ..inputs import Vocabulary
from ._checks import (
    check_fitted,
    check_labels,
    check_size,
    check_statistics,
    check_version_name,
    load_json,
)
from ._persistence import CONFIG, PARTS, weights_name

__all__ = ["load_classifier"]


def load_classifier(
    folder: str | Path, encoder: Encoder | None = None, *, trusted: Collection[str] = ()
) -> TextAsImageClassifier:
    """Load a classifier that :func:`save_classifier` wrote. No code from the folder is run.

    Parameters
    ----------
    folder : str or Path
        The folder.
    encoder : estimator or None, default=None
        Replaces the saved encoder; needed if that was of your own class.
    trusted : collection of str, default=()
        What the encoder may load besides the weights published by open_clip and this
        package: repositories, folders and files, by their names in the saved encoder, such
        as "hf-hub:org/model".

    Returns
    -------
    TextAsImageClassifier
        It predicts like the saved one. Its embeddings are cached in memory, even if the
        saved one kept them in a folder.

    Raises
    ------
    FileNotFoundError
        If the folder contains no saved classifier.
    ValueError
        If its files are damaged or do not fit together, or if `encoder` is None and the
        encoder is of an unknown class, or loads what is not in `trusted`.

    Warns
    -----
    sklearn.exceptions.InconsistentVersionWarning
        If another version of this package wrote the folder.
    """

    from safetensors.numpy import load

    folder = Path(folder)
    if not (folder / CONFIG).is_file():
        raise FileNotFoundError(
            f"{str(folder)!r} contains no {CONFIG}; give a folder that save_classifier wrote."
        )
    try:
        config = load_json((folder / CONFIG).read_text(encoding="utf-8"))
        arrays = load(_read_weights(folder, config["weights_sha256"]))
        check_version("TextAsImageClassifier", check_version_name(config["sklearn_tai_version"]))
        classes = check_labels(config["classes"])
        n_features = check_size(config["n_features"], "n_features")
        check_statistics(arrays, n_features, len(classes))
        if encoder is None:
            encoder = _load_encoder(config["encoder"], trusted)
        perturbation = _load_part(config["perturbation"], "perturbation")
        parts = {}
        if perturbation is None:
            warnings.warn(
                f"The perturbation of class {config['perturbation']['class']!r} is none of this "
                "package's and is left out: set it before you fit again.",
                UserWarning,
                stacklevel=2,
            )
        else:
            parts["perturbation"] = perturbation
            fitted = config["perturbation"]["fitted"] | _with_prefix(arrays, "perturbation.")
            vars(perturbation).update(check_fitted(fitted, n_features))
        made = config["adapter"]
        adapter = _load_part(made, "adapter")
        assert adapter is not None, f"there is no adapter {made['class']!r}"
        clf = TextAsImageClassifier(encoder, adapter=adapter, **parts, **config["params"])
        clf._validate_params()
        adapter = clone(adapter).set_state(made["learnt"], _with_prefix(arrays, "adapter."))
        known = config["vocabulary"]
        state = clf.__getstate__() | {
            "encoder_": encoder,
            "classes_": classes,
            "vocabulary_": None if known is None else Vocabulary(**known),
            "n_features_in_": n_features,
            "text_mean_": arrays.get("text_mean_"),
            "image_mean_": arrays.get("image_mean_"),
            "unlabelled_mean_": arrays["unlabelled_mean_"],
            "n_unlabelled_": check_size(config["n_unlabelled"], "n_unlabelled"),
            "slope_": float(config["slope"]),
            "offsets_": arrays["offsets_"],
            "adapter_": adapter,
        }
        if perturbation is not None:
            state["perturbation_"] = perturbation
        clf.__setstate__(state)
        proba = clf.predict_proba(np.ones((1, 2, n_features), np.float32))  # an image and a region
        if proba.shape != (1, len(classes)) or not np.isfinite(proba).all():
            raise ValueError(f"it does not yield probabilities of {len(classes)} labels")
    except OSError:
        raise
    except Exception as error:  # a forged file may raise anything
        cause = f"{type(error).__name__}: " * (not isinstance(error, ValueError)) + str(error)
        raise ValueError(
            f"The classifier in {str(folder)!r} cannot be read: {shown(cause)}."
        ) from error
    return clf


def _read_weights(folder: Path, digest: Any) -> bytes:
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise ValueError("weights_sha256 is not a SHA-256")
    file = folder / weights_name(digest)
    if not file.is_file():
        raise ValueError(f"there is no {file.name}")
    weights = file.read_bytes()
    if sha256(weights).hexdigest() != digest:
        raise ValueError(f"{file.name} is damaged, or of another classifier")
    return weights


def _load_encoder(config: Settings, trusted: Collection[str]) -> BaseEstimator:
    encoder = _load_part(config, "encoder")
    if encoder is None:
        raise ValueError(
            f"it was fitted with an encoder of the class {config['class']!r}, which is none of "
            "this package's; pass it as encoder"
        )
    name = encoder.unpublished_model()
    if name is not None and name not in trusted:
        raise ValueError(
            f"its encoder loads {name!r}, which neither open_clip nor this package publishes. If "
            f"you trust it, {wording(f'pass trusted=[{name!r}]', f'give --trust {name}')}"
        )
    if encoder.cache is not None:
        encoder.cache = "memory"  # a foreign file must not choose where to write
    return encoder


def _load_part(config: Settings, name: str) -> BaseEstimator | None:
    """A part with checked parameters; None if its class is unknown."""
    cls = PARTS[name].get(config["class"])
    if cls is None:
        return None
    part = cls(**config["params"])
    part._validate_params()
    return part


def _with_prefix(arrays: Arrays, prefix: str) -> dict[str, np.ndarray]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
