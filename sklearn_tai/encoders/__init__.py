"""Encoders, which embed texts and images in one space."""

from .._public import settle
from ._base import BaseEncoder, EncodedBatch
from ._hub import hub_progress as hub_progress
from ._hub import hub_trouble as hub_trouble
from ._loading import read_settings as read_settings
from ._open_clip import OpenCLIPEncoder
from ._presets import PRESETS, Preset
from ._regions import RegionTower as RegionTower
from ._regions import has_regions as has_regions
from ._source import BUNDLED as BUNDLED
from ._source import find_source as find_source
from ._text import text_lengths as text_lengths
from ._text import text_tower as text_tower
from ._transformers import TransformersEncoder

__all__ = [
    "PRESETS",
    "BaseEncoder",
    "EncodedBatch",
    "OpenCLIPEncoder",
    "Preset",
    "TransformersEncoder",
]

settle(globals())
