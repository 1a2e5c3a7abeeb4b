"""A short menu of models, with what each is good for."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

_OPEN_CLIP = "https://github.com/mlfoundations/open_clip/blob/main/docs/openclip_results.csv"
_PE = "https://github.com/facebookresearch/perception_models/blob/main/apps/pe/README.md"


@dataclass(frozen=True)
class Preset:
    """An open_clip model under a name that says what it is good for.

    Parameters
    ----------
    model_name, pretrained : str
        As :class:`~sklearn_tai.OpenCLIPEncoder` takes them.
    purpose : str
        When to take it.
    licence : str
        Licence of the weights.
    n_parameters : int
        Millions of parameters of both towers.
    imagenet : float
        Published zero-shot accuracy on ImageNet-1k, in percent.
    source : str
        Source of that figure.
    measured : bool
        Whether its image tower was measured here, on real photos.
    """

    model_name: str
    pretrained: str
    purpose: str
    licence: str
    n_parameters: int
    imagenet: float
    source: str
    measured: bool = False


#: The menu by name; each name can be used as `model_name`.
PRESETS = MappingProxyType(
    {
        "default": Preset(
            "ViT-B-16", "openai", "photos", "MIT", 150, 68.3, _OPEN_CLIP, measured=True
        ),
        "paper": Preset("RN50", "openai", "reproducing the paper", "MIT", 102, 59.8, _OPEN_CLIP),
        "fast": Preset(
            "ViT-B-32-256",
            "datacomp_s34b_b86k",
            "speed: 42 % of the default's operations per image",
            "MIT",
            151,
            72.8,
            _OPEN_CLIP,
        ),
        "balanced": Preset(
            "PE-Core-B-16",
            "meta",
            "more accuracy at the default's cost per image",
            "Apache 2.0",
            448,
            78.4,
            _PE,
        ),
        "multilingual": Preset(
            "ViT-B-16-SigLIP2",
            "webli",
            "labels and texts in languages other than English",
            "Apache 2.0",
            375,
            78.2,
            "https://arxiv.org/abs/2502.14786",
        ),
        "best": Preset(
            "PE-Core-L-14-336", "meta", "most accuracy, on a GPU", "Apache 2.0", 671, 83.5, _PE
        ),
    }
)
