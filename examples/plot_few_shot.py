"""
Texts and a few labelled images
===============================

A handful of labelled images is often at hand, or soon made. Beside the texts they tell the
classifier where images lie. This example adds 1, 4 and 8 images a label to the texts, and
asks what the images would be worth by themselves.
"""

# %%
# Half of the pictures to draw from, half to score
# ------------------------------------------------
#
# :func:`~sklearn_tai.model_selection.few_shot_indices` draws images until every label has enough
# of them. An image that shows three labels counts for all three.
import matplotlib.pyplot as plt
import numpy as np

from sklearn_tai import (
    MixedPerturbation,
    OpenCLIPEncoder,
    PromptCorpusGenerator,
    TextAsImageClassifier,
    ZeroShotClassifier,
)
from sklearn_tai.datasets import load_emoji_scenes
from sklearn_tai.model_selection import few_shot_indices

scenes = load_emoji_scenes()
labels = scenes.label_names
pool, test = np.array_split(np.random.default_rng(0).permutation(len(scenes.images)), 2)
drawn = {n: pool[few_shot_indices(scenes.Y[pool], n, random_state=0)] for n in (1, 4, 8)}
for n, rows in drawn.items():
    print(f"{n:2} images a label: {len(rows)} images")

# %%
# What one image a label looks like:
figure, axes = plt.subplots(2, 7, figsize=(9, 3.2), layout="constrained")
for ax in axes.flat:
    ax.set_axis_off()
for ax, i in zip(axes.flat, drawn[1]):
    ax.imshow(scenes.images[i])
    ax.set_title("\n".join(label for label, y in zip(labels, scenes.Y[i]) if y)[:40], fontsize=7)

# %%
# Texts and images in one list
# ----------------------------
#
# With :class:`~sklearn_tai.MixedPerturbation` texts get the usual noise. Images get next to none,
# as they are where they should be. A quarter of each epoch is images (``image_share=0.25``),
# however few there are. Layers are small here and epochs few, to be quick; the defaults are the
# paper's.
encoder = OpenCLIPEncoder("tai-tiny")
texts, Y = PromptCorpusGenerator(n_texts=700, random_state=0).generate(labels)
images = [scenes.images[i] for i in test]


def score(items, indicator):
    clf = TextAsImageClassifier(
        encoder,
        MixedPerturbation(),
        hidden_sizes=(256,) * 3,
        max_lr=1e-3,
        max_epochs=30,
        random_state=0,
    )
    return clf.fit(items, indicator).score(images, scenes.Y[test])


zero_shot = ZeroShotClassifier(labels, encoder).fit().score(images, scenes.Y[test])
both, alone = {0: score(texts, Y)}, {}
for n, rows in drawn.items():
    shots = [scenes.images[i] for i in rows]
    both[n] = score([*texts, *shots], np.vstack([Y, scenes.Y[rows]]))
    # as many rows as there are texts, or few images would also mean little training
    times = len(texts) // len(rows)
    alone[n] = score(shots * times, np.tile(scenes.Y[rows], (times, 1)))

# %%
# What they are worth
# -------------------
figure, ax = plt.subplots(figsize=(6, 3.8), layout="constrained")
places = np.arange(4)
ax.plot(places, list(both.values()), marker="o", label="texts and images")
ax.plot(places[1:], list(alone.values()), marker="o", label="images alone")
ax.axhline(zero_shot, color="grey", linestyle="--", label="zero-shot CLIP")
ax.set_xticks(places, list(both))
ax.set(xlabel="images a label", ylabel="mean average precision")
ax.legend()

print("images a label   texts and images   images alone")
for n, value in both.items():
    print(f"{n:14}   {value:16.3f}   {alone.get(n, np.nan):12.3f}")

# %%
# Texts carry most of it: by themselves even 8 images a label do not come near. Beside the texts
# images add something, the more the more there are of each label. One of each is little: it also
# shows other things, and nothing averages them out.
#
# This is one split of 400 pictures, and differences of a point or two are within its chance.
# :doc:`/settings` has five splits with their spread, in whose mean one image a label adds nothing
# yet, and what changes on photos.
