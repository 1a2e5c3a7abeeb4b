"""Inside the frozen towers: regions of images, tokens of texts."""

from __future__ import annotations

import math
import tempfile
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..encoders import OpenCLIPEncoder, text_lengths, text_tower
from ..exceptions import ImageReadError, UnreadableImagesWarning

_IN_MEMORY = 2**32  # bytes of parts; more go to a temporary file


@dataclass
class ItemFeatures:
    """Output of the frozen towers; all vectors have unit length.

    Parts are regions of images or tokens of texts. They are kept in half precision: 49
    regions of one picture take 98 KiB with CLIP RN50.
    """

    whole: torch.Tensor  # (n_items, n_features)
    parts: torch.Tensor  # (n_items, n_parts, n_features), padded with 0
    is_part: torch.Tensor  # (n_items, n_parts)
    is_image: torch.Tensor  # (n_items,), whether the parts are regions

    @classmethod
    def of_embeddings(cls, embeddings: Any) -> ItemFeatures:
        """Items with embeddings of the whole only."""
        whole = F.normalize(torch.as_tensor(embeddings, dtype=torch.float32), dim=-1)
        n_items, n_features = whole.shape
        return cls(
            whole,
            torch.zeros(n_items, 0, n_features, dtype=torch.float16),
            torch.zeros(n_items, 0, dtype=torch.bool),
            torch.zeros(n_items, dtype=torch.bool),
        )

    def with_whole_for_parts(self) -> ItemFeatures:
        """Use the whole as the only part of items that have none."""
        parts, is_part = self.parts, self.is_part
        if parts.shape[1] == 0:
            parts = self.parts.new_zeros(len(parts), 1, parts.shape[2])
            is_part = self.is_part.new_zeros(len(parts), 1)
        lacking = ~is_part.any(dim=1)
        if not lacking.any():
            return self
        parts, is_part = parts.clone(), is_part.clone()
        parts[lacking, 0] = self.whole[lacking].to(parts.dtype)
        is_part[lacking, 0] = True
        return ItemFeatures(self.whole, parts, is_part, self.is_image)

    def __len__(self) -> int:
        return len(self.whole)

    def __getitem__(self, rows: torch.Tensor) -> ItemFeatures:
        return ItemFeatures(*(tensor[rows] for tensor in vars(self).values()))

    def to(self, device: torch.device) -> ItemFeatures:
        """These features on `device`."""
        return ItemFeatures(*(tensor.to(device) for tensor in vars(self).values()))


def aggregate(
    similarities: torch.Tensor, relevance: torch.Tensor, is_part: torch.Tensor, scale: Any
) -> torch.Tensor:
    """Mean of similarities over an item's parts, weighted by softmax(scale * relevance).

    Parameters
    ----------
    similarities : Tensor of shape (n_items, n_parts, n_labels)
        The values to average.
    relevance : Tensor of shape (n_items, n_parts, n_labels)
        Determines the weights.
    is_part : Tensor of shape (n_items, n_parts)
        Which parts exist.
    scale : float
        0 weighs all parts equally; infinity takes the maximum.

    Returns
    -------
    Tensor of shape (n_items, n_labels)
        Averages. 0 for an item without parts if its similarities are 0.
    """
    lowest = torch.finfo(relevance.dtype).min
    weights = (scale * relevance).masked_fill(~is_part[:, :, None], lowest).softmax(dim=1)
    return (weights * similarities).sum(dim=1)


class TextTower:
    """A frozen, causal text tower of open_clip that starts from token embeddings.

    It runs in full precision, whatever the encoder's, as gradients pass through it.
    """

    def __init__(self, encoder: OpenCLIPEncoder) -> None:
        loaded = encoder._load(precision="fp32")
        if not loaded.text_can_be_cut:
            raise ValueError(
                f"The text tower of model_name={encoder.model_name!r} cannot learn prompts: it is "
                "not open_clip's causal transformer, which pools at the end of the text. Set "
                "encoder to a model that has it, for instance OpenCLIPEncoder('RN50')."
            )
        self.model, self.device = loaded.model, loaded.device
        self.logit_scale = float(loaded.model.logit_scale.exp())
        self._tokenize = loaded.tokenize
        self._tower = text_tower(loaded.model)  # the model itself, or its text part
        self.n_positions, self.width = self._tower.positional_embedding.shape
        projection = self._tower.text_projection
        if isinstance(projection, nn.Linear):
            projection = projection.weight.T
        self.n_features = self.width if projection is None else projection.shape[1]

    def tokenize(self, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Padded tokens from start to end, and their number in each text."""
        tokens = self._tokenize(texts)
        return tokens, text_lengths(self.model, tokens)

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        """Embeddings of tokens, without their positions."""
        return self._tower.token_embedding(tokens.to(self.device))

    def token_features(self, embedded: torch.Tensor) -> torch.Tensor:
        """Output of the tower at each position, in the space of the embeddings."""
        return self._project(self._hidden(embedded))

    def text_features(self, embedded: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Output of the tower at the end of each text: CLIP's embedding of the text."""
        rows = torch.arange(len(embedded), device=self.device)
        return self._project(self._hidden(embedded)[rows, lengths.to(self.device) - 1])

    def _hidden(self, embedded: torch.Tensor) -> torch.Tensor:
        tower, n = self._tower, embedded.shape[1]
        hidden = embedded + tower.positional_embedding[:n]
        return tower.ln_final(tower.transformer(hidden, attn_mask=tower.attn_mask[:n, :n]))

    def _project(self, hidden: torch.Tensor) -> torch.Tensor:
        projection = self._tower.text_projection
        if projection is None:
            return hidden
        return projection(hidden) if isinstance(projection, nn.Module) else hidden @ projection


def encode_items(
    encoder: OpenCLIPEncoder,
    items: list[Any],
    is_image: np.ndarray,
    *,
    regions: bool,
    tokens: bool,
    start: int = 0,
) -> ItemFeatures:
    """Features of items and, if requested and available, of their parts.

    `start` is the index of the first item in the user's ``X``, for messages.
    """
    whole: list[Any] = [None] * len(items)
    parts = torch.zeros(len(items), 0, 0, dtype=torch.float16)
    n_parts = torch.zeros(len(items), dtype=torch.int64)

    def keep(i: int, own: torch.Tensor, of_item: torch.Tensor) -> None:
        nonlocal parts
        if len(of_item) > parts.shape[1] or parts.shape[2] == 0:
            parts = _widened(parts, *of_item.shape)
        whole[i], n_parts[i] = own.clone(), len(of_item)
        parts[i, : len(of_item)] = of_item

    texts = np.flatnonzero(~is_image)
    if len(texts) and tokens:
        with torch.no_grad():  # not inference_mode, whose results cannot be used in training
            tower = TextTower(encoder)
            found = _token_features(tower, [items[i] for i in texts], encoder)
        parts = _widened(parts, max(map(len, found)), tower.n_features)
        for i, one in zip(texts.tolist(), found):
            keep(i, one[-1], one)  # the embedding of a text is that of its last token
    rest = np.array([i for i in range(len(items)) if whole[i] is None])
    errors: list[ImageReadError] = []
    try:
        others = [items[i] for i in rest]
        encoded = encoder.iter_batches(others, regions=regions, errors=errors)
        for batch in encoded if others else ():
            vectors = torch.from_numpy(batch.embeddings)
            for i, one in zip(rest[batch.rows].tolist(), F.normalize(vectors, dim=-1)):
                one = one.reshape(-1, one.shape[-1])  # with or without regions
                keep(i, one[0], one[1:])
    except ImageReadError as error:
        error.index = start + rest[error.index]
        raise
    for unread in errors:
        unread.index = start + rest[unread.index]
    if errors:
        warnings.warn(UnreadableImagesWarning(errors), stacklevel=4)
    return ItemFeatures(
        torch.stack(whole),
        parts,
        torch.arange(parts.shape[1]) < n_parts[:, None],
        torch.from_numpy(is_image),
    )


def _widened(parts: torch.Tensor, n_parts: int, n_features: int) -> torch.Tensor:
    """Parts padded with 0 to `n_parts` per item; on disk if they are large."""
    shape = (len(parts), n_parts, n_features)
    if 2 * math.prod(shape) <= _IN_MEMORY:
        wider = torch.zeros(shape, dtype=torch.float16)
    else:
        with tempfile.TemporaryFile() as file:  # deleted once nothing refers to it
            wider = torch.from_numpy(np.memmap(file, np.float16, "w+", shape=shape))
    wider[:, : parts.shape[1], : parts.shape[2]] = parts
    return wider


def _token_features(
    tower: TextTower, texts: list[str], encoder: OpenCLIPEncoder
) -> list[torch.Tensor]:
    """Unit features of each text's tokens, from start to end."""
    tokens, lengths = tower.tokenize(texts)
    n_cut = int((tokens[:, -1] != 0).sum())
    if n_cut:
        warnings.warn(
            f"{n_cut} of {len(texts)} texts fill the model's context of {tokens.shape[1]} tokens; "
            "the rest of each is ignored. Shorten them.",
            UserWarning,
            stacklevel=5,
        )
    result: list[Any] = [None] * len(texts)
    # batch texts of similar length, cut to the longest
    for rows in lengths.argsort(stable=True).split(encoder.batch_size):
        own = tokens[rows, : int(lengths[rows].max())]
        features = F.normalize(tower.token_features(tower.embed(own)), dim=-1).cpu()
        for i, one in zip(rows.tolist(), features):
            result[i] = one[: int(lengths[i])].clone()
    return result
