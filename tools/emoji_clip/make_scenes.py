"""Make the bundled pictures from art that is not used in training.

    python tools/emoji_clip/make_scenes.py --work /some/folder

Writes ``sklearn_tai/datasets/data/emoji_scenes.zip`` and its description.
"""

from __future__ import annotations

import argparse
import io
import json
import zipfile
from pathlib import Path

import numpy as np
from scenes import compose
from sprites import TEST_STYLES, load_sprites
from vocabulary import SCENE_LABELS, load_vocabulary

TARGET = Path(__file__).parents[2] / "sklearn_tai" / "datasets" / "data"
SIZE = 192
DESCRIPTION = """\
Emoji scenes
============

{n} scenes of one to five pictograms at random places, sizes and angles on varied
backgrounds, {size} x {size} pixels, with {k} labels: 19 of Pascal VOC's 20 ("dining
table" has no pictogram) and "traffic light". A scene shows {mean:.2f} labels on average;
a third of the objects are of none of the labels.

Made by ``tools/emoji_clip/make_scenes.py`` with seed {seed}.

The art is Microsoft's Fluent Emoji in its 3D style (MIT licence, copyright Microsoft
Corporation), from the npm package ``@lobehub/fluent-emoji-3d`` 1.1.0 (MIT licence,
copyright LobeHub). It took no part in the training of the bundled model, which saw other
styles of the same objects.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for the art")
    parser.add_argument("--n-scenes", type=int, default=400)
    parser.add_argument("--seed", type=int, default=2024)
    args = parser.parse_args()
    vocabulary = load_vocabulary()
    sprites = load_sprites(TEST_STYLES, args.work / "art", size=160)
    by_label: dict[str, list[int]] = {}
    for i, entry in enumerate(vocabulary):
        by_label.setdefault(entry.label, []).append(i)
    distractors = [i for i, e in enumerate(vocabulary) if e.label not in SCENE_LABELS]
    rng = np.random.default_rng(args.seed)
    files, rows = [], []
    TARGET.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(TARGET / "emoji_scenes.zip", "w", zipfile.ZIP_STORED) as archive:
        for k in range(args.n_scenes):
            n = int(rng.integers(1, 6))
            entries = []
            for j in range(n):  # the first object has a label, each label in turn
                if j == 0:
                    choices = by_label[SCENE_LABELS[k % len(SCENE_LABELS)]]
                elif rng.random() < 0.55:
                    choices = by_label[SCENE_LABELS[rng.integers(len(SCENE_LABELS))]]
                else:
                    choices = distractors
                entries.append(int(choices[rng.integers(len(choices))]))
            picture, *_ = compose(rng, entries, sprites, SIZE, augment=False)
            present = {vocabulary[i].label for i in entries}
            rows.append([int(label in present) for label in SCENE_LABELS])
            files.append(f"{k:03d}.webp")
            buffer = io.BytesIO()
            picture.save(buffer, "WEBP", quality=85, method=6)
            info = zipfile.ZipInfo(files[-1], (2024, 1, 1, 0, 0, 0))  # the same bytes in each run
            archive.writestr(info, buffer.getvalue())
        record = {"label_names": SCENE_LABELS, "files": files, "Y": rows}
        info = zipfile.ZipInfo("labels.json", (2024, 1, 1, 0, 0, 0))
        archive.writestr(info, json.dumps(record))
    (TARGET / "emoji_scenes.rst").write_text(
        DESCRIPTION.format(
            n=len(rows),
            size=SIZE,
            k=len(SCENE_LABELS),
            mean=np.sum(rows, 1).mean(),
            seed=args.seed,
        ),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
