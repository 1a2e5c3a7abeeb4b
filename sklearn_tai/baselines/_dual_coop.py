"""DualCoOp: a positive and a negative context for each label."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import torch

from .._sklearn_compat import Interval
from .._typing import Encoder, RandomState
from ..adapters import asymmetric_loss
from ._local import ItemFeatures, TextTower, aggregate
from ._prompt_learning import PromptClassifier


class DualCoOpClassifier(PromptClassifier):
    """Learn words for the presence and for the absence of each label (DualCoOp [1]_).

    Each region of an image is compared with both prompts of a label, and the regions most
    similar to the label decide. Made for images whose labels are partly known.

    Parameters
    ----------
    labels : sequence of n_labels str
        Label names, in natural words.
    encoder : OpenCLIPEncoder or None, default=None
        The CLIP model; None for :class:`OpenCLIPEncoder() <sklearn_tai.OpenCLIPEncoder>`.
    n_context : int, default=16
        Number of context vectors, positive and negative each.
    context_init : str or None, default=None
        Words that the positive context starts from, such as "a photo of a"; `n_context` is
        then their number of tokens. The negative context, or both with None, start from
        small random vectors.
    class_specific : bool, default=True
        Whether each label has its own context vectors. The authors advise False where very
        few labels are known.
    use_regions : bool, default=True
        Whether to look at the regions of images, where the image tower has them (CLIP's
        ResNets and vision transformers).
    temperature : float or None, default=None
        Divides the difference of the similarities; None for the model's own, which is
        0.01 in CLIP.
    region_scale : float, default=20.0
        How much the regions most like the label outweigh the others.
    gamma_neg : float, default=2.0
        Focusing parameter of the loss for absent labels.
    gamma_pos : float, default=1.0
        Focusing parameter of the loss for present labels.
    clip : float, default=0.05
        Probability below which an absent label costs nothing.
    max_epochs : int, default=50
        Passes over the items.
    batch_size : int, default=32
        Items in one batch.
    optimizer : {"sgd", "adamw"}, default="sgd"
        Optimizer of the vectors.
    max_lr : float, default=0.002
        Learning rate, which decays to 0 along a cosine after a first epoch at 1e-5.
    momentum : float, default=0.9
        Of "sgd".
    weight_decay : float, default=5e-4
        Of the context vectors.
    threshold : float, default=0.5
        ``predict`` assigns a label if its probability is above this.
    random_state : int, RandomState instance or None, default=None
        Fixes initial vectors and batches.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        The label names.
    positive_context_, negative_context_ : ndarray of shape (n_labels, n_context, width)
        The learned vectors; (n_context, width) if shared by the labels.
    positive_embeddings_, negative_embeddings_ : ndarray of shape (n_labels, n_features)
        Unit embeddings of the prompts.
    temperature_ : float
        The temperature used.
    loss_curve_ : list of max_epochs float
        Mean loss of each epoch.
    n_features_in_ : int
        Dimension of the embeddings.
    encoder_ : OpenCLIPEncoder
        The encoder used. It contains no weights, so pickles stay small.

    See Also
    --------
    CoOpClassifier : One context, and the image as a whole.
    ShiftedPerturbation : For partly known labels along with training texts.

    Notes
    -----
    With cosines s+ and s- of a region and the two prompts of a label, the logit is sum_r w_r
    (s+_r - s-_r) / temperature, with w the softmax over regions of region_scale * s+; its
    sigmoid is the paper's softmax over the two signs. For items without regions (embeddings,
    texts, other towers), the whole is the only region. The loss is the asymmetric loss
    (arXiv:2009.14119) over known labels, scaled to the same size whatever their share; the
    authors set this by hand.

    Regions are encoded once in `fit` and again in each prediction (without the encoder's
    cache). With CLIP RN50 at 224 pixels they take 98 KiB per training image, in memory or,
    above 4 GiB, in a temporary file. Training images are not augmented.

    References
    ----------
    .. [1] X. Sun et al., "DualCoOp: Fast Adaptation to Multi-Label Recognition with
       Limited Annotations", arXiv:2206.09541.

    Examples
    --------
    >>> from sklearn_tai import OpenCLIPEncoder
    >>> from sklearn_tai.baselines import DualCoOpClassifier
    >>> from sklearn_tai.datasets import load_emoji_scenes
    >>> scenes = load_emoji_scenes()
    >>> clf = DualCoOpClassifier(
    ...     scenes.label_names, OpenCLIPEncoder("tai-tiny"), n_context=4, max_epochs=3,
    ...     random_state=0,
    ... ).fit(scenes.images[:32], scenes.Y[:32])
    >>> clf.predict_proba(scenes.images[:3]).shape
    (3, 20)
    """

    _parameter_constraints = {
        **PromptClassifier._parameter_constraints,
        "use_regions": ["boolean"],
        "temperature": [Interval(Real, 0, None, closed="neither"), None],
        "region_scale": [Interval(Real, 0, None, closed="left")],
        "gamma_neg": [Interval(Real, 0, None, closed="left")],
        "gamma_pos": [Interval(Real, 0, None, closed="left")],
        "clip": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        labels: Sequence[str],
        encoder: Encoder | None = None,
        *,
        n_context: int = 16,
        context_init: str | None = None,
        class_specific: bool = True,
        use_regions: bool = True,
        temperature: float | None = None,
        region_scale: float = 20.0,
        gamma_neg: float = 2.0,
        gamma_pos: float = 1.0,
        clip: float = 0.05,
        max_epochs: int = 50,
        batch_size: int = 32,
        optimizer: str = "sgd",
        max_lr: float = 0.002,
        momentum: float = 0.9,
        weight_decay: float = 5e-4,
        threshold: float = 0.5,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.labels = labels
        self.encoder = encoder
        self.n_context = n_context
        self.context_init = context_init
        self.class_specific = class_specific
        self.use_regions = use_regions
        self.temperature = temperature
        self.region_scale = region_scale
        self.gamma_neg = gamma_neg
        self.gamma_pos = gamma_pos
        self.clip = clip
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.max_lr = max_lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.threshold = threshold
        self.random_state = random_state
        self.verbose = verbose

    def _learn(self, tower: TextTower, features: ItemFeatures, Y: torch.Tensor) -> None:
        self.temperature_ = self.temperature or 1 / tower.logit_scale
        prompts = self._train(
            lambda: self._prompts(tower, [self.context_init, None]),
            lambda prompts, items, targets: asymmetric_loss(
                self._logits(items, *prompts()), targets, self.gamma_neg, self.gamma_pos, self.clip
            ),
            features.with_whole_for_parts(),
            Y,
        )
        context, embeddings = self._learned(prompts)
        self.positive_context_, self.negative_context_ = context
        self.positive_embeddings_, self.negative_embeddings_ = embeddings

    def _parts(self) -> dict[str, bool]:
        return {"regions": self.use_regions, "tokens": False}

    def _logits(
        self, items: ItemFeatures, positive: torch.Tensor, negative: torch.Tensor
    ) -> torch.Tensor:
        parts = items.parts.float()
        similarity = parts @ positive.T
        difference = similarity - parts @ negative.T
        logits = aggregate(difference, similarity, items.is_part, self.region_scale)
        return logits / self.temperature_

    def _score(self, features: ItemFeatures) -> torch.Tensor:
        return self._logits(
            features.with_whole_for_parts(),
            torch.from_numpy(self.positive_embeddings_),
            torch.from_numpy(self.negative_embeddings_),
        )
