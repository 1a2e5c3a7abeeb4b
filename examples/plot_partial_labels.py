"""
Images whose labels are partly known
====================================

Whoever labels images seldom checks every label of every image. "There is a dog" is known; whether
there is also a chair, nobody has looked. Such images still tell where each label lies among
images. :class:`~sklearn_tai.ShiftedPerturbation` moves the training texts there.
"""

# %%
# What is known
# -------------
#
# 1 is "there", 0 is "not there", and -1 is "nobody has looked".
# :func:`~sklearn_tai.model_selection.mask_labels` hides labels at random, as the literature does
# to compare methods.
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
pool, test = np.array_split(np.random.default_rng(0).permutation(len(scenes.images)), 2)
fractions = (0.1, 0.3, 0.9)
partly = {f: mask_labels(scenes.Y[pool], known_fraction=f, random_state=0) for f in fractions}

colours = ListedColormap(["#dddddd", "white", "tab:blue"])
figure, axes = plt.subplots(1, 3, figsize=(9, 4.2), layout="constrained", sharey=True)
for ax, (fraction, known) in zip(axes, partly.items()):
    ax.imshow(known[:30].T, cmap=colours, vmin=-1, vmax=1, aspect="auto")
    ax.set(title=f"{fraction:.0%} known", xlabel="30 of the images", xticks=[])
    ax.set_yticks(range(len(labels)), labels, fontsize=8)
_ = figure.suptitle("blue: there, white: not there, grey: not known")

# %%
# Texts and images in one list
# ----------------------------
#
# Only images may have unknown labels; a text's are known by construction. Everything is encoded
# once here and the classifier told which rows are which; a list of texts and pictures would do
# as well. Layers are small and epochs few, to be quick; the defaults are the paper's.
encoder = OpenCLIPEncoder("tai-tiny")
texts, Y = PromptCorpusGenerator(n_texts=700, random_state=0).generate(labels)
T, images = encoder.transform(texts), encoder.transform(scenes.images)
X = np.vstack([T, images[pool]])
modality = np.repeat(["text", "image"], [len(T), len(pool)])


def classifier(perturbation):
    return TextAsImageClassifier(
        encoder, perturbation, hidden_sizes=(256,) * 3, max_lr=1e-3, max_epochs=30, random_state=0
    )


alone = classifier(RandomPerturbation()).fit(T, Y).score(images[test], scenes.Y[test])

# %%
# ``ShiftedPerturbation()`` uses the images to move the texts, and trains on the texts. With
# ``image_share=0.5`` half of each epoch is images, with a loss over what is known of them.
ways = {
    "texts moved": ShiftedPerturbation(),
    "texts moved, images trained on": ShiftedPerturbation(image_share=0.5),
}
scores = {way: [] for way in ways}
for known in partly.values():
    for way, perturbation in ways.items():
        clf = classifier(perturbation).fit(X, np.vstack([Y, known]), modality=modality)
        scores[way].append(clf.score(images[test], scenes.Y[test]))

# %%
# What it gains
# -------------
figure, ax = plt.subplots(figsize=(6, 3.8), layout="constrained")
for way, values in scores.items():
    ax.plot(range(len(fractions)), values, marker="o", label=way)
ax.axhline(alone, color="grey", linestyle="--", label="texts alone")
ax.set_xticks(range(len(fractions)), [f"{f:.0%}" for f in fractions])
ax.set(xlabel="known labels of 200 images", ylabel="mean average precision")
ax.legend()

print(f"texts alone: {alone:.3f}")
for way, values in scores.items():
    print(f"{way}: " + ", ".join(f"{v:.3f} ({f:.0%})" for f, v in zip(fractions, values)))

# %%
# Where little is known, the gain is about a point or none here, and one split of 400 pictures has
# more chance in it than that. The more is known, the more the images are worth training on.
# :doc:`/settings` has five splits, the photos, and the paper's own way of moving texts
# (``offset_by="combination"``), which needs far more images than are here.
