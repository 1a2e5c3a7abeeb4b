"""
Rivals compared
===============

Several methods label images without having seen a labelled one. Here they share an interface, so a
few lines compare them: zero-shot CLIP, zero-shot CLIP with standardised scores, CoMC, TaI-DPT, the
network of the TaI-Adapter paper, and the kernel that replaces it here.
"""

# %%
# Same texts, same encoder, same pictures
# ---------------------------------------
#
# Each rival has the settings of its own paper, except that the network's layers are small, to save
# time. The kernel is the default of :class:`~sklearn_tai.TextAsImageClassifier`.
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
# Overall
# -------
means = {"chance": Y_images.mean()}
means |= {name: mean_average_precision(Y_images, one) for name, one in scores.items()}
for name, value in means.items():
    print(f"{name:15} {value:.3f}")

figure, ax = plt.subplots(figsize=(6, 3.1), layout="constrained")
colours = ["lightgrey"] + ["tab:grey"] * 2 + ["tab:blue"] * 3 + ["tab:green"]
bars = ax.barh(list(means), list(means.values()), color=colours)
ax.bar_label(bars, fmt="%.3f", padding=4)
ax.invert_yaxis()
_ = ax.set(xlabel="mean average precision", xlim=(0, 0.72))

# %%
# CoMC is an adapter with a single linear layer. The kernel learns from noise like TaI-Adapter's
# network, but in closed form.
#
# Where they differ
# -----------------
#
# Here is the kernel, label by label. The more positives a label has, the more you can trust its
# bar.
_ = LabelReportDisplay.from_predictions(Y_images, scores["kernel"], label_names=labels)

# %%
# And here is what training on texts gains over zero-shot CLIP. Points to the right of the line are
# labels that are recognised better.
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
# This is a single run on 500 texts and 200 pictures, so differences of a point or two may be due
# to chance. See :doc:`/evidence/rivals` for five runs with more texts, for methods that need
# labelled images, and for what each method costs in time and memory.
