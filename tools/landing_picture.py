"""Draw the README's picture: ``python -m tools.landing_picture PHOTOS --ground GROUND``.

PHOTOS is a folder with the files listed in docs/images/README.md. Labels and places come from the
classifier; those that are wrong, judged by a person, are red. Without --ground, CLIP is downloaded
(docs/evidence/ground.md says what a ground is).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
from PIL import Image

from benchmarks.testbeds import FittedTower, photo_encoder
from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator, TextAsImageClassifier

LABELS = """bear, bicycle, bird, boat, book, car, cat, cup, dog, flag, flower, horse, lake, person,
pizza, rocket, spoon, tower, traffic light, tree"""
LABELS = LABELS.replace("\n", " ").split(", ")
# what a person sees in each photo
SEEN = {
    "coffee": {"cup", "spoon"},
    "chelsea": {"cat"},
    "astronaut": {"person", "flag", "rocket"},
    "china": {"boat", "lake", "tower", "tree"},
    "flower": {"flower"},
    "rocket": {"rocket", "tower"},
}
SIZE = 360  # pixels per tile


def main() -> None:
    """Learn from texts, label the photos and draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--ground", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/images/landing.jpg"))
    args = parser.parse_args()
    clip = texts_by = photo_encoder(args.ground) if args.ground else OpenCLIPEncoder()
    if args.ground and (args.ground / "text_tower.npz").is_file():
        texts_by = FittedTower(clip, args.ground / "text_tower.npz")
    texts, Y = PromptCorpusGenerator(n_texts=5000, random_state=0).generate(LABELS)
    clf = TextAsImageClassifier().fit(texts_by.transform(texts), Y)
    photos = [next(args.photos.glob(f"{name}.*")) for name in SEEN]
    images = clip.transform_regions(photos)
    found = zip(SEEN, photos, clf.predict_proba(images), clf.predict_regions(images))
    figure, axes = plt.subplots(2, 3, figsize=(3 * SIZE / 100, 2 * SIZE / 100))
    figure.subplots_adjust(0, 0, 1, 1, wspace=0.012, hspace=0.012)
    for ax, (name, path, row, maps) in zip(axes.flat, found):
        picture = Image.open(path).convert("RGB").crop(clip.region_frame(*Image.open(path).size))
        draw(ax, picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS), row, maps, SEEN[name])
        print(name, {LABELS[k]: round(float(row[k]), 2) for k in (-row).argsort()[:4]})
    figure.savefig(args.out, dpi=100, pil_kwargs={"quality": 85, "optimize": True})


def draw(ax, picture, row, maps, seen):
    """Draw a photo, with each predicted label at its most likely place."""
    ax.imshow(picture)
    ax.set_axis_off()
    n_rows, n_columns, _ = maps.shape
    for k in (-row).argsort()[: int((row > 0.2).sum())]:
        i, j = divmod(maps[..., k].argmax(), n_columns)
        x, y = (j + 0.5) * SIZE / n_columns, (i + 0.5) * SIZE / n_rows
        color = "#1a7f37" if LABELS[k] in seen else "#c92a2a"
        ax.plot(x, y, "o", color=color, markeredgecolor="white", markersize=9, markeredgewidth=1.5)
        name = f"{LABELS[k]} {row[k]:.0%}"
        half = 6.4 * len(name)  # half of the text's width
        at = min(max(x, half), SIZE - half), y + (22 if y < 0.85 * SIZE else -22)
        box = {"boxstyle": "round,pad=0.3", "facecolor": color, "edgecolor": "none", "alpha": 0.9}
        ax.text(
            *at, name, color="white", size=12, weight="bold", ha="center", va="center", bbox=box
        )


if __name__ == "__main__":
    main()
