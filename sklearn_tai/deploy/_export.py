"""Export a fitted classifier to one ONNX file, which needs neither this package nor torch."""

from __future__ import annotations

import copy
import glob
import warnings
from collections.abc import Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted
from torch import nn

from .. import __version__
from .._sklearn_compat import Interval, StrOptions, validate_params
from .._typing import Settings
from ..base import pool_regions
from ..baselines import CoMCClassifier
from ..classifier import TextAsImageClassifier
from ..encoders import OpenCLIPEncoder, RegionTower, find_source, has_regions, read_settings
from ..inputs import exclusive_columns, group_columns
from ..storage import whole_file
from ._onnx import check_packages, check_path, run_file, write_file

__all__ = ["export_onnx"]

Exportable: TypeAlias = TextAsImageClassifier | CoMCClassifier
_ADAPTER_ONLY = "Export the adapter alone with input='embeddings'."


@validate_params(
    {
        "clf": [TextAsImageClassifier, CoMCClassifier],
        "path": [str, Path],
        "input": [StrOptions({"pixels", "embeddings"})],
        "label_names": ["array-like", None],
        "opset": [Interval(Integral, 18, None, closed="left")],
        "tolerance": [Interval(Real, 0, None, closed="neither")],
    },
    prefer_skip_nested_validation=True,
)
def export_onnx(
    clf: Exportable,
    path: str | Path,
    *,
    input: str = "pixels",
    label_names: Sequence[str] | None = None,
    opset: int = 18,
    tolerance: float = 1e-4,
) -> float:
    """Write a fitted classifier, with CLIP's image tower, to one ONNX file.

    The file contains the image tower, the adapter and the logistic function in float32. Its
    metadata contain everything else that is needed to tag images: label names, threshold,
    and the size and normalization of pixels (docs/howto/onnx.md). Before the file is put in
    place it is checked: onnxruntime must return the classifier's probabilities.

    Parameters
    ----------
    clf : TextAsImageClassifier or CoMCClassifier
        A fitted classifier whose encoder is an :class:`~sklearn_tai.OpenCLIPEncoder`. With
        ``input="embeddings"``, any encoder.
    path : str or Path
        The file, usually ``*.onnx``. An existing file is replaced.
    input : {"pixels", "embeddings"}, default="pixels"
        The input of the file: "pixels" of preprocessed images, float32 of shape (batch,
        3, height, width), or "embeddings" as the encoder returns them, float32 of shape
        (batch, n_features). It returns "probabilities" and "logits", float32 of shape
        (batch, n_labels).
    label_names : sequence of str or None, default=None
        Names of the labels for the metadata; None for ``clf.classes_``, which has names
        only if `y` was a data frame in ``fit``.
    opset : int, default=18
        Version of ONNX's operators; the newest depends on torch's.
    tolerance : float, default=1e-4
        Largest difference, as returned, that is accepted.

    Returns
    -------
    float
        The largest difference between the probabilities of onnxruntime and of the
        classifier on batches of 1 and 3 random inputs; or that of the logits, relative to
        the largest logit, if this is more.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If `clf` is not fitted.
    ValueError
        If the encoder is not an open_clip model or has another width than the adapter; if
        `label_names` does not fit, or a parameter is invalid.
    FileNotFoundError
        If the folder of `path` does not exist.
    ImportError
        If onnx is not installed (``pip install 'sklearn-tai[onnx]'``).
    OSError
        If the encoder's weights are neither in the cache nor downloadable.
    RuntimeError
        If torch cannot export the model, or the difference is above `tolerance`. There
        is no new file then.

    Notes
    -----
    An encoder with "bf16" or "fp16" is exported in "fp32", from the published weights. A
    classifier fitted on embeddings does not know their encoder: assign it to
    ``clf.encoder_`` first. Above 2 GB, the limit of ONNX files, the weights go to a second
    file, ``<path>.<random name>.data``: keep both together.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator, TextAsImageClassifier
    >>> from sklearn_tai.deploy import export_onnx
    >>> labels = ["dog", "car"]
    >>> texts, Y = PromptCorpusGenerator(n_texts=100, random_state=0).generate(labels)
    >>> encoder = OpenCLIPEncoder("tai-tiny")
    >>> clf = TextAsImageClassifier(encoder).fit(texts, Y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_onnx(clf, f"{folder}/tagger.onnx", label_names=labels) < 1e-4
    True
    """
    check_is_fitted(clf)
    path = check_path(path)
    check_packages()
    names = list(map(str, clf.classes_ if label_names is None else label_names))
    if len(names) != len(clf.classes_):
        raise ValueError(
            f"label_names contains {len(names)} names, but clf has {len(clf.classes_)} labels. "
            "Give one for each column of y."
        )
    known = clf.vocabulary_, clf.classes_
    groups = group_columns(*known)
    metadata: Settings = {
        "sklearn_tai_version": __version__,
        "label_names": names,
        "threshold": float(clf._decision_threshold()),
        "groups": {names[k]: [names[m] for m in own] for k, own in groups.items()},
        "exclusive": [[names[k] for k in own] for own in exclusive_columns(*known)],
    }
    model, shape = None, (clf.n_features_in_,)
    scale = clf.adapter_.input_norm_ / clf.n_features_in_**0.5
    if input == "pixels":
        model, preprocessing = _image_tower(clf)
        metadata |= preprocessing
        shape, scale = (3, *preprocessing["image_size"]), 1.0
    graph = _Graph(clf, model)
    remedy = f" {_ADAPTER_ONLY}" if input == "pixels" else ""
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((3, *shape), dtype=np.float32) * np.float32(scale)
    expected = _outputs(clf, graph, samples)
    # a draft, which replaces the target once the check has passed
    with whole_file(path, f"{glob.escape(path.name)}.????????.data") as draft:
        try:
            write_file(graph, torch.from_numpy(samples[:2]), input, draft, opset, metadata)
            found = [run_file(draft, samples[:n]) for n in (1, 3)]
        except RuntimeError as error:
            raise RuntimeError(f"{error}{remedy}") from error.__cause__
        difference = max(_difference(part, expected) for part in found)
        if not difference <= tolerance:
            raise RuntimeError(
                "Probabilities of the exported file differ from the classifier's by up to "
                f"{difference:.2g}, more than tolerance={tolerance:.2g}, so it was not kept. "
                f"Raise tolerance if you can live with that.{remedy}"
            )
    return difference


def _image_tower(clf: Exportable) -> tuple[nn.Module, Settings]:
    """The image tower, copied to the CPU, and its preprocessing."""
    import open_clip
    from open_clip.transform import PreprocessCfg

    encoder = clf.encoder_
    if type(encoder) is not OpenCLIPEncoder:
        raise ValueError(
            f"clf.encoder_ is a {type(encoder).__name__}; only an OpenCLIPEncoder can be "
            f"exported. {_ADAPTER_ONLY}"
        )
    encoder = clone(encoder).set_params(precision="fp32")
    encoder._validate_params()
    source = find_source(encoder.model_name, encoder.pretrained)
    if source.repo is None:  # check before loading weights, which may be a long download
        settings = (
            read_settings(source.folder, source.asked)
            if source.folder
            else open_clip.get_model_config(source.architecture)
        )
        _check_width(clf, settings["embed_dim"])
    shared = encoder._load().model
    # copy the image tower alone; other encoders share the model
    others = (child for key, child in shared.named_children() if key != "visual")
    model = copy.deepcopy(shared, {id(child): nn.Identity() for child in others}).cpu()

    settings = PreprocessCfg(**dict(model.visual.preprocess_cfg))
    size = settings.size
    height, width = (size, size) if isinstance(size, int) else map(int, size)
    if height != width and settings.resize_mode == "shortest":
        raise ValueError(
            f"{encoder.model_name!r} takes images of {height} x {width} pixels, whose cropping "
            f"has no place in the metadata. Set the encoder's resize_mode to 'squash'. "
            f"{_ADAPTER_ONLY}"
        )
    return model, {
        "model_name": encoder.model_name,
        "image_size": [height, width],
        "image_mean": np.broadcast_to(settings.mean, 3).tolist(),
        "image_std": np.broadcast_to(settings.std, 3).tolist(),
        "resize_mode": settings.resize_mode,
        # open_clip does the same
        "interpolation": "bilinear" if settings.interpolation == "bilinear" else "bicubic",
        "fill_color": settings.fill_color,
    }


def _check_width(clf: Exportable, width: int) -> None:
    if width != clf.n_features_in_:
        raise ValueError(
            f"{clf.encoder_!r} returns embeddings of dimension {width}, but clf was fitted on "
            f"embeddings of dimension {clf.n_features_in_}. Assign the encoder that made them to "
            f"clf.encoder_. {_ADAPTER_ONLY}"
        )


class _Graph(nn.Module):
    """The exported computation: from pixels or embeddings to probabilities and logits."""

    def __init__(self, clf: Exportable, model: nn.Module | None) -> None:
        super().__init__()
        self.model: Any = model
        self.adapter = clf.adapter_.to_module()
        self.normalize = clf.encoder_.normalize if model is not None else False
        self.unit_length = isinstance(clf, CoMCClassifier)
        mean = None if isinstance(clf, CoMCClassifier) else clf.image_mean_
        self.mean = None if mean is None else torch.from_numpy(mean)
        self.region_weight: float | str = 0
        self.region_lift, self.slope, self.offsets = 0.0, 1.0, torch.zeros(1)
        if not isinstance(clf, CoMCClassifier):
            self.region_weight, self.region_lift = clf.region_weight, clf._region_lift
            self.slope, self.offsets = clf.slope_, torch.from_numpy(clf.offsets_)
        self.groups = group_columns(clf.vocabulary_, clf.classes_)
        self.encode_image: Any = None
        if model is not None:
            has_parts = self.region_weight != 0 and has_regions(model)
            tower: Any = RegionTower(model) if has_parts else model
            self.encode_image = tower.encode_image
        self.eval().requires_grad_(False)

    def embed(self, pixels: torch.Tensor) -> torch.Tensor:
        embeddings = self.encode_image(pixels)
        if self.normalize:
            embeddings = embeddings / embeddings.norm(dim=-1, keepdim=True)
        return embeddings

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        embeddings = inputs if self.encode_image is None else self.embed(inputs)
        if self.unit_length:
            embeddings = nn.functional.normalize(embeddings, dim=1)
        if self.mean is not None:
            embeddings = embeddings - self.mean
        logits = self.slope * self.adapter(embeddings.flatten(0, -2)) + self.offsets
        if embeddings.ndim == 3:
            of_parts = logits.view(-1, embeddings.shape[1], logits.shape[1])
            logits = pool_regions(of_parts, self.region_weight, self.region_lift)
        if self.groups:
            columns = list(logits.split(1, dim=1))
            for group, own in self.groups.items():
                columns[group] = logits[:, [group, *own]].amax(1, keepdim=True)
            logits = torch.cat(columns, dim=1)
        return torch.sigmoid(logits), logits


def _outputs(clf: Exportable, graph: _Graph, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The classifier's own probabilities and logits of the samples."""
    if graph.model is not None:
        with torch.inference_mode():
            samples = graph.embed(torch.from_numpy(samples)).numpy()
        _check_width(clf, samples.shape[-1])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        # not decision_function, which may return standardised scores
        if isinstance(clf, CoMCClassifier):
            return clf.predict_proba(samples), clf.decision_function(samples)
        return clf.predict_proba(samples), clf._outputs(samples)


def _difference(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
    """The largest difference in probabilities, or in logits relative to the largest logit.

    Random pixels match few labels: probabilities near 0 would hide errors.
    """
    errors = [np.abs(a - b[: len(a)]).max() for a, b in zip(found, expected)]
    return float(max(errors[0], errors[1] / max(1, np.abs(expected[1]).max())))
