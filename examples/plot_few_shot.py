"""
Fifty labelled images, before and after
=======================================

A classifier trained on texts alone is a start. Label fifty of your images, add them to the texts,
and it gets better. This example does so with random images and with those that the classifier is
least certain about.
"""

# %%
# Before: texts alone
# -------------------
#
# Half of the pictures can be labelled, the other half is for scoring.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import f1_score

from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator, TextAsImageClassifier
from sklearn_tai.datasets import load_emoji_scenes
from sklearn_tai.model_selection import entropy_sampling

scenes = load_emoji_scenes()
encoder = OpenCLIPEncoder("tai-tiny")
texts, Y = PromptCorpusGenerator(n_texts=1000, random_state=0).generate(scenes.label_names)
pool, test = np.array_split(np.random.default_rng(0).permutation(len(scenes.images)), 2)
held_out, truth = [scenes.images[i] for i in test], scenes.Y[test]


def report(clf):
    f1 = f1_score(truth, clf.predict(held_out), average="micro")
    return f"mAP {clf.score(held_out, truth):.3f}, micro F1 {f1:.3f}"


clf = TextAsImageClassifier(encoder, region_weight=0).fit(texts, Y)
print(f"texts alone:       {report(clf)}")

# %%
# After: texts and fifty images
# -----------------------------
#
# ``partial_fit`` adds them; ``fit`` on texts and images in one list gives the same result.
fifty = pool[:50]
clf.partial_fit([scenes.images[i] for i in fifty], scenes.Y[fifty], classes=clf.classes_)
print(f"with fifty images: {report(clf)}")

figure, axes = plt.subplots(1, 6, figsize=(9, 1.8), layout="constrained")
for ax, i in zip(axes, fifty):
    ax.imshow(scenes.images[i])
    names = [name for name, there in zip(scenes.label_names, scenes.Y[i]) if there]
    ax.set_title("\n".join(names)[:40], fontsize=7)
    ax.set_axis_off()

# %%
# Which images to label
# ---------------------
#
# :func:`~sklearn_tai.model_selection.entropy_sampling` ranks images by how uncertain the
# classifier is about their labels. Ten at a time are labelled and learnt, so that the next ten are
# chosen by a better classifier. We repeat this for five splits of the pictures, and encode
# everything only once:
T, images = encoder.transform(texts), encoder.transform(scenes.images)
scores = {"at random": [], "by entropy": []}
for seed in range(5):
    pool, test = np.array_split(np.random.default_rng(seed).permutation(len(images)), 2)
    for way, curves in scores.items():
        clf, rest = TextAsImageClassifier(encoder).fit(T, Y), pool
        curve = [clf.score(images[test], scenes.Y[test])]
        for _ in range(5):
            if way == "by entropy":
                rest = rest[entropy_sampling(clf, images[rest])]
            ten, rest = rest[:10], rest[10:]
            clf.partial_fit(images[ten], scenes.Y[ten], ["image"] * 10, classes=clf.classes_)
            curve.append(clf.score(images[test], scenes.Y[test]))
        curves.append(curve)

figure, ax = plt.subplots(figsize=(5.5, 3.8), layout="constrained")
for way, curves in scores.items():
    gains = 100 * (np.array(curves) - np.array(curves)[:, :1])
    ax.errorbar(range(0, 60, 10), gains.mean(0), gains.std(0), marker="o", capsize=3, label=way)
    print(f"{way}: {gains.mean(0)[-1]:+.1f} ± {gains.std(0)[-1]:.1f} points with fifty images")
ax.axhline(0, color="black", linestyle=":", label="texts alone")
ax.set(xlabel="labelled images", ylabel="gain in mean average precision (points)")
_ = ax.legend()

# %%
# See :doc:`/evidence/labelled_images` for the same on photos, with more images and other methods.
