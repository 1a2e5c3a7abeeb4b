"""CoOp: learn the words in front of the label names."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from .._typing import Encoder, RandomState
from ..adapters import binary_cross_entropy
from ._local import ItemFeatures, TextTower
from ._prompt_learning import PromptClassifier
from ._prompts import PromptLearner


class _CoOp(nn.Module):
    """Prompts, with the scale and intercept that turn similarities into logits."""

    def __init__(
        self, prompts: PromptLearner, features: ItemFeatures, Y: torch.Tensor, learn_scale: bool
    ) -> None:
        super().__init__()
        self.prompts = prompts
        log_scale = torch.tensor(prompts.tower.logit_scale, device=prompts.context.device).log()
        self.log_scale = nn.Parameter(log_scale, requires_grad=learn_scale)
        # CLIP's cosines lie in a narrow range above 0: without an intercept, all labels of all
        # items would be present at first. Start with a mean logit for each label that equals
        # the log odds of its share among the items whose label is known.
        device, known = log_scale.device, Y >= 0
        with torch.no_grad():
            cosine = (features.whole.to(device) @ prompts()[0].T).cpu()
        mean = (cosine * known).sum(dim=0) / known.sum(dim=0).clamp(min=1)
        share = ((Y == 1).sum(dim=0) + 1) / (known.sum(dim=0) + 2)
        self.intercept = nn.Parameter(share.logit().to(device) - log_scale.exp() * mean.to(device))

    def forward(self, whole: torch.Tensor) -> torch.Tensor:
        """Logits of shape (n_items, n_labels)."""
        return self.log_scale.exp() * whole @ self.prompts()[0].T + self.intercept


class CoOpClassifier(PromptClassifier):
    """Learn the words in front of the label names (CoOp [1]_).

    The words are vectors in the space of token embeddings; both towers of CLIP stay as they
    are. Items need labels: trained on images, this is the supervised rival of methods that
    learn from texts.

    Parameters
    ----------
    labels : sequence of n_labels str
        Label names, in natural words.
    encoder : OpenCLIPEncoder or None, default=None
        The CLIP model; None for :class:`OpenCLIPEncoder() <sklearn_tai.OpenCLIPEncoder>`.
    n_context : int, default=16
        Number of context vectors.
    context_init : str or None, default=None
        Words to start from, such as "a photo of a"; `n_context` is then their number of
        tokens. None for small random vectors.
    class_specific : bool, default=False
        Whether each label has its own context vectors.
    learn_logit_scale : bool, default=False
        Whether to learn the factor of the similarities too, instead of using the model's.
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
    context_ : ndarray of shape (n_context, width) or (n_labels, n_context, width)
        The learned vectors.
    label_embeddings_ : ndarray of shape (n_labels, n_features)
        Unit embeddings of the prompts.
    logit_scale_ : float
        Factor of the similarities.
    intercept_ : ndarray of shape (n_labels,)
        Learned summand of each label's logit.
    loss_curve_ : list of max_epochs float
        Mean loss of each epoch.
    n_features_in_ : int
        Dimension of the embeddings.
    encoder_ : OpenCLIPEncoder
        The encoder used. It contains no weights, so pickles stay small.

    See Also
    --------
    DualCoOpClassifier : A positive and a negative context.
    ZeroShotClassifier : Prompts written by hand.

    Notes
    -----
    A prompt is [v_1, ..., v_M, label], with the same vectors for all labels or separate ones
    for each. In [1]_, a softmax over the labels of scale * cosine picks one. Here each label
    has its own sigmoid, as items may have several labels: the logit is scale * cosine +
    intercept, the loss binary cross-entropy over the known labels. Label names come last.

    References
    ----------
    .. [1] K. Zhou et al., "Learning to Prompt for Vision-Language Models",
       arXiv:2109.01134.

    Examples
    --------
    >>> from sklearn_tai import OpenCLIPEncoder
    >>> from sklearn_tai.baselines import CoOpClassifier
    >>> from sklearn_tai.datasets import load_emoji_scenes
    >>> scenes = load_emoji_scenes()
    >>> clf = CoOpClassifier(
    ...     scenes.label_names, OpenCLIPEncoder("tai-tiny"), n_context=4, max_epochs=3,
    ...     random_state=0,
    ... ).fit(scenes.images[:32], scenes.Y[:32])
    >>> clf.predict_proba(scenes.images[:3]).shape
    (3, 20)
    """

    _parameter_constraints = {
        **PromptClassifier._parameter_constraints,
        "learn_logit_scale": ["boolean"],
    }

    def __init__(
        self,
        labels: Sequence[str],
        encoder: Encoder | None = None,
        *,
        n_context: int = 16,
        context_init: str | None = None,
        class_specific: bool = False,
        learn_logit_scale: bool = False,
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
        self.learn_logit_scale = learn_logit_scale
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
        model = self._train(
            lambda: _CoOp(
                self._prompts(tower, [self.context_init]), features, Y, self.learn_logit_scale
            ),
            lambda model, items, targets: binary_cross_entropy(model(items.whole), targets),
            features,
            Y,
        )
        (self.context_,), (self.label_embeddings_,) = self._learned(model.prompts)
        self.logit_scale_ = float(model.log_scale.detach().exp())
        self.intercept_ = model.intercept.detach().cpu().numpy().copy()

    def _score(self, features: ItemFeatures) -> torch.Tensor:
        cosine = features.whole @ torch.from_numpy(self.label_embeddings_).T
        return self.logit_scale_ * cosine + torch.from_numpy(self.intercept_)
