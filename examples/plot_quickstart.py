"""
From words to labelled pictures
===============================

A list of labels is all it takes. A classifier learns from texts about the labels, then labels
pictures without ever having seen one.
"""

# %%
# Labels
# ------
#
# There are twenty labels, and 400 pictures to try them on. The pictures are not used in training.
import matplotlib.pyplot as plt
import numpy as np

from sklearn_tai import (
    OpenCLIPEncoder,
    PromptCorpusGenerator,
    TextAsImageClassifier,
    ZeroShotClassifier,
)
from sklearn_tai.datasets import load_emoji_scenes
from sklearn_tai.inspection import PredictionDisplay

scenes = load_emoji_scenes()
labels = scenes.label_names
print(", ".join(labels))

# %%
# Texts
# -----
#
# The texts are made from templates, so their labels are known: ``Y`` has one row per text and one
# column per label.
texts, Y = PromptCorpusGenerator(n_texts=1000, random_state=0).generate(labels)
for text, row in zip(texts[:4], Y):
    print(f"{text}\n    -> {', '.join(labels[k] for k in np.flatnonzero(row))}")

# %%
# Fit
# ---
#
# The small CLIP model inside the package needs no network. For photos use ``OpenCLIPEncoder()``,
# which downloads OpenAI's CLIP once. To fit, the classifier only encodes the texts: a picture gets
# the labels of the texts most similar to it.
encoder = OpenCLIPEncoder("tai-tiny")
clf = TextAsImageClassifier(encoder)
clf.fit(texts, Y)

# %%
# Labelled pictures
# -----------------
#
# Each picture is shown with its labels above the threshold or, if there are none, its most
# probable label in parentheses. ✓ marks right labels, ✗ wrong ones.
shown = np.random.default_rng(1).choice(len(scenes.images), 18, replace=False)
_ = PredictionDisplay.from_estimator(
    clf, [scenes.images[i] for i in shown], scenes.Y[shown], label_names=labels, n_columns=6
)

# %%
# Is it better than CLIP without training?
# ----------------------------------------
#
# Zero-shot CLIP compares a picture with the label names, without training. The score is the mean
# average precision over the labels: 1 if, for each label, all pictures that have it rank before
# all that do not. Chance is the share of positives.
scores = {
    "chance": scenes.Y.mean(),
    "zero-shot CLIP": ZeroShotClassifier(labels, encoder).fit().score(scenes.images, scenes.Y),
    "trained on texts": clf.score(scenes.images, scenes.Y),
}
for name, value in scores.items():
    print(f"{name:17} {value:.3f}")

figure, ax = plt.subplots(figsize=(6, 2), layout="constrained")
bars = ax.barh(list(scores), list(scores.values()), color=["lightgrey", "tab:grey", "tab:blue"])
ax.bar_label(bars, fmt="%.3f", padding=4)
ax.invert_yaxis()
_ = ax.set(xlabel=f"mean average precision on {len(scenes.images)} pictures", xlim=(0, 0.75))

# %%
# The radius sets how similar a text must be to count; the default suits these pictures
# (:ref:`sphx_glr_auto_examples_plot_radius.py`). If a picture shows several things, some are
# easily missed; regions, which are on by default, help to find them
# (:ref:`sphx_glr_auto_examples_plot_small_objects.py`). On other pictures and with other encoders
# the gain may be smaller or none, so compare on your own images.
