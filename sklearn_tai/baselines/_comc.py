"""A linear classifier on unit text embeddings with noise and a ranking loss (CoMC)."""

from __future__ import annotations

import warnings
from numbers import Real

import numpy as np
from sklearn.preprocessing import normalize

from .._sklearn_compat import Interval, fit_context
from .._typing import Encoder, Items, Labels, RandomState
from ..adapters import MLPAdapter, TrainingData
from ..inputs import as_embeddings, check_device, check_indicator, check_items
from ..perturbation import RandomPerturbation
from ._head import HeadClassifier


class CoMCClassifier(HeadClassifier):
    """Linear head on unit text embeddings, with noise and a ranking loss [1]_.

    The closest relative of the TaI-Adapter: trained on texts, with noise to bridge the
    modality gap, but linear, on embeddings of unit length, and with a ranking loss.

    Parameters
    ----------
    encoder : estimator or None, default=None
        Turns texts and images into embeddings; None for
        :class:`OpenCLIPEncoder() <sklearn_tai.OpenCLIPEncoder>`.
    radius : float, default=3.2
        Length of the noise on unit embeddings: 0.1 per coordinate for d = 1,024.
    max_epochs : int, default=60
        Passes over the training texts.
    batch_size : int, default=64
        Texts in one batch.
    max_lr : float, default=1e-3
        Peak of the 1-cycle learning rate (AdamW).
    threshold : float, default=0.5
        ``predict`` assigns a label if its probability is above this.
    device : str or None, default=None
        Where the head is trained; None for a GPU if there is one.
    random_state : int, RandomState instance or None, default=None
        Fixes initial weights, batches and noise.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        The labels: the columns of `y` if it was a data frame, else 0, 1, ...
    n_features_in_ : int
        Dimension of the embeddings.
    adapter_ : MLPAdapter
        The trained head.
    encoder_ : estimator
        The encoder used.

    See Also
    --------
    TextAsImageClassifier : An adapter of several layers with cross-entropy.

    Notes
    -----
    The loss of an item is the sum over its pairs of a present label i and an absent label j
    of :math:`\\max(0, 1 - (s_i - s_j))`. A ranking has no probabilities: ``predict_proba``
    returns the logistic function of the scores, which is not calibrated.

    The paper generates its training texts with a language model, and adds pseudo-visual
    features of label names; here the texts are those passed to ``fit``.

    References
    ----------
    .. [1] "Language-driven Cross-modal Classifier for Zero-shot Multi-label Image
       Recognition", ICML 2024.

    Examples
    --------
    >>> from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator
    >>> from sklearn_tai.baselines import CoMCClassifier
    >>> from sklearn_tai.datasets import load_emoji_scenes
    >>> scenes = load_emoji_scenes()
    >>> texts, Y = PromptCorpusGenerator(300, random_state=0).generate(scenes.label_names)
    >>> clf = CoMCClassifier(OpenCLIPEncoder("tai-tiny"), random_state=0).fit(texts, Y)
    >>> clf.score(scenes.images, scenes.Y) > 0.4
    True
    """

    _parameter_constraints = {
        **HeadClassifier._parameter_constraints,
        "radius": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        encoder: Encoder | None = None,
        radius: float = 3.2,
        *,
        max_epochs: int = 60,
        batch_size: int = 64,
        max_lr: float = 1e-3,
        threshold: float = 0.5,
        device: str | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.encoder = encoder
        self.radius = radius
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.max_lr = max_lr
        self.threshold = threshold
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Items, y: Labels) -> CoMCClassifier:
        """Train on texts.

        Parameters
        ----------
        X : list of n_items texts, or array-like of shape (n_items, n_features)
            Training texts, or their embeddings.
        y : {array-like, sparse matrix, DataFrame} of shape (n_items, n_labels)
            1 if a text has the label, else 0.

        Returns
        -------
        CoMCClassifier
            The fitted classifier.
        """
        check_device(self.device)
        if as_embeddings(X) is None:
            X = check_items(X)[0]
            check_indicator(y, len(X), accept_sparse=True)
        self.encoder_ = self._clone_encoder()
        embeddings = self._embed(X, reset=True)
        Y, self.classes_ = check_indicator(y, len(embeddings), accept_sparse=True)
        counts = np.asarray(Y.sum(axis=1)).ravel()
        if not ((counts > 0) & (counts < Y.shape[1])).any():
            raise ValueError(
                "No item of y has both a present and an absent label, so there is nothing to "
                "rank. Add items that have."
            )
        if (np.asarray(Y.sum(axis=0)).ravel() == 0).any():
            warnings.warn(
                "Some labels have no positive item in y, so they are only pushed down. Add texts "
                "that have them.",
                UserWarning,
                stacklevel=4,
            )
        adapter = MLPAdapter(
            (),
            loss="ranking",
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            max_lr=self.max_lr,
            device=self.device,
            random_state=self.random_state,
            verbose=self.verbose,
        )
        self.adapter_ = adapter.fit(
            TrainingData(embeddings, Y, np.zeros(len(embeddings), bool)),
            RandomPerturbation(self.radius, relative=False).fit(embeddings),
        )
        return self

    def _embed(self, X: Items, reset: bool) -> np.ndarray:
        return normalize(super()._embed(X, reset))

    def _logits(self, embeddings: np.ndarray) -> np.ndarray:
        return self.adapter_.decision_function(embeddings)
