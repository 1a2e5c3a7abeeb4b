"""Labelled images: bundled ones, and readers of published datasets."""

from ._coco import load_coco
from ._emoji_scenes import load_emoji_scenes
from ._nuswide import load_nuswide
from ._voc import load_voc2007

__all__ = ["load_coco", "load_emoji_scenes", "load_nuswide", "load_voc2007"]
