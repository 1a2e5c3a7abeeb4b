"""TaI-DPT: prompts learned from texts, for whole images and their parts."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import numpy as np
import torch
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from .._sklearn_compat import Interval
from .._typing import Encoder, Items, RandomState
from ..adapters import ranking_loss
from ._local import ItemFeatures, TextTower, aggregate
from ._prompt_learning import PromptClassifier
from ._prompts import PromptLearner


class TaIDPTClassifier(PromptClassifier):
    """Learn global and local prompts from texts in place of images (TaI-DPT [1]_).

    Global prompts are compared with a text as a whole, local prompts with its tokens. At
    test time an image takes the place of the text, and its regions that of the tokens.

    Parameters
    ----------
    labels : sequence of n_labels str
        Label names, in natural words.
    encoder : OpenCLIPEncoder or None, default=None
        The CLIP model; None for :class:`OpenCLIPEncoder() <sklearn_tai.OpenCLIPEncoder>`.
    n_context : int, default=16
        Number of context vectors, global and local each.
    context_init : str or None, default=None
        Words to start from, such as "a photo of a"; `n_context` is then their number of
        tokens. None for small random vectors.
    class_specific : bool, default=False
        Whether each label has its own context vectors.
    use_local : bool, default=True
        Whether to learn local prompts in addition to the global ones (False is the paper's
        TaI).
    scale : float, default=4.0
        Factor of the similarities; the margin of the loss is 1.
    token_scale : float, default=50.0
        How much the tokens most similar to the label outweigh the others.
    region_scale : float, default=40.0
        The same for the regions of images.
    max_epochs : int, default=20
        Passes over the items.
    batch_size : int, default=512
        Items in one batch.
    optimizer : {"sgd", "adamw"}, default="sgd"
        Optimizer of the vectors.
    max_lr : float, default=1e-4
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
    global_context_, local_context_ : ndarray of shape (n_context, width)
        The learned vectors; (n_labels, n_context, width) if each label has its own.
    global_embeddings_, local_embeddings_ : ndarray of shape (n_labels, n_features)
        Unit embeddings of the prompts. The local ones are None where none were learned.
    calibration_ : ndarray of shape (2,)
        Factor and summand that turn a label's score, less the mean of the item's
        scores, into the log odds of ``predict_proba``.
    loss_curve_ : list of max_epochs float
        Mean loss of each epoch.
    n_features_in_ : int
        Dimension of the embeddings.
    encoder_ : OpenCLIPEncoder
        The encoder used. It contains no weights, so pickles stay small.

    See Also
    --------
    TextAsImageClassifier : Learns from texts with an adapter in place of prompts.

    Notes
    -----
    The global score is scale * cosine. The local score is scale * sum_p w_p s_p with the
    cosines s_p of the parts and w the softmax over parts of token_scale * s. The loss is
    the sum of the ranking losses of both (with a margin of 1 between each present and
    each absent label of an item), the final score their sum. As in the authors' code, all
    tokens from the start of the text to its end are parts, and the vectors are shared by
    the labels.

    Embeddings have no parts: fitted on them, only global prompts are learned; scored,
    they have a global score only. The same holds for towers without regions.

    A ranking loss does not determine probabilities. They come from a logistic regression
    on the training scores, centred for each item: a shift of all scores, such as that
    between texts and images, then changes nothing. ``score`` uses the scores themselves.

    References
    ----------
    .. [1] Z. Guo et al., "Texts as Images in Prompt Tuning for Multi-Label Image
       Recognition", arXiv:2211.12739.

    Examples
    --------
    >>> from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator
    >>> from sklearn_tai.baselines import TaIDPTClassifier
    >>> from sklearn_tai.datasets import load_emoji_scenes
    >>> scenes = load_emoji_scenes()
    >>> generator = PromptCorpusGenerator(n_texts=50, random_state=0)
    >>> texts, Y = generator.generate(scenes.label_names)
    >>> clf = TaIDPTClassifier(
    ...     scenes.label_names, OpenCLIPEncoder("tai-tiny"), n_context=4, max_epochs=2,
    ...     batch_size=32, random_state=0,
    ... ).fit(texts, Y)
    >>> clf.predict_proba(scenes.images[:3]).shape
    (3, 20)
    """

    _parameter_constraints = {
        **PromptClassifier._parameter_constraints,
        "use_local": ["boolean"],
        "scale": [Interval(Real, 0, None, closed="neither")],
        "token_scale": [Interval(Real, 0, None, closed="left")],
        "region_scale": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        labels: Sequence[str],
        encoder: Encoder | None = None,
        *,
        n_context: int = 16,
        context_init: str | None = None,
        class_specific: bool = False,
        use_local: bool = True,
        scale: float = 4.0,
        token_scale: float = 50.0,
        region_scale: float = 40.0,
        max_epochs: int = 20,
        batch_size: int = 512,
        optimizer: str = "sgd",
        max_lr: float = 1e-4,
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
        self.use_local = use_local
        self.scale = scale
        self.token_scale = token_scale
        self.region_scale = region_scale
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
        if Y.shape[1] < 2:
            raise ValueError(
                "labels has 1 label, but TaI-DPT ranks the labels of an item. Give at least 2."
            )
        local = bool(features.is_part.any())

        def loss(
            prompts: PromptLearner, items: ItemFeatures, targets: torch.Tensor
        ) -> torch.Tensor:
            scores = self._scores(items, *prompts())
            return torch.stack([ranking_loss(one, targets) for one in scores]).sum()

        prompts = self._train(
            lambda: self._prompts(tower, [self.context_init] * (1 + local)), loss, features, Y
        )
        context, embeddings = self._learned(prompts)
        self.global_context_, self.global_embeddings_ = context[0], embeddings[0]
        self.local_context_ = context[1] if local else None
        self.local_embeddings_ = embeddings[1] if local else None
        scores = self._score(features)
        known = Y >= 0
        centred = (scores - scores.mean(dim=1, keepdim=True))[known].numpy()
        logistic = LogisticRegression().fit(centred[:, None], Y[known].numpy())
        self.calibration_ = np.array([logistic.coef_[0, 0], logistic.intercept_[0]])

    def predict_proba(self, X: Items) -> np.ndarray:
        """Probabilities of the labels, relative to the mean of an item's scores.

        Parameters
        ----------
        X : list or iterator of n_items, or array-like of shape (n_items, n_features)
            Images (or texts), or their embeddings.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            Probabilities; rows do not sum to 1.
        """
        scores = self.decision_function(X)
        factor, summand = self.calibration_
        return expit(factor * (scores - scores.mean(axis=1, keepdims=True)) + summand)

    def _parts(self) -> dict[str, bool]:
        return {"regions": self.use_local, "tokens": self.use_local}

    def _scores(self, items: ItemFeatures, *embeddings: torch.Tensor) -> list[torch.Tensor]:
        """Global scores, and local ones if there are prompts for them."""
        scores = [self.scale * items.whole @ embeddings[0].T]
        if len(embeddings) > 1:
            similarity = items.parts.float() @ embeddings[1].T
            part_scale = torch.where(items.is_image, self.region_scale, self.token_scale)
            local = aggregate(similarity, similarity, items.is_part, part_scale[:, None, None])
            scores.append(self.scale * local)
        return scores

    def _score(self, features: ItemFeatures) -> torch.Tensor:
        learned = (self.global_embeddings_, self.local_embeddings_)
        embeddings = [torch.from_numpy(one) for one in learned if one is not None]
        return torch.stack(self._scores(features, *embeddings)).sum(dim=0)
