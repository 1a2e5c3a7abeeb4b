"""
From scores to labels: thresholds
=================================

A classifier scores each label of each image. To *name* labels, it takes a threshold. 0.5 is a
convention, and a classifier that learnt from texts has no reason to keep to it on images. This
example chooses thresholds by a few labelled images, and shows how much such a choice can bear.
"""

# %%
# Two classifiers
# ---------------
#
# CLIP as it is, and an adapter trained on texts. A quarter of the pictures is to choose by, the
# others are to judge by. Layers are small here, to be quick; the defaults are the paper's.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import f1_score, precision_recall_curve, precision_recall_fscore_support

from sklearn_tai import (
    OpenCLIPEncoder,
    PromptCorpusGenerator,
    TextAsImageClassifier,
    ZeroShotClassifier,
)
from sklearn_tai.datasets import load_emoji_scenes

scenes, encoder = load_emoji_scenes(), OpenCLIPEncoder("tai-tiny")
labels = np.array(scenes.label_names)
few, rest = np.split(np.random.default_rng(0).permutation(len(scenes.images)), [100])
Y_few, Y_rest = scenes.Y[few], scenes.Y[rest]

texts, Y = PromptCorpusGenerator(n_texts=1000, random_state=0).generate(scenes.label_names)
clip = ZeroShotClassifier(scenes.label_names, encoder).fit()
adapter = TextAsImageClassifier(encoder, hidden_sizes=(256,) * 3, max_lr=1e-3, random_state=0).fit(
    texts, Y
)

# %%
# The trade-off
# -------------
#
# A high threshold names few labels, most of them right: high precision. A low one misses few: high
# recall. F1, their harmonic mean, rewards a balance. All labels are counted together here
# ("micro").


def curves(y, scores):
    precision, recall, thresholds = precision_recall_curve(y.ravel(), scores.ravel())
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return precision[:-1], recall[:-1], f1[:-1], thresholds  # the last has no threshold


proba = {"zero-shot CLIP": clip.predict_proba(scenes.images)}
proba["adapter"] = adapter.predict_proba(scenes.images)
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
for ax, (name, scores) in zip(axes, proba.items()):
    *lines, thresholds = curves(Y_rest, scores[rest])
    for label, values in zip(["precision", "recall", "F1"], lines):
        ax.plot(thresholds, values, label=label)
    ax.axvline(0.5, color="grey", linestyle="--", label="0.5")
    ax.set(title=name, xlabel="threshold", xscale="log", xlim=(1e-7, 1))
_ = axes[0].legend()

# %%
# Each classifier has a best place of its own. CLIP's softmax lets the labels of an image share one
# probability of 1, so the second object of a picture gets next to nothing, and the best threshold
# is tiny.
#
# One threshold
# -------------
#
# Take the one with the best F1 on the few pictures.


def best_threshold(y, scores):
    *_, f1, thresholds = curves(y, scores)
    return thresholds[np.argmax(f1)]


for name, scores in proba.items():
    one = best_threshold(Y_few, scores[few])
    by = {t: f1_score(Y_rest, scores[rest] > t, average="micro") for t in (0.5, one)}
    print(f"{name:15} F1 at 0.5: {by[0.5]:.3f}, at the chosen {one:.2g}: {by[one]:.3f}")

# %%
# CLIP gains. For the adapter 0.5 is about right on these pictures: by luck, not by right, since
# another radius of noise or another encoder moves it. So look. ``threshold`` is an ordinary
# parameter, and may be set after training too:
adapter.set_params(threshold=one)
print(labels[adapter.predict(scenes.images[:1])[0] == 1])

# %%
# One threshold a label
# ---------------------
#
# Label by label it is a short loop.
# (:class:`sklearn.model_selection.TunedThresholdClassifierCV` tunes binary classifiers only.) But
# 100 pictures show a label about ten times, and what is best for ten pictures may be chance. The
# mean with the common threshold, taken on logits, is steadier.
from scipy.special import expit, logit

scores = proba["adapter"]
own = np.array([best_threshold(Y_few[:, k], scores[few, k]) for k in range(len(labels))])
between = expit((logit(own) + logit(one)) / 2)

# %%
# Where false alarms are dear, ask for precision instead: the lowest threshold with a precision
# of 0.7 on the few pictures.
precision, _, _, thresholds = curves(Y_few, scores[few])
precise = thresholds[precision >= 0.7].min()

# %%
# All rules, on the pictures to judge by:
rules = {
    "0.5": 0.5,
    "one threshold": one,
    "one a label": own,
    "mean of these two": between,
    "precision 0.7": precise,
}
print(f"{'':18} precision  recall  F1 micro  F1 macro")
for name, threshold in rules.items():
    named = scores[rest] > threshold
    p, r, micro, _ = precision_recall_fscore_support(Y_rest, named, average="micro")
    macro = f1_score(Y_rest, named, average="macro")
    print(f"{name:18} {p:9.3f} {r:7.3f} {micro:9.3f} {macro:9.3f}")

# %%
# And label by label:
figure, ax = plt.subplots(figsize=(7, 5.2), layout="constrained")
f1 = {name: f1_score(Y_rest, scores[rest] > t, average=None) for name, t in rules.items()}
order = np.argsort(f1["one threshold"])
ax.hlines(
    range(len(labels)), f1["one threshold"][order], f1["one a label"][order], color="lightgrey"
)
for name, marker in [("one threshold", "D"), ("one a label", "o")]:
    ax.plot(f1[name][order], range(len(labels)), marker, label=name)
ax.set_yticks(range(len(labels)), labels[order])
ax.set(xlabel="F1 on the pictures to judge by")
_ = ax.legend()

# %%
# Some labels gain by a threshold of their own and others lose: with so few pictures to choose by,
# one threshold is the safer choice. None of this changes the ranking of the pictures, nor,
# therefore, mean average precision.
