"""
From scores to labels: thresholds
=================================

A classifier scores each label of each image. To decide which labels an image gets, it needs a
threshold; to say how sure it is, it needs calibrated probabilities. The default calibration was
measured on photos, and these pictures are not photos. This example chooses thresholds without
labelled images and with 25, and recalibrates the probabilities.
"""

# %%
# A classifier, and 25 images
# ---------------------------
#
# 25 pictures are used to choose thresholds, the others to judge them.
import textwrap

import matplotlib.pyplot as plt
import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import f1_score, precision_recall_curve

from sklearn_tai import (
    MultiLabelCalibratedClassifier,
    MultiLabelThresholdClassifier,
    OpenCLIPEncoder,
    PromptCorpusGenerator,
    TextAsImageClassifier,
)
from sklearn_tai.datasets import load_emoji_scenes
from sklearn_tai.inspection import ReliabilityDisplay
from sklearn_tai.metrics import expected_calibration_error

scenes, encoder = load_emoji_scenes(), OpenCLIPEncoder("tai-tiny")
labels = scenes.label_names
texts, Y = PromptCorpusGenerator(n_texts=1000, random_state=0).generate(labels)
clf = TextAsImageClassifier(encoder).fit(texts, Y)

images = encoder.transform(scenes.images)
few, rest = np.split(np.random.default_rng(0).permutation(len(images)), [25])
Y_few, Y_rest = scenes.Y[few], scenes.Y[rest]

# %%
# The best labels of each image need no threshold:
for best in clf.predict_top_k([scenes.images[i] for i in rest[:3]], k=3):
    print(", ".join(f"{label} {probability:.2f}" for label, probability in best))

# %%
# Thresholds without labels
# -------------------------
#
# Probabilities tell how many labels to expect, and so which threshold should give the best F1.
# :class:`~sklearn_tai.MultiLabelThresholdClassifier` only needs images like those you want to
# label. ``FrozenEstimator`` keeps the classifier as it is.
unlabelled = MultiLabelThresholdClassifier(FrozenEstimator(clf)).fit(images[few])
print(f"one threshold for all labels: {unlabelled.shared_threshold_:.3f}")

# %%
# A high threshold assigns few labels, most of them right: high precision. A low one misses few:
# high recall. F1, their harmonic mean, rewards a balance. All labels are counted together here
# ("micro"), on the pictures kept for judging.
proba = clf.predict_proba(images[rest])
precision, recall, thresholds = precision_recall_curve(Y_rest.ravel(), proba.ravel())
f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
figure, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
for name, values in [("precision", precision), ("recall", recall), ("F1", f1)]:
    ax.plot(thresholds, values[:-1], label=name)  # the last has no threshold
ax.axvline(0.5, color="grey", linestyle="--", label="0.5")
ax.axvline(unlabelled.shared_threshold_, color="black", linestyle=":", label="chosen")
ax.set(xlabel="threshold", xlim=(0, 1), ylim=(0, 1))
_ = ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

# %%
# Thresholds with 25 labelled images
# ----------------------------------
#
# With labelled images, each label gets its own threshold. 25 images show a label two or three
# times, and the best threshold for so few may be due to chance, so thresholds are pulled towards a
# common one (``shrinkage``).
labelled = MultiLabelThresholdClassifier(FrozenEstimator(clf)).fit(images[few], Y_few)
order = np.argsort(labelled.thresholds_)
figure, ax = plt.subplots(figsize=(6.5, 4.6), layout="constrained")
ax.plot(labelled.thresholds_[order], range(len(labels)), "o", label="with 25 labelled images")
ax.axvline(unlabelled.shared_threshold_, color="black", linestyle=":", label="without labels")
ax.axvline(0.5, color="grey", linestyle="--", label="0.5")
ticks = [f"{labels[k]} ({labelled.n_positives_[k]})" for k in order]
ax.set_yticks(range(len(labels)), ticks, fontsize=8)
ax.set(xlabel="threshold (in parentheses: positives among the 25)", xlim=(0, 0.6))
_ = ax.legend(fontsize=8)

# %%
# From indicator to names
# -----------------------
#
# ``predict`` returns an indicator, and ``inverse_transform`` turns it into label names. The lower
# thresholds find more labels, but also assign more wrong ones.
figure, axes = plt.subplots(1, 5, figsize=(10, 3.1), layout="constrained")
for ax, i in zip(axes, rest[3:]):
    rows = {"is": scenes.Y[[i]]}
    rows |= {"at 0.5": clf.predict(images[[i]]), "chosen": labelled.predict(images[[i]])}
    names = {name: ", ".join(clf.inverse_transform(row)[0]) for name, row in rows.items()}
    ax.imshow(scenes.images[i])
    ax.set_axis_off()
    lines = [textwrap.fill(f"{name}: {found or '-'}", 30) for name, found in names.items()]
    ax.set_title("\n".join(lines), fontsize=8, loc="left")

# %%
# Are the probabilities right?
# ----------------------------
#
# Of all labels with a probability of 0.3, three in ten should be right. A reliability diagram
# shows whether that holds, and :class:`~sklearn_tai.MultiLabelCalibratedClassifier` corrects the
# probabilities with the 25 images.
calibrated = MultiLabelCalibratedClassifier(FrozenEstimator(clf)).fit(images[few], Y_few)
figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for ax, one, name in zip(axes, (clf, calibrated), ("uncalibrated", "calibrated")):
    ReliabilityDisplay.from_estimator(one, images[rest], Y_rest, name=name, ax=ax)

# %%
# All methods, over five draws of the 25
# --------------------------------------
#
# F1 of all labels together ("micro") and its mean over the labels ("macro"), on the images that
# were not drawn. ECE is the expected calibration error: how far the curve above is from the
# diagonal.
results = {}
for seed in range(5):
    few, rest = np.split(np.random.default_rng(seed).permutation(len(images)), [25])
    X, y, X_rest, y_rest = images[few], scenes.Y[few], images[rest], scenes.Y[rest]
    calibrated = MultiLabelCalibratedClassifier(FrozenEstimator(clf)).fit(X, y)
    rules = {
        "predict": clf,
        "thresholds, no labels": MultiLabelThresholdClassifier(FrozenEstimator(clf)).fit(X),
        "thresholds, 25 labelled": MultiLabelThresholdClassifier(FrozenEstimator(clf)).fit(X, y),
        "calibrated, 0.5": calibrated,
        "calibrated, thresholds": MultiLabelThresholdClassifier(FrozenEstimator(calibrated)).fit(
            X_rest  # the images to be labelled themselves: no labels are needed
        ),
    }
    for name, rule in rules.items():
        named = rule.predict(X_rest)
        figures = [f1_score(y_rest, named, average=average) for average in ("micro", "macro")]
        figures.append(expected_calibration_error(y_rest, rule.predict_proba(X_rest)))
        results.setdefault(name, []).append(figures)

print(f"{'':24} {'F1 micro':>14} {'F1 macro':>14} {'ECE':>14}")
for name, values in results.items():
    cells = [f"{m:.3f} ± {s:.3f}" for m, s in zip(np.mean(values, axis=0), np.std(values, axis=0))]
    print(f"{name:24}" + "".join(f"{cell:>15}" for cell in cells))

# %%
# The classifier's default threshold does well. Other thresholds gain nothing here, where labels
# are about equally frequent and difficult; on photos they do (:doc:`/evidence/decisions`).
#
# 25 labelled images halve the calibration error: a label is on 10 % of these pictures, three times
# as often as on the photos that the default calibration is for. But a threshold of 0.5 does not
# suit calibrated probabilities: few labels are more likely present than absent, so few are
# assigned and F1 falls. Choose thresholds on top of the calibrated classifier. None of this
# changes the ranking of the pictures, so mean average precision stays the same.
