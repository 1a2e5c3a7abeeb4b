"""Check the contents of a saved classifier, which may come from anybody."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np

from .._typing import Arrays, Settings
from ..inputs import label_array


def dump_json(config: Settings) -> str:
    """JSON that :func:`load_json` accepts."""
    try:
        return json.dumps(config, indent=2, allow_nan=False)
    except ValueError as error:
        raise ValueError(
            "The classifier contains NaN or infinite numbers, so it cannot be saved. Fit it again."
        ) from error


def load_json(text: str) -> Settings:
    """A JSON object without NaN and infinity."""
    config = json.loads(text, parse_float=_finite, parse_constant=_finite)
    if not isinstance(config, dict):
        raise ValueError(f"config.json contains a {type(config).__name__}, not an object")
    return config


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"config.json contains the number {text}")
    return number


def check_version_name(version: Any) -> str:
    """The version that wrote the file, to be shown in a warning."""
    if not isinstance(version, str) or not re.fullmatch(r"[\w.+-]{1,40}", version, re.ASCII):
        raise ValueError(f"{str(version)[:40]!r} is not a version")
    return version


def check_size(n: Any, name: str) -> int:
    """A whole number of at least 0."""
    if type(n) is not int or n < 0:
        raise ValueError(f"{name} is {n!r}, not a whole number of 0 or more")
    return n


def check_labels(labels: Any) -> np.ndarray:
    """Labels of the types that JSON has, no two the same."""
    if not isinstance(labels, list) or not labels:
        raise ValueError("classes is not a list of labels")
    if not all(isinstance(label, (str, int, float)) for label in labels):
        raise ValueError("classes contains what is neither a str nor a number")
    if any(re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", str(label)) for label in labels):
        raise ValueError("classes contains control characters")
    if len(set(labels)) < len(labels):
        raise ValueError("classes contains a label more than once")
    array = label_array(labels)
    if array.tolist() != labels:
        raise ValueError("classes contains labels that an array cannot keep as they are")
    return array


def check_statistics(arrays: Arrays, n_features: int, n_labels: int) -> None:
    """Check shapes and types of the classifier's own arrays; none may have NaN."""
    for name, array in arrays.items():
        # image centroids are NaN for labels with neither texts nor images
        if not name.startswith("perturbation.") and not np.isfinite(array).all():
            raise ValueError(f"{name} contains NaN or infinite numbers")
        if "." in name:
            continue
        shape = (n_labels,) if name == "offsets_" else (n_features,)
        if array.shape != shape or array.dtype.kind != "f":
            raise ValueError(f"{name} is of shape {array.shape}, not {shape} numbers")


def check_fitted(fitted: Settings, n_features: int) -> Settings:
    """Attributes of a fitted perturbation."""
    for name, value in fitted.items():
        is_array = isinstance(value, np.ndarray) and n_features in value.shape
        is_number = value is None or type(value) in (bool, int, float)
        if not re.fullmatch(r"[a-z]\w*_", name) or not (is_array or is_number):
            raise ValueError(f"{name!r} is not an attribute of a fitted perturbation")
    lengths = [fitted[name] for name in ("norm_", "radius_", "image_radius_")]
    if not all(type(length) in (int, float) and length >= 0 for length in lengths):
        raise ValueError("the lengths of its noise are not numbers of 0 or more")
    if type(fitted["moves_"]) is not bool or fitted["n_features_in_"] != n_features:
        raise ValueError("its perturbation does not fit")
    return fitted
