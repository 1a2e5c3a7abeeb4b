"""
Rivals compared
===============

Several methods label images without having seen any labelled one. They share an interface here,
and can be compared in a few lines: CLIP as it is, CLIP with standardised scores, CoMC, TaI-DPT,
the network of the TaI-Adapter paper, and the kernel that takes its place here.
"""

# %%
# Same texts, same encoder, same pictures
# ---------------------------------------
#
# Each rival has the settings of its own paper, but for the network's layers, which are small, to
# be quick. The kernel is what :class:`~sklearn_tai.TextAsImageClassifier` does by default.
import matplotlib.pyplot as plt
import numpy as np

from sklearn_tai import (
    OpenCLIPEncoder,
    PromptCorpusGenerator,
    TextAsImageClassifier,
    ZeroShotClassifier,
)
from sklearn_tai.baselines import CoMCClassifier, TaIDPTClassifier
from sklearn_tai.datasets import load_emoji_scenes
from sklearn_tai.inspection import LabelReportDisplay
from sklearn_tai.metrics import label_average_precisions, mean_average_precision

scenes, encoder = load_emoji_scenes(), OpenCLIPEncoder("tai-tiny")
labels = scenes.label_names
images, Y_images = scenes.images[:200], scenes.Y[:200]
texts, Y = PromptCorpusGenerator(n_texts=500, random_state=0).generate(labels)

methods = {
    "zero-shot CLIP": ZeroShotClassifier(labels, encoder),
    "standardised": ZeroShotClassifier(labels, encoder, standardize=True),
    "CoMC": CoMCClassifier(encoder, random_state=0),
    "TaI-DPT": TaIDPTClassifier(labels, encoder, random_state=0),
    "TaI-Adapter": TextAsImageClassifier.paper(
        encoder=encoder, hidden_layer_sizes=(256,) * 3, max_lr=1e-3, random_state=0
    ),
    "kernel": TextAsImageClassifier(encoder),
}

# %%
# Zero-shot classifiers need no training and ignore the texts; the others learn from them.
scores = {}
for name, clf in methods.items():
    clf.fit(texts, Y)
    scores[name] = clf.decision_function(images)

# %%
# How good on the whole
# ---------------------
means = {"chance": Y_images.mean()}
means |= {name: mean_average_precision(Y_images, one) for name, one in scores.items()}
for name, value in means.items():
    print(f"{name:15} {value:.3f}")

figure, ax = plt.subplots(figsize=(6, 3.1), layout="constrained")
colours = ["lightgrey"] + ["tab:grey"] * 2 + ["tab:blue"] * 3 + ["tab:green"]
bars = ax.barh(list(means), list(means.values()), color=colours)
ax.bar_label(bars, fmt="%.3f", padding=4)
ax.invert_yaxis()
_ = ax.set(xlabel="mean average precision", xlim=(0, 0.65))

# %%
# TaI-DPT looks at regions of a picture, where small objects show; all the others see it as a
# whole. Standardising the scores costs nothing and gains something. CoMC is an adapter of one
# linear layer. The kernel learns from noise as TaI-Adapter's network does, but takes in closed
# form what there is to learn.
#
# Where they differ
# -----------------
#
# The kernel, label by label. The number of positives says how far to trust a bar.
_ = LabelReportDisplay.from_predictions(Y_images, scores["kernel"], label_names=labels)

# %%
# And what training on texts changes, against CLIP as it is. Points to the right of the line are
# labels that are found better.
clip = label_average_precisions(Y_images, scores["zero-shot CLIP"])
order = np.argsort(clip)
figure, ax = plt.subplots(figsize=(7, 5.2), layout="constrained")
for name, marker in [("TaI-DPT", "o"), ("TaI-Adapter", "s"), ("kernel", "D")]:
    gain = label_average_precisions(Y_images, scores[name]) - clip
    ax.plot(gain[order], range(len(labels)), marker, label=name)
ax.axvline(0, color="grey")
ax.grid(axis="y", alpha=0.3)
ax.set_yticks(range(len(labels)), [f"{labels[k]} ({clip[k]:.2f})" for k in order])
ax.set(xlabel="gain in average precision over zero-shot CLIP (in parentheses)")
_ = ax.legend()

# %%
# This is one run, on 500 texts and 200 pictures, and differences of a point or two are within its
# chance. :doc:`/evidence/rivals` has five, with more texts, with the methods that need labelled
# images, and what each of them costs in time and memory.
