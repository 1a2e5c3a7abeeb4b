"""The estimator that joins encoder, perturbation and adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.preprocessing import scale
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from ._items import as_embeddings
from ._losses import LOSSES
from ._multi_label import MultiLabelClassifierMixin
from ._net_state import PickledNetMixin
from ._sklearn_compat import HasMethods, Interval, StrOptions, fit_context
from ._training import (
    RecordedItems,
    TrainingSet,
    check_some_present,
    labelled_mask,
    merge,
    modality_means,
    name_columns,
    text_mask,
    training_set,
)
from .adapter import check_device, train_adapter
from .encoders import OpenCLIPEncoder
from .kernel import build_kernel, kernel_items
from .perturbation import BasePerturbation, RandomPerturbation


def _has_kernel(clf: TextAsImageClassifier) -> bool:
    if clf.adapter == "kernel":
        return True
    raise AttributeError(
        "partial_fit needs adapter='kernel'. A trained network would forget the old items while "
        "it learns new ones: call fit with all items."
    )


class TextAsImageClassifier(PickledNetMixin, MultiLabelClassifierMixin, BaseEstimator):
    """Multi-label image classifier trained on texts: the TaI-Adapter [1]_.

    Texts with known labels are embedded by CLIP's frozen text tower; a small adapter
    learns to label the embeddings, with noise so that it also covers the region where
    images lie. Images then go through CLIP's image tower and the same adapter.

    Parameters
    ----------
    encoder : estimator or None, default=None
        Turns texts and images into embeddings: any object with
        ``transform(X) -> (n_items, n_features)``. None for
        :class:`OpenCLIPEncoder() <sklearn_tai.OpenCLIPEncoder>`, which loads OpenAI's
        CLIP ViT-B/16. Not used where embeddings are passed.
    perturbation : estimator or None, default=None
        The noise of the training; None for
        :class:`RandomPerturbation() <sklearn_tai.RandomPerturbation>`, with a radius of
        2.5, the paper's, for the network. Its parameters can be set and searched as
        ``perturbation__radius`` either way. Give
        :class:`~sklearn_tai.MixedPerturbation` to train on texts and a few labelled
        images, :class:`~sklearn_tai.ShiftedPerturbation` where labels of images are
        partly known.
    adapter : {"kernel", "network"}, default="kernel"
        "network" trains a multi-layer perceptron on perturbed texts, as the paper does.
        "kernel" takes in closed form what a network of any size could learn from that
        noise at best: labels averaged over the texts by similarity
        (:class:`~sklearn_tai.kernel.KernelAdapter`). It takes no time to fit and learns
        more items by :meth:`partial_fit`; it has no use for the parameters of training.
    center : bool, default=False
        Whether the mean of all texts is taken off texts, and that of all images of
        ``fit``, labelled or not, off images. Without images there, only texts are
        centred.
    standardize : bool, default=False
        Whether the probabilities of an item are brought to mean 0 and standard
        deviation 1 over the labels in :meth:`decision_function`, and so for ``score``.
        It takes two labels or more.
    hidden_sizes : sequence of int, default=(2048, 2048, 2048)
        Widths of the network's hidden layers; empty for a linear adapter.
    head : {"linear", "cosine"}, default="linear"
        Last layer of the network: "cosine" takes the cosine with a vector for each
        label, times a learnt scale.
    loss : {"bce", "asymmetric", "ranking"}, default="bce"
        What the network's training minimises: binary cross-entropy (Eq. 3), the
        asymmetric loss (arXiv:2009.14119), or a hinge on each pair of a present and an
        absent label. Probabilities of the last two are not meant to be calibrated.
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
        Where the adapter is ("cpu", "cuda"); None for a GPU if there is one.
    callbacks : sequence, default=()
        Further skorch callbacks of the network's training.
    random_state : int, RandomState instance or None, default=None
        Fixes initial weights, dropout, batches and noise; the kernel draws nothing.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        The labels: the columns of `y` where it was a data frame, else 0, 1, ...
    n_features_in_ : int
        Dimension of the embeddings.
    net_ : skorch.NeuralNet
        The adapter, with the ``history`` of its training.
    encoder_ : estimator
        The encoder used. It holds no weights, so that pickles stay small.
    perturbation_ : estimator
        The fitted perturbation; ``perturbation_.radius_`` is the length of the noise.
    text_mean_, image_mean_ : ndarray of shape (n_features,) or None
        What ``center`` takes off.
    unlabelled_mean_ : ndarray of shape (n_features,)
        Mean of the images of which no label is known; 0 if there are none.
    n_unlabelled_ : int
        Their number.

    See Also
    --------
    ZeroShotClassifier : CLIP without training, the baseline.
    PromptCorpusGenerator : Makes the training texts from label names.

    Notes
    -----
    Items of `X` are texts (``str``) or images (``pathlib.Path``, PIL images, ``uint8``
    arrays of shape (height, width, 3)); a 2-D float array is taken as embeddings.
    :meth:`paper` has the paper's recipe. Searching the radius by cross-validation on
    *texts* favours small radii, most of all with a network, as texts have no modality
    gap among themselves: score on images.

    Unlabelled images, with -1 in all of `y`, are of use to ``center`` only.

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
    >>> clf = TextAsImageClassifier(OpenCLIPEncoder("tai-tiny")).fit(texts, Y)
    >>> clf.predict_proba(scenes.images[:3]).shape
    (3, 20)
    >>> clf.score(scenes.images, scenes.Y) > 0.5
    True
    """

    _parameter_constraints = {
        "encoder": [HasMethods("transform"), None],
        "perturbation": [BasePerturbation, None],
        "adapter": [StrOptions({"kernel", "network"})],
        "center": ["boolean"],
        "standardize": ["boolean"],
        "hidden_sizes": ["array-like"],
        "head": [StrOptions({"linear", "cosine"})],
        "loss": [StrOptions(set(LOSSES))],
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
        adapter: str = "kernel",
        center: bool = False,
        standardize: bool = False,
        hidden_sizes: Sequence[int] = (2048, 2048, 2048),
        head: str = "linear",
        loss: str = "bce",
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
        self.adapter = adapter
        self.center = center
        self.standardize = standardize
        self.hidden_sizes = hidden_sizes
        self.head = head
        self.loss = loss
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
        if "adapter" in params:  # the default noise depends on it
            self.adapter = params["adapter"]
        for name, default in (
            ("encoder", OpenCLIPEncoder),
            ("perturbation", self._default_perturbation),
        ):
            nested = any(key.startswith(f"{name}__") for key in params)
            if nested and name not in params and getattr(self, name) is None:
                setattr(self, name, default())
        return super().set_params(**params)

    def _default_perturbation(self) -> RandomPerturbation:
        # the paper's, which suits networks better than what suits the kernel
        # (a search may try a value of any type before fit refuses it)
        is_network = isinstance(self.adapter, str) and self.adapter == "network"
        return RandomPerturbation(2.5) if is_network else RandomPerturbation()

    @classmethod
    def paper(cls, encoder: Any = None, **params: Any) -> TextAsImageClassifier:
        """The paper's recipe: three layers of 2,048, perturbed at 2.5 mean norms.

        Parameters
        ----------
        encoder : estimator or None, default=None
            None for CLIP RN50, the paper's.
        **params : dict
            Parameters that shall differ.

        Returns
        -------
        TextAsImageClassifier
            An unfitted classifier.

        Examples
        --------
        >>> from sklearn_tai import TextAsImageClassifier
        >>> TextAsImageClassifier.paper(random_state=0)
        TextAsImageClassifier(adapter='network',
                              encoder=OpenCLIPEncoder(model_name='RN50'),
                              perturbation=RandomPerturbation(radius=2.5),
                              random_state=0)
        """
        encoder = OpenCLIPEncoder("RN50") if encoder is None else encoder
        recipe: dict[str, Any] = {
            "adapter": "network",
            "perturbation": RandomPerturbation(radius=2.5),
        }
        return cls(encoder, **(recipe | params))

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, modality: Any = None) -> TextAsImageClassifier:
        """Train the adapter on texts, and on labelled images where there are some.

        Parameters
        ----------
        X : list of n_items texts and images, or array-like of shape (n_items, n_features)
            Training items, or their embeddings.
        y : {array-like, sparse matrix, DataFrame} of shape (n_items, n_labels)
            1 where an item has the label, 0 where it has not, and for images -1 where
            that is unknown. Columns of a data frame name the labels. A sparse matrix
            stays sparse, but for :class:`~sklearn_tai.ShiftedPerturbation`, which
            averages over labels, and for the kernel, which holds one byte an entry.
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
        check_device(self.device)
        self.encoder_ = self._clone_encoder()
        data = training_set(X, y, modality, lambda items: self._encode(items, reset=True))
        check_some_present(data)
        return self._adapt(data)

    @available_if(_has_kernel)
    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self, X: Any, y: Any, modality: Any = None, classes: Any = None
    ) -> TextAsImageClassifier:
        """Learn more items, and with them new labels; only with ``adapter="kernel"``.

        The classifier is then as if ``fit`` had seen all items at once, and it takes no
        longer than encoding the new ones.

        Parameters
        ----------
        X : list of n_items texts and images, or array-like of shape (n_items, n_features)
            New items, or their embeddings.
        y : {array-like, sparse matrix, DataFrame} of shape (n_items, n_labels)
            As in :meth:`fit`. Columns of a data frame name the labels: those that
            ``classes_`` lacks are new. A label that old items, or new ones, say nothing
            of is absent in texts and unknown in images.
        modality : array-like of shape (n_items,), default=None
            As in :meth:`fit`.
        classes : array-like of shape (n_labels,), default=None
            Names of the columns of an array; None for those of ``classes_`` in turn, and
            numbers for further columns.

        Returns
        -------
        TextAsImageClassifier
            This classifier.

        Raises
        ------
        AttributeError
            With ``adapter="network"``: trained on new items alone, it would forget the
            old ones.
        ValueError
            As in :meth:`fit`, if `classes` does not fit `y`, or if the perturbation has
            moved the texts.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from sklearn_tai import RandomPerturbation, TextAsImageClassifier
        >>> known, new = np.eye(3)[:2], np.eye(3)[2:]
        >>> clf = TextAsImageClassifier(perturbation=RandomPerturbation(radius=0.5))
        >>> clf.fit(known, pd.DataFrame({"dog": [1, 0], "cat": [0, 1]})).classes_.tolist()
        ['dog', 'cat']
        >>> clf.partial_fit(new, pd.DataFrame({"bird": [1]})).classes_.tolist()
        ['dog', 'cat', 'bird']
        >>> clf.predict(np.eye(3))
        array([[1, 0, 0],
               [0, 1, 0],
               [0, 0, 1]])
        """
        if not hasattr(self, "net_"):
            self.fit(X, y, modality)
            if classes is not None:
                self.classes_ = name_columns(None, y, self.classes_, self.classes_, classes)
            return self
        if self.perturbation_.moves_:
            raise ValueError(
                f"{type(self.perturbation_).__name__} has moved the texts to where the images "
                "lie; more images would have moved them elsewhere. Call fit with all items."
            )
        new = training_set(X, y, modality, lambda items: self._encode(items, reset=False))
        names = name_columns(y, new.Y, new.classes, self.classes_, classes)
        embeddings, Y, is_image = kernel_items(self.net_.module_)
        embeddings = self._centered(embeddings, ~is_image, back=True)
        old = TrainingSet(embeddings, Y, self.classes_, is_image)
        earlier = self.unlabelled_mean_, self.n_unlabelled_
        return self._adapt(merge(old, new._replace(classes=names)), earlier)

    def _adapt(
        self, data: TrainingSet, earlier: tuple[np.ndarray, int] | None = None
    ) -> TextAsImageClassifier:
        """Fit perturbation and adapter; `earlier` unlabelled images are known by their mean."""
        rng = check_random_state(self.random_state)
        embeddings, Y, self.classes_, is_image = data
        if self.standardize and len(self.classes_) < 2:
            raise ValueError("standardize=True takes two labels or more. Set it to False.")
        self.text_mean_ = self.image_mean_ = None
        if self.center:
            self.text_mean_, self.image_mean_ = modality_means(embeddings, is_image, earlier)
            embeddings = self._centered(embeddings, ~is_image)
        perturbation = self.perturbation
        self.perturbation_ = clone(
            self._default_perturbation() if perturbation is None else perturbation
        )
        modality = np.where(is_image, "image", "text")
        self.perturbation_.fit(embeddings, Y, modality=modality)
        norms = np.linalg.norm(embeddings, axis=1)
        norm = float(norms[is_image.all() | ~is_image].mean())
        embeddings = self.perturbation_.shift(embeddings, Y, is_image)
        labelled = labelled_mask(data)
        _, self.unlabelled_mean_ = modality_means(data.embeddings, ~labelled, earlier)
        self.n_unlabelled_ = int((~labelled).sum()) + (0 if earlier is None else earlier[1])
        embeddings, Y, is_image = embeddings[labelled], Y[labelled], is_image[labelled]
        device = check_device(self.device)
        if self.adapter == "kernel":
            self.net_ = build_kernel(embeddings, Y, self.perturbation_, norm, is_image, device)
            return self
        self.net_ = train_adapter(
            embeddings,
            Y,
            self.perturbation_,
            is_image=is_image if is_image.any() else None,
            hidden_sizes=self.hidden_sizes,
            dropout=self.dropout,
            head=self.head,
            criterion=LOSSES[self.loss],
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
        """Logits of the labels, or standardised probabilities with ``standardize``.

        Parameters
        ----------
        X : list or iterator of n_items, or array-like of shape (n_items, n_features)
            Images (or texts), or their embeddings. An iterator is read as it is needed,
            so it may bring more images than memory holds.

        Returns
        -------
        ndarray of shape (n_items, n_labels)
            Scores, higher where a label is more likely.
        """
        if self.standardize:
            return scale(self.predict_proba(X).astype(float), axis=1)
        return self._logits(X)

    def _logits(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return self._outputs(X, lambda V: self.net_.forward(V).cpu().numpy())

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
        return self._outputs(X, lambda V: self.net_.predict_proba(V))

    def _outputs(self, X: Any, compute: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """What `compute` makes of the embeddings of `X`; for an iterator, chunk by chunk."""
        if not isinstance(X, Iterator):
            embeddings = self._encode(X, reset=False)
            return compute(self._centered(embeddings, text_mask(X, len(embeddings))))
        if not hasattr(self.encoder_, "iter_transform"):
            return self._outputs(list(X), compute)
        items = RecordedItems(X)
        outputs = []
        for chunk in self.encoder_.iter_transform(items):
            chunk = self._check_width(chunk)
            outputs.append(compute(self._centered(chunk, items.pop(len(chunk)))))
        return np.concatenate(outputs)

    def _centered(
        self, embeddings: np.ndarray, is_text: np.ndarray, back: bool = False
    ) -> np.ndarray:
        """Without the mean of their modality, or `back` with it, if ``center``."""
        if self.text_mean_ is None or self.image_mean_ is None:
            return embeddings
        means = np.where(is_text[:, None], self.text_mean_, self.image_mean_)
        return embeddings + means if back else embeddings - means

    def _encode(self, X: Any, reset: bool) -> np.ndarray:
        """Embeddings of `X`, checked."""
        embeddings = as_embeddings(X)
        if embeddings is not None:
            return validate_data(self, embeddings, reset=reset, dtype=np.float32, order="C")
        embeddings = self.encoder_.transform(X)
        if not reset:
            return self._check_width(embeddings)
        # rows of NaN are images that could not be read (on_error="nan")
        return validate_data(
            self, embeddings, reset=True, dtype=np.float32, ensure_all_finite="allow-nan"
        )

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
        tags.non_deterministic = self.adapter == "network" and self.random_state is None
        return tags
