"""Classifiers with small networks, which train quickly."""

from typing import Any

from sklearn_tai import MLPAdapter, RandomPerturbation, TextAsImageClassifier

_OF_CLASSIFIER = ("center", "standardize", "threshold")


def with_network(
    encoder: Any = None, perturbation: Any = None, **params: Any
) -> TextAsImageClassifier:
    """A classifier with an MLPAdapter; each parameter is passed to the part that has it."""
    own = {name: params.pop(name) for name in _OF_CLASSIFIER if name in params}
    if encoder is not None:
        own["encoder"] = encoder
    own["perturbation"] = RandomPerturbation(2.5) if perturbation is None else perturbation
    return TextAsImageClassifier(**own, adapter=MLPAdapter(**{"random_state": 0, **params}))
