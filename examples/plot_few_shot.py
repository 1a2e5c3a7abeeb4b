"""
Texts and a few labelled images
===============================

A handful of labelled images is often at hand, or soon made. Beside the texts they have a say about
a picture. This example adds 1, 4 and 8 images a label to the texts, asks how much say they should
have, and what they would be worth by themselves.
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


def split(seed):
    """Rows of the images to score, and of those drawn for 1, 4 and 8 a label."""
    pool, test = np.array_split(np.random.default_rng(seed).permutation(len(scenes.images)), 2)
    few = {n: pool[few_shot_indices(scenes.Y[pool], n, random_state=seed)] for n in (1, 4, 8)}
    return test, few


test, few = split(0)
for n, rows in few.items():
    print(f"{n} images a label: {len(rows)} images")

# %%
# What one image a label looks like:
figure, axes = plt.subplots(2, 8, figsize=(9, 2.9), layout="constrained")
for ax in axes.flat:
    ax.set_axis_off()
for ax, i in zip(axes.flat, few[1]):
    ax.imshow(scenes.images[i])
    ax.set_title("\n".join(label for label, y in zip(labels, scenes.Y[i]) if y)[:40], fontsize=7)

# %%
# Texts and images in one list
# ----------------------------
#
# With :class:`~sklearn_tai.MixedPerturbation` images vote beside the texts: a picture gets the
# labels of the texts and of the images that it is most like. ``image_share`` is the weight of the
# images' vote; with None it is their share of all items, so that one image weighs as much as one
# text.
encoder = OpenCLIPEncoder("tai-tiny")
texts, Y = PromptCorpusGenerator(n_texts=700, random_state=0).generate(labels)
shots = [scenes.images[i] for i in few[8]]
clf = TextAsImageClassifier(encoder, MixedPerturbation(image_share=None))
clf.fit([*texts, *shots], np.vstack([Y, scenes.Y[few[8]]]))
share = clf.adapter_.module_.image_share
print(f"{len(texts)} texts, {len(shots)} images, which have {share:.0%}")

# %%
# Nothing is trained, so five splits of the pictures take no longer than one. Embeddings made once
# do as well as items, where the classifier is told which is which.
T, images = encoder.transform(texts), encoder.transform(scenes.images)
ways = {"texts and images": None, "images at a share of 0.25": 0.25, "images alone": 1}
scores = {way: {n: [] for n in few} for way in ways}
alone, zero_shot = [], []
clip = ZeroShotClassifier(labels, encoder).fit()
for seed in range(5):
    test, few = split(seed)
    alone.append(TextAsImageClassifier().fit(T, Y).score(images[test], scenes.Y[test]))
    zero_shot.append(clip.score(images[test], scenes.Y[test]))
    for n, rows in few.items():
        for way, share in ways.items():
            if share == 1:
                X, indicator, modality = images[rows], scenes.Y[rows], ["image"] * len(rows)
                clf = TextAsImageClassifier()
            else:
                X, indicator = np.vstack([T, images[rows]]), np.vstack([Y, scenes.Y[rows]])
                modality = np.repeat(["text", "image"], [len(T), len(rows)])
                clf = TextAsImageClassifier(perturbation=MixedPerturbation(image_share=share))
            clf.fit(X, indicator, modality=modality)
            scores[way][n].append(clf.score(images[test], scenes.Y[test]))

# %%
# What they are worth
# -------------------
#
# Splits differ in how hard their pictures are, which changes nothing in the order of the ways. So
# what counts is the difference to texts alone on the same pictures: its mean and standard
# deviation over the splits.
print(f"zero-shot CLIP {np.mean(zero_shot):.3f}, texts alone {np.mean(alone):.3f}")
for way, values in scores.items():
    for n, own in values.items():
        gains = np.subtract(own, alone)
        print(f"{way:25} {n} a label: {np.mean(own):.3f}, {gains.mean():+.3f} ± {gains.std():.3f}")

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for way, values in scores.items():
    left.plot(range(3), [np.mean(own) for own in values.values()], marker="o", label=way)
    if way != "images alone":
        gains = np.array([np.subtract(own, alone) for own in values.values()])
        right.errorbar(range(3), gains.mean(axis=1), gains.std(axis=1), marker="o", capsize=3)
for ax, level in [(left, np.mean(alone)), (right, 0)]:
    ax.axhline(level, color="black", linestyle=":", label="texts alone")
    ax.set_xticks(range(3), list(few))
    ax.set(xlabel="images a label")
left.axhline(np.mean(zero_shot), color="grey", linestyle="--", label="zero-shot CLIP")
left.set(ylabel="mean average precision", ylim=(0, 0.65))
left.legend(loc="lower right", fontsize=8)
_ = right.set(ylabel="gain over texts alone")

# %%
# Texts carry most of it: by themselves even 8 images a label do not come near. Beside the texts
# images add up to a point, the more the more there are of each label. One of each is worth
# nothing: it also shows other things, and nothing averages them out. A quarter of the weight is
# too much for so few: it costs two points there, and comes to the same with 8 of each.
#
# :doc:`/settings` has the same of the paper's trained network and of photos.
