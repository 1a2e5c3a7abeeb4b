"""The order of the examples: from the first steps to the special cases."""

from __future__ import annotations

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
    """Sort key of sphinx-gallery; examples not named here come last, by name."""

    def __init__(self, src_dir: str) -> None:
        self.src_dir = src_dir

    def __call__(self, filename: str) -> tuple[int, str]:
        """Place of an example."""
        place = _FIRST.index(filename) if filename in _FIRST else len(_FIRST)
        return place, filename
