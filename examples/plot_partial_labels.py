"""
Images whose labels are partly known
====================================

People who label images rarely check every label of every image. "There is a dog" is known; whether
there is also a chair is not. Such images are still useful: they can be added to the training
texts, and :class:`~sklearn_tai.ShiftedPerturbation` can use them to move the texts to where images
with the same labels are.
"""

# %%
# What is known
# -------------
#
# 1 means present, 0 absent, and -1 unknown. :func:`~sklearn_tai.model_selection.mask_labels` hides
# labels at random, as is usual in the literature.
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap

from sklearn_tai import (
    OpenCLIPEncoder,
    PromptCorpusGenerator,
    RandomPerturbation,
    ShiftedPerturbation,
    TextAsImageClassifier,
)
from sklearn_tai.datasets import load_emoji_scenes
from sklearn_tai.model_selection import mask_labels

scenes = load_emoji_scenes()
labels = scenes.label_names
fractions = (0.1, 0.3, 0.9)
partly = {f: mask_labels(scenes.Y, known_fraction=f, random_state=0) for f in fractions}

colours = ListedColormap(["#dddddd", "white", "tab:blue"])
figure, axes = plt.subplots(1, 3, figsize=(9, 4.2), layout="constrained", sharey=True)
for ax, (fraction, known) in zip(axes, partly.items()):
    ax.imshow(known[:30].T, cmap=colours, vmin=-1, vmax=1, aspect="auto")
    ax.set(title=f"{fraction:.0%} known", xlabel="30 of the images", xticks=[])
    ax.set_yticks(range(len(labels)), labels, fontsize=8)
_ = figure.suptitle("blue: present, white: absent, grey: unknown")

# %%
# Texts and images in one list
# ----------------------------
#
# Only images may have unknown labels; those of texts are always known. Here everything is encoded
# once and the classifier is told which rows are texts and which are images. A list of texts and
# pictures would also work.
#
# By default, the evidence of the images' known labels is added to that of the texts.
# ``ShiftedPerturbation()`` uses the images only to move the texts to where the images are; with
# ``image_share=None`` it does both.
encoder = OpenCLIPEncoder("tai-tiny")
texts, Y = PromptCorpusGenerator(n_texts=700, random_state=0).generate(labels)
T, images = encoder.transform(texts), encoder.transform(scenes.images)
ways = {
    "texts moved": ShiftedPerturbation(),
    "texts and images": RandomPerturbation(),
    "both": ShiftedPerturbation(image_share=None),
}

# %%
# Nothing has to be trained, so we can afford five splits of the pictures: 200 whose labels are
# partly known, and 200 for scoring. Some splits have harder pictures than others, so we look at
# the gain over texts alone on the same split.
gains = {way: {f: [] for f in fractions} for way in ways}
alone = []
for seed in range(5):
    pool, test = np.array_split(np.random.default_rng(seed).permutation(len(images)), 2)
    X = np.vstack([T, images[pool]])
    modality = np.repeat(["text", "image"], [len(T), len(pool)])
    clf = TextAsImageClassifier(encoder).fit(T, Y)
    alone.append(clf.score(images[test], scenes.Y[test]))
    for fraction in fractions:
        known = np.vstack([Y, mask_labels(scenes.Y[pool], fraction, random_state=seed)])
        for way, perturbation in ways.items():
            clf = TextAsImageClassifier(encoder, perturbation).fit(X, known, modality=modality)
            score = clf.score(images[test], scenes.Y[test])
            gains[way][fraction].append(100 * (score - alone[-1]))

# %%
# What it gains
# -------------
print(f"texts alone: {100 * np.mean(alone):.1f} %")
for way, values in gains.items():
    for fraction, own in values.items():
        print(f"{way:16} {fraction:4.0%} known: {np.mean(own):+.1f} ± {np.std(own):.1f} points")

figure, ax = plt.subplots(figsize=(6, 3.8), layout="constrained")
for shift, (way, values) in zip((-0.06, 0, 0.06), gains.items()):
    means = [np.mean(own) for own in values.values()]
    ax.errorbar(
        np.arange(len(fractions)) + shift,
        means,
        yerr=[np.std(own) for own in values.values()],
        marker="o",
        capsize=3,
        label=way,
    )
ax.axhline(0, color="grey", linestyle="--", label="texts alone")
ax.set_xticks(range(len(fractions)), [f"{f:.0%}" for f in fractions])
ax.set(xlabel="known labels of 200 images", ylabel="gain in mean average precision (points)")
_ = ax.legend(loc="upper left")

# %%
# The more labels are known, the larger the gain. See :doc:`/evidence/labelled_images` for photos,
# the paper's trained network, and its way of moving texts (``offset_by="combination"``), which
# needs far more images than there are here.
