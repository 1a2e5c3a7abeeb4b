"""Endless pairs of scene and caption, the same for the same seed and index."""

from __future__ import annotations

import numpy as np
import torch
from captions import caption
from scenes import compose
from vocabulary import load_vocabulary

_N_OBJECTS = [0.2, 0.27, 0.25, 0.16, 0.12]  # scenes of 1, 2, ..., 5 pictograms


def draw_entries(rng, n_entries: int) -> list[int]:
    """1-5 entries; now and then one of them is repeated ("three dogs")."""
    n = 1 + rng.choice(5, p=_N_OBJECTS)
    distinct = n if rng.random() > 0.2 else max(1, int(rng.integers(1, n + 1)))
    chosen = [int(i) for i in rng.choice(n_entries, distinct, replace=False)]
    return chosen + [chosen[0]] * (n - distinct)


class Pairs(torch.utils.data.Dataset):
    """Scene and caption number `index` of the stream that `seed` starts."""

    def __init__(self, sprites, n_pairs, seed, size=96, augment=True):
        self.sprites, self.n_pairs, self.seed = sprites, n_pairs, seed
        self.size, self.augment = size, augment
        self.vocabulary = load_vocabulary()

    def __len__(self):
        return self.n_pairs

    def entries(self, index):
        """The entries of scene `index`."""
        return draw_entries(np.random.default_rng((self.seed, index)), len(self.vocabulary))

    def __getitem__(self, index):
        rng = np.random.default_rng((self.seed, index))
        entries = draw_entries(rng, len(self.vocabulary))
        picture, placed, colour, layout = compose(
            rng, entries, self.sprites, self.size, self.augment
        )
        text = caption(rng, placed, self.vocabulary, colour, layout, self.size)
        return np.asarray(picture), text


def collate(pairs):
    images, texts = zip(*pairs)
    return torch.from_numpy(np.stack(images)), list(texts)
