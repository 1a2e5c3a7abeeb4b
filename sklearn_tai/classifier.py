"""The estimator that joins encoder, perturbation and adapter."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, _fit_context, clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from ._items import as_embeddings, check_items, check_modality
from ._labels import check_indicator
from ._multi_label import MultiLabelClassifierMixin
from ._net_state import PickledNetMixin
from .adapter import check_device, train_adapter
from .encoders import OpenCLIPEncoder
from .perturbation import RandomPerturbation


class TextAsImageClassifier(PickledNetMixin, MultiLabelClassifierMixin, BaseEstimator):
    """Multi-label image classifier trained on texts: the TaI-Adapter [1]_.

    Texts with known labels are embedded by CLIP's frozen text tower; a small network
    (the adapter) learns to label the embeddings, perturbed afresh in every batch so
    that it also covers the region where images lie. Images then go through CLIP's
    image tower and the same adapter.

    Parameters
    ----------
    encoder : estimator or None, default=None
        Turns texts and images into embeddings: any object with
        ``transform(X) -> (n_items, n_features)``. None for
        :class:`OpenCLIPEncoder() <sklearn_tai.OpenCLIPEncoder>`, which loads CLIP
        RN50. Not used where embeddings are passed.
    perturbation : estimator or None, default=None
        The noise of the training; None for
        :class:`RandomPerturbation() <sklearn_tai.RandomPerturbation>`. Its parameters
        can be set and searched as ``perturbation__radius`` either way. Give
        :class:`~sklearn_tai.MixedPerturbation` to train on texts and a few labelled
        images, :class:`~sklearn_tai.ShiftedPerturbation` where labels of images are
        partly known.
    hidden_sizes : sequence of int, default=(2048, 2048, 2048)
        Widths of the adapter's hidden layers; empty for a linear adapter.
    dropout : float, default=0.1
        Dropout rate after each hidden layer.
    max_epochs : int, default=60
        Passes over the training texts.
    batch_size : int, default=64
        Texts in one batch.
    max_lr : float, default=1e-4
        Peak of the 1-cycle learning rate (AdamW).
    threshold : float, default=0.5
        ``predict`` names a label where its probability is above this.
    device : str or None, default=None
        Where the adapter is trained ("cpu", "cuda"); None for a GPU if there is one.
    callbacks : sequence, default=()
        Further skorch callbacks.
    random_state : int, RandomState instance or None, default=None
        Fixes initial weights, dropout, batches and noise.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        The labels: the columns of `y` where it was a data frame, else 0, 1, ...
    n_features_in_ : int
        Dimension of the embeddings.
    net_ : skorch.NeuralNet
        The trained network, with its ``history``.
    encoder_ : estimator
        The encoder used. It holds no weights, so that pickles stay small.
    perturbation_ : estimator
        The fitted perturbation.

    See Also
    --------
    ZeroShotClassifier : CLIP without training, the baseline.
    PromptCorpusGenerator : Makes the training texts from label names.

    Notes
    -----
    Items of `X` are texts (``str``) or images (``pathlib.Path``, PIL images, ``uint8``
    arrays of shape (height, width, 3)); a 2-D float array is taken as embeddings.
    Defaults are the paper's; it leaves the dropout rate open. Searching the radius by
    cross-validation on *texts* favours small radii, as texts have no modality gap
    among themselves: score on images.

    References
    ----------
    .. [1] "Text as Image: Learning Transferable Adapter for Multi-Label
       Classification", arXiv:2312.04160.

    Examples
    --------
    >>> from sklearn_tai import (
    ...     OpenCLIPEncoder, PromptCorpusGenerator, TextAsImageClassifier
    ... )
    >>> from sklearn_tai.datasets import load_emoji_scenes
    >>> scenes = load_emoji_scenes()
    >>> generator = PromptCorpusGenerator(n_texts=300, random_state=0)
    >>> texts, Y = generator.generate(scenes.label_names)
    >>> clf = TextAsImageClassifier(
    ...     OpenCLIPEncoder("tai-tiny"), hidden_sizes=(256,), max_lr=1e-2, random_state=0
    ... ).fit(texts, Y)
    >>> clf.predict_proba(scenes.images[:3]).shape
    (3, 20)
    >>> clf.score(scenes.images, scenes.Y) > 0.5
    True
    """

    _parameter_constraints = {
        "encoder": [HasMethods("transform"), None],
        "perturbation": [HasMethods(["fit", "perturb", "get_params"]), None],
        "hidden_sizes": ["array-like"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_lr": [Interval(Real, 0, None, closed="neither")],
        "threshold": [Interval(Real, 0, 1, closed="both")],
        "device": [str, None],
        "callbacks": ["array-like"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        encoder: Any = None,
        perturbation: Any = None,
        *,
        hidden_sizes: Sequence[int] = (2048, 2048, 2048),
        dropout: float = 0.1,
        max_epochs: int = 60,
        batch_size: int = 64,
        max_lr: float = 1e-4,
        threshold: float = 0.5,
        device: str | None = None,
        callbacks: Sequence[Any] = (),
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.encoder = encoder
        self.perturbation = perturbation
        self.hidden_sizes = hidden_sizes
        self.dropout = dropout
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.max_lr = max_lr
        self.threshold = threshold
        self.device = device
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    def set_params(self, **params: Any) -> TextAsImageClassifier:
        """Set parameters, also those of the default encoder and perturbation.

        Parameters
        ----------
        **params : dict
            Parameters; ``perturbation__radius`` works though ``perturbation=None``.

        Returns
        -------
        TextAsImageClassifier
            This estimator.
        """
        for name, default in (("encoder", OpenCLIPEncoder), ("perturbation", RandomPerturbation)):
            nested = any(key.startswith(f"{name}__") for key in params)
            if nested and name not in params and getattr(self, name) is None:
                setattr(self, name, default())
        return super().set_params(**params)

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, modality: Any = None) -> TextAsImageClassifier:
        """Train the adapter on texts, and on labelled images where there are some.

        Parameters
        ----------
        X : list of n_items texts and images, or array-like of shape (n_items, n_features)
            Training items, or their embeddings.
        y : {array-like, sparse matrix, DataFrame} of shape (n_items, n_labels)
            1 where an item has the label, 0 where it has not, and for images -1 where
            that is unknown. Columns of a data frame name the labels. A sparse matrix is
            never made dense as a whole (but by
            :class:`~sklearn_tai.ShiftedPerturbation`, which averages over labels).
        modality : array-like of shape (n_items,), default=None
            "text" or "image" for each row of embeddings; None if all are texts. Lists of
            items tell by themselves.

        Returns
        -------
        TextAsImageClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If `X` is empty or holds NaN, `y` is not an indicator with as many rows, or
            `modality` is given for a list of items.

        Warns
        -----
        UserWarning
            If a label has no positive item: nothing can be learnt of it.
        """
        for size in self.hidden_sizes:
            if not isinstance(size, Integral) or size < 1:
                raise ValueError(f"hidden_sizes must hold integers above 0; got {size!r}.")
        device = check_device(self.device)
        # check y first: encoding may take minutes
        given = as_embeddings(X)
        if given is None:
            X, is_image = check_items(X, modality)
            check_indicator(y, len(X), may_be_unknown=is_image, accept_sparse=True)
        embeddings = self._embed(X, reset=True)
        if given is not None:
            is_image = check_modality(modality, len(embeddings))
        Y, self.classes_ = check_indicator(
            y, len(embeddings), may_be_unknown=is_image, accept_sparse=True
        )
        read = ~np.isnan(embeddings).any(axis=1)
        if not read.all():  # the encoder has warned of images that could not be read
            embeddings, Y, is_image = embeddings[read], Y[read], is_image[read]
        if not (Y == 1).sum():
            raise ValueError(
                "y has no 1 at all, so there is nothing to learn. Add items that have labels."
            )
        lonely = self.classes_[(Y == 1).sum(axis=0) == 0]
        if len(lonely):
            warnings.warn(
                f"{len(lonely)} of {Y.shape[1]} labels have no positive item in y, so nothing can "
                f"be learnt of them: {', '.join(map(str, lonely[:10]))}"
                f"{', ...' if len(lonely) > 10 else ''}. Add texts that have them.",
                UserWarning,
                stacklevel=3,  # past scikit-learn's decorator
            )
        rng = check_random_state(self.random_state)
        perturbation = RandomPerturbation() if self.perturbation is None else self.perturbation
        self.perturbation_ = clone(perturbation)
        if is_image.any():
            self.perturbation_.fit(embeddings, Y, modality=np.where(is_image, "image", "text"))
        else:  # a user's own perturbation may know nothing of images
            self.perturbation_.fit(embeddings, Y)
        if hasattr(self.perturbation_, "shift"):
            embeddings = self.perturbation_.shift(embeddings, Y, is_image)
        self.net_ = train_adapter(
            embeddings,
            Y,
            self.perturbation_,
            is_image=is_image if is_image.any() else None,
            hidden_sizes=self.hidden_sizes,
            dropout=self.dropout,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            max_lr=self.max_lr,
            device=device,
            seed=int(rng.randint(np.iinfo(np.int32).max)),
            verbose=self.verbose,
            callbacks=self.callbacks,
        )
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Logits of the labels.

        Parameters
        ----------
        X : list or iterator of n_items, or array-like of shape (n_items, n_features)
            Images (or texts), or their embeddings. An iterator is read as it is needed,
            so it may bring more images than memory holds.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            Logits.
        """
        check_is_fitted(self)
        return self._outputs(X, lambda embeddings: self.net_.forward(embeddings).cpu().numpy())

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the labels, each by itself (rows do not sum to 1).

        Parameters
        ----------
        X : list or iterator of n_items, or array-like of shape (n_items, n_features)
            Images (or texts), or their embeddings. An iterator is read as it is needed,
            so it may bring more images than memory holds.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            Probabilities.
        """
        check_is_fitted(self)
        return self._outputs(X, lambda embeddings: self.net_.predict_proba(embeddings))

    def _outputs(self, X: Any, compute: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """What `compute` makes of the embeddings of `X`; for an iterator, chunk by chunk."""
        if isinstance(X, Iterator) and hasattr(self.encoder_, "iter_transform"):
            chunks = self.encoder_.iter_transform(X)
            return np.concatenate([compute(self._check_width(chunk)) for chunk in chunks])
        return compute(self._embed(X, reset=False))

    def _embed(self, X: Any, reset: bool) -> np.ndarray:
        embeddings = as_embeddings(X)
        if reset:
            self.encoder_ = self._clone_encoder()
        if embeddings is None:
            embeddings = self.encoder_.transform(X)
            if not reset:
                return self._check_width(embeddings)
            # rows of NaN are images that could not be read (on_error="nan")
            return validate_data(
                self, embeddings, reset=True, dtype=np.float32, ensure_all_finite="allow-nan"
            )
        return validate_data(self, embeddings, reset=reset, dtype=np.float32)

    def _check_width(self, embeddings: np.ndarray) -> np.ndarray:
        """Embeddings that the encoder made, if they are of the kind known from training."""
        if embeddings.shape[1] != self.n_features_in_:
            raise ValueError(
                f"The encoder returns embeddings of dimension {embeddings.shape[1]}, but this "
                f"classifier was fitted on embeddings of dimension {self.n_features_in_}. "
                "Set encoder to the one that made them."
            )
        # rows of NaN are images that could not be read (on_error="nan")
        return np.asarray(embeddings, dtype=np.float32)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = self.random_state is None
        return tags
