"""Endless pairs of scene and caption, reproducible by seed and index."""

from __future__ import annotations

import numpy as np
import torch
from captions import caption
from scenes import compose
from vocabulary import load_vocabulary

_N_OBJECTS = np.array([0.2, 0.27, 0.25, 0.16, 0.12])  # scenes of 1, 2, ..., 5 pictograms


def draw_entries(rng, n_entries: int, n: int | None = None) -> list[int]:
    """`n` entries (1-5); sometimes one of them is repeated ("three dogs")."""
    if n is None:
        n = 1 + int(rng.choice(5, p=_N_OBJECTS))
    distinct = n if rng.random() > 0.2 else max(1, int(rng.integers(1, n + 1)))
    chosen = [int(i) for i in rng.choice(n_entries, distinct, replace=False)]
    return chosen + [chosen[0]] * (n - distinct)


def batch_n_objects(rng, progress: float) -> int:
    """How many pictograms every scene of a batch shows.

    The same number for all, or counting objects would be enough to tell pairs apart. The
    first batches show one object, so names are learnt before lists.
    """
    ease = np.clip((0.4 - progress) / 0.25, 0.0, 0.9)
    p = (1 - ease) * _N_OBJECTS
    p[0] += ease
    return 1 + int(rng.choice(5, p=p))


class Pairs(torch.utils.data.Dataset):
    """Scene and caption number `index` of the stream with this `seed`.

    With `batch_size`, the stream is for training, in batches of that size.
    """

    def __init__(self, sprites, n_pairs, seed, size=96, augment=True, batch_size=None):
        self.sprites, self.n_pairs, self.seed = sprites, n_pairs, seed
        self.size, self.augment, self.batch_size = size, augment, batch_size
        self.vocabulary = load_vocabulary()

    def __len__(self):
        return self.n_pairs

    def _start(self, index):
        n = None
        if self.batch_size:
            batch = index // self.batch_size
            progress = index / self.n_pairs
            n = batch_n_objects(np.random.default_rng((self.seed, 1, batch)), progress)
        rng = np.random.default_rng((self.seed, 0, index))
        return rng, draw_entries(rng, len(self.vocabulary), n)

    def entries(self, index):
        """The entries of scene `index`."""
        return self._start(index)[1]

    def __getitem__(self, index):
        rng, entries = self._start(index)
        picture, placed, colour, layout = compose(
            rng, entries, self.sprites, self.size, self.augment
        )
        text = caption(rng, placed, self.vocabulary, colour, layout, self.size)
        return np.asarray(picture), text


def collate(pairs):
    images, texts = zip(*pairs)
    return torch.from_numpy(np.stack(images)), list(texts)
