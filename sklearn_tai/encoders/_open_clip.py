"""An encoder for open_clip's CLIP models."""

from __future__ import annotations

from numbers import Integral
from pathlib import Path

from .._sklearn_compat import Interval, StrOptions
from ._base import BaseEncoder
from ._loaded import LoadedModel
from ._loading import ModelRequest, load_model
from ._source import find_source


class OpenCLIPEncoder(BaseEncoder):
    """Embed texts and images with a frozen CLIP model of open_clip.

    Weights are loaded in the first :meth:`transform`, once per process for all clones, and
    are never pickled.

    Parameters
    ----------
    model_name : str, default="ViT-B-16"
        A name of :data:`~sklearn_tai.encoders.PRESETS` ("fast", "balanced",
        "multilingual", "best", "paper"), one of ``open_clip.list_models()``,
        ``"hf-hub:org/model"``, ``"local-dir:/folder"``, or ``"tai-tiny"``: the small
        model inside this package, made for demonstrations and tests on pictograms.
    pretrained : str or None, default="auto"
        The tag of the weights (``open_clip.list_pretrained()``) or a file. "auto" takes the
        weights that belong to the name, the only tag there is, or else OpenAI's. None for
        random weights.
    quick_gelu : bool or None, default=None
        The activation of the towers: QuickGELU or GELU. None for the one that the weights
        were trained with, with a warning if that is unknown.
    device : str or None, default=None
        "cpu", "cuda", ...; None for a GPU if there is one.
    batch_size : int, default=64
        Images encoded at once. They are read in threads while the previous batch is
        encoded, so two batches are in memory. Batches of texts, which are smaller, contain
        more items.
    normalize : bool, default=False
        Whether to scale embeddings to unit length. The paper does not.
    precision : {"fp32", "bf16", "fp16"}, default="fp32"
        Number format of the model. "bf16" takes about half the time on CPUs and GPUs that
        support it, "fp16" is for GPUs; embeddings are returned as float32 either way.
        Labels are just as good (docs/evidence/performance.md), and you can combine texts in
        "fp32" with images in "bf16".
    image_size : int or None, default=None
        Height and width in pixels to which images are resized; None for the model's own (224
        for RN50). Larger images show small objects, at a cost that grows with the square.
        Positions of CLIP's ResNets and vision transformers are interpolated to match. The
        paper uses 448 for partial labels.
    resize_mode : {"shortest", "longest", "squash"} or None, default=None
        "shortest" resizes the shorter edge to `image_size` and crops the centre, "longest"
        resizes the longer edge and pads, "squash" distorts the whole image into the square.
        None for the model's own, "shortest" for most.
    cache : "memory", str, Path or None, default="memory"
        Where embeddings are cached by content (weights, precision, preprocessing, text or
        image), so that a search encodes every item once. "memory" keeps up to 256 MiB in this
        process; a folder keeps them on disk, for later runs and for parallel processes
        (``n_jobs``); None caches nothing.
    on_error : {"raise", "nan"}, default="raise"
        What happens with an image that cannot be read: "raise" stops with an error; "nan"
        gives it an embedding of NaN, and a warning at the end says what was wrong.
    verbose : int, default=0
        0 is silent, 1 shows progress bars.

    See Also
    --------
    TextAsImageClassifier : Trains on the embeddings of texts.

    Notes
    -----
    A text longer than the model's context (77 tokens for CLIP) is cut, as open_clip does.
    If the text tower is causal, texts are sorted by length and only use as many positions
    as they need: the embeddings are the same, in a fraction of the time
    (docs/evidence/performance.md).

    Examples
    --------
    >>> from sklearn_tai import OpenCLIPEncoder
    >>> encoder = OpenCLIPEncoder("tai-tiny")
    >>> encoder.transform(["a photo of a dog", "two cats on a sofa"]).shape
    (2, 256)
    """

    _parameter_constraints = {
        "model_name": [str],
        "pretrained": [str, None],
        "quick_gelu": ["boolean", None],
        "device": [str, None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "normalize": ["boolean"],
        "precision": [StrOptions({"fp32", "bf16", "fp16"})],
        "image_size": [Interval(Integral, 1, None, closed="left"), None],
        "resize_mode": [StrOptions({"shortest", "longest", "squash"}), None],
        "cache": [str, Path, None],
        "on_error": [StrOptions({"raise", "nan"})],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        model_name: str = "ViT-B-16",
        pretrained: str | None = "auto",
        *,
        quick_gelu: bool | None = None,
        device: str | None = None,
        batch_size: int = 64,
        normalize: bool = False,
        precision: str = "fp32",
        image_size: int | None = None,
        resize_mode: str | None = None,
        cache: str | Path | None = "memory",
        on_error: str = "raise",
        verbose: int = 0,
    ) -> None:
        self.model_name = model_name
        self.pretrained = pretrained
        self.quick_gelu = quick_gelu
        self.device = device
        self.batch_size = batch_size
        self.normalize = normalize
        self.precision = precision
        self.image_size = image_size
        self.resize_mode = resize_mode
        self.cache = cache
        self.on_error = on_error
        self.verbose = verbose

    def unpublished_model(self) -> str | None:
        source = find_source(self.model_name, self.pretrained)
        if source.is_published:
            return None
        return self.pretrained if source.file is not None else self.model_name

    def _load(self, precision: str | None = None) -> LoadedModel:
        """The model, in the given precision or else the encoder's."""
        return load_model(
            ModelRequest(
                find_source(self.model_name, self.pretrained),
                self.quick_gelu,
                self.device,
                precision or self.precision,
                self.image_size,
                self.resize_mode,
                self.verbose,
            )
        )
