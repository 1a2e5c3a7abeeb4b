"""Draw the picture of the landing page: ``python docs/landing_picture.py``.

Pictures are drawn at random, not chosen; what the classifier gets wrong is red.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np

from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator, TextAsImageClassifier
from sklearn_tai.datasets import load_emoji_scenes

N_TEXTS = 1000
IMAGES = Path(__file__).parent / "images"
# text, faint, wrong
COLORS = {"light": ("#14181e", "#6b7280", "#c92a2a"), "dark": ("#e6e9ed", "#9aa3ad", "#ff8787")}


def main() -> None:
    """Train on texts, label pictures, draw both."""
    scenes = load_emoji_scenes()
    labels = scenes.label_names
    texts, Y = PromptCorpusGenerator(n_texts=N_TEXTS, random_state=0).generate(labels)
    clf = TextAsImageClassifier(OpenCLIPEncoder("tai-tiny")).fit(texts, Y)
    print(f"mAP {clf.score(scenes.images, scenes.Y):.3f}")
    shown = np.random.default_rng(0).choice(len(scenes.images), 8, replace=False)
    proba = clf.predict_proba([scenes.images[i] for i in shown])
    for theme, colors in COLORS.items():
        draw(scenes, texts[:8], shown, proba, colors).savefig(
            IMAGES / f"landing_{theme}.png",
            dpi=110,
            transparent=True,
            pil_kwargs={"optimize": True},
        )


def draw(scenes, texts, shown, proba, colors):
    """Words to the left, labelled pictures to the right."""
    ink, faint, wrong = colors
    figure = plt.figure(figsize=(11, 5))
    for x, title in ((0, "It learns from texts ..."), (0.4, "... and labels pictures.")):
        figure.text(x, 0.99, title, color=ink, size=15, weight="bold", va="top")
    quoted = "\n\n".join(fill(f"“{text}”", 46) for text in texts)
    figure.text(0, 0.9, quoted, color=ink, size=10.5, va="top", linespacing=1.3)
    more = f"and {N_TEXTS - len(texts)} more"
    figure.text(0, 0.05, more, color=faint, size=10.5, va="top")
    grid = figure.add_gridspec(2, 4, left=0.4, right=1, top=0.9, bottom=0.09, hspace=0.35)
    for cell, i, row in zip(grid, shown, proba):
        ax = figure.add_subplot(cell)
        ax.imshow(scenes.images[i])
        ax.set_axis_off()
        for line, k in enumerate(np.argsort(-row)[: max(1, scenes.Y[i].sum())]):
            color = ink if scenes.Y[i, k] else wrong
            name = f"{scenes.label_names[k]} {row[k]:.0%}"
            ax.text(96, 210 + 26 * line, name, color=color, size=9.5, ha="center", va="top")
    return figure


if __name__ == "__main__":
    main()
