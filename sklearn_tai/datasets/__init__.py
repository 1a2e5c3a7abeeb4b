"""Pictures with labels."""

from ._emoji_scenes import load_emoji_scenes

__all__ = ["load_emoji_scenes"]
