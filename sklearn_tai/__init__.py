"""Train a multi-label image classifier from words alone.

The public names load on first use, so that importing the package is fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# public name -> module that defines it
_EXPORTS = {
    "KernelAdapter": "adapters",
    "MLPAdapter": "adapters",
    "MixedPerturbation": "perturbation",
    "MultiLabelCalibratedClassifier": "decisions",
    "MultiLabelThresholdClassifier": "decisions",
    "OllamaCorpusGenerator": "corpus",
    "OpenAICorpusGenerator": "corpus",
    "OpenCLIPEncoder": "encoders",
    "PromptCorpusGenerator": "corpus",
    "RandomPerturbation": "perturbation",
    "ScoreEnsemble": "ensemble",
    "ShiftedPerturbation": "perturbation",
    "TextAsImageClassifier": "classifier",
    "ZeroShotClassifier": "baselines",
}

if TYPE_CHECKING:
    from .adapters import KernelAdapter, MLPAdapter
    from .baselines import ZeroShotClassifier
    from .classifier import TextAsImageClassifier
    from .corpus import OllamaCorpusGenerator, OpenAICorpusGenerator, PromptCorpusGenerator
    from .decisions import MultiLabelCalibratedClassifier, MultiLabelThresholdClassifier
    from .encoders import OpenCLIPEncoder
    from .ensemble import ScoreEnsemble
    from .perturbation import MixedPerturbation, RandomPerturbation, ShiftedPerturbation

__all__ = [
    "KernelAdapter",
    "MLPAdapter",
    "MixedPerturbation",
    "MultiLabelCalibratedClassifier",
    "MultiLabelThresholdClassifier",
    "OllamaCorpusGenerator",
    "OpenAICorpusGenerator",
    "OpenCLIPEncoder",
    "PromptCorpusGenerator",
    "RandomPerturbation",
    "ScoreEnsemble",
    "ShiftedPerturbation",
    "TextAsImageClassifier",
    "ZeroShotClassifier",
]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(import_module(f".{_EXPORTS[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
