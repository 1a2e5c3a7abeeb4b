"""Settings of the gallery: the order of the examples, and errors in place of warnings."""

from __future__ import annotations

import warnings
from typing import Any

_FIRST = (
    "plot_quickstart.py",
    "plot_radius.py",
    "plot_small_objects.py",
    "plot_thresholds.py",
    "plot_embedding_space.py",
    "plot_own_labels_ollama.py",
    "plot_new_labels.py",
    "plot_few_shot.py",
    "plot_partial_labels.py",
    "plot_rivals.py",
    "plot_pipeline.py",
    "plot_bulk_tagging.py",
    "plot_export_onnx.py",
)


class StoryOrder:
    """Sort key for sphinx-gallery; examples not listed above come last, by name."""

    def __init__(self, src_dir: str) -> None:
        self.src_dir = src_dir

    def __call__(self, filename: str) -> tuple[int, str]:
        """The position of an example."""
        place = _FIRST.index(filename) if filename in _FIRST else len(_FIRST)
        return place, filename


_filters: list[Any] = []


def refuse_warnings(gallery_conf: Any, fname: str, when: str) -> None:
    """Turn warnings that users of an example would see into errors."""
    if when == "before":
        if _filters:  # it is also called at the start of a folder
            return
        _filters.append(warnings.catch_warnings())
        _filters[-1].__enter__()
        for category in (UserWarning, FutureWarning, RuntimeWarning):
            warnings.simplefilter("error", category)
    elif _filters:
        _filters.pop().__exit__(None, None, None)
