"""
From words to labelled pictures
===============================

A list of labels is all it takes. Texts about the labels train a classifier, which then labels
pictures it has never seen the like of.
"""

# %%
# Labels
# ------
#
# Twenty of them, and 400 pictures to try them on. The pictures take no part in the training.
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
# Made from templates, so that the labels of each text are known: ``Y`` has a row for each text and
# a column for each label.
texts, Y = PromptCorpusGenerator(n_texts=1000, random_state=0).generate(labels)
for text, row in zip(texts[:4], Y):
    print(f"{text}\n    -> {', '.join(labels[k] for k in np.flatnonzero(row))}")

# %%
# Fit
# ---
#
# The small CLIP model inside the package needs no network. For photos take ``OpenCLIPEncoder()``,
# which downloads OpenAI's CLIP once. Fitting is encoding the texts, no more: a picture gets the
# labels of the texts that are most like it.
encoder = OpenCLIPEncoder("tai-tiny")
clf = TextAsImageClassifier(encoder)
clf.fit(texts, Y)

# %%
# Labelled pictures
# -----------------
#
# Those above the threshold, or else the likeliest one in parentheses. ✓ marks labels that the
# picture has, ✗ those that it has not.
shown = np.random.default_rng(1).choice(len(scenes.images), 18, replace=False)
_ = PredictionDisplay.from_estimator(
    clf, [scenes.images[i] for i in shown], scenes.Y[shown], label_names=labels, n_columns=6
)

# %%
# Is it better than CLIP as it is?
# --------------------------------
#
# Zero-shot CLIP compares a picture with the names of the labels, without training. The score is
# mean average precision over the labels: 1 if, for each label, all pictures that have it come
# before all that have not. Chance is the share of positives.
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
_ = ax.set(xlabel=f"mean average precision on {len(scenes.images)} pictures", xlim=(0, 0.65))

# %%
# How like a text has to be to have a say is set by the radius, and the default suits these
# pictures: :ref:`sphx_glr_auto_examples_plot_radius.py`. Where a picture shows several things,
# some are often missed; regions, which are on by default, find more of them:
# :ref:`sphx_glr_auto_examples_plot_small_objects.py`. On other pictures and with other encoders
# the gain may be smaller or none, so compare on images of your own.
