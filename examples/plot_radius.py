"""
Choosing a radius
=================

Texts and images lie in different regions of CLIP's space. Noise around the training texts
carries a classifier across. How much noise is best differs from encoder to encoder, so it
has to be chosen. This example shows why texts cannot choose it, and how a few labelled
images can.
"""

# %%
# Texts to train on, few images to choose by
# ------------------------------------------
#
# Two images for each label choose. All the other pictures only judge the choice, in the end.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV

from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator, TextAsImageClassifier
from sklearn_tai.datasets import load_emoji_scenes
from sklearn_tai.inspection import RadiusCurveDisplay
from sklearn_tai.model_selection import CrossModalSplit, few_shot_indices

scenes = load_emoji_scenes()
texts, Y = PromptCorpusGenerator(n_texts=1000, random_state=0).generate(scenes.label_names)
few = few_shot_indices(scenes.Y, n_shots=2, random_state=0)
others = np.setdiff1d(np.arange(len(scenes.images)), few)
print(f"{len(texts)} texts, {len(few)} images to choose by, {len(others)} to judge by")

# %%
# The encoder keeps what it has encoded, so a search encodes every item once. One small layer
# and few epochs are quick; the defaults are the paper's.
clf = TextAsImageClassifier(
    OpenCLIPEncoder("tai-tiny"),
    hidden_sizes=(256,),
    max_lr=1e-2,
    max_epochs=30,
    random_state=0,
)
grid = {"perturbation__radius": [0, 1, 2.5, 5]}

# %%
# Texts mislead
# -------------
#
# Plain cross-validation trains on texts and scores on texts. Among texts there is no gap to
# cross: noise only blurs, and a small radius seems best.
by_texts = GridSearchCV(clf, grid, cv=2, refit=False).fit(texts, Y)
print("chosen by texts: ", by_texts.best_params_)

# %%
# Images tell
# -----------
#
# :class:`~sklearn_tai.model_selection.CrossModalSplit` trains on the texts and scores on the
# images. The list may mix both; strings are texts.
items = [*texts, *(scenes.images[i] for i in few)]
by_images = GridSearchCV(clf, grid, cv=CrossModalSplit())
by_images.fit(items, np.vstack([Y, scenes.Y[few]]))
print("chosen by images:", by_images.best_params_)

# %%
# Which of them is right? The other pictures say so. Small sets of pictures score higher or lower
# as a whole, so compare where the curves peak, not how high they are.
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
RadiusCurveDisplay.from_search(by_texts, ax=left)
left.set(title="scored on texts", ylabel="mean average precision")

display = RadiusCurveDisplay.from_search(by_images, ax=right)
display.lines_[0].set_label(f"{len(few)} images, to choose by")
display = RadiusCurveDisplay.from_estimator(
    clf,
    [*texts, *(scenes.images[i] for i in others)],
    np.vstack([Y, scenes.Y[others]]),
    radii=grid["perturbation__radius"],
    ax=right,
)
display.lines_[0].set_label(f"{len(others)} other pictures")
right.set(title="scored on images", ylabel="mean average precision")
_ = right.legend()

# %%
truth = dict(zip(display.radii.tolist(), display.scores[""].mean(axis=1)))
for name, search in [("texts", by_texts), ("images", by_images)]:
    radius = search.best_params_["perturbation__radius"]
    print(
        f"chosen by {name:6}: radius {radius:<4} scores {truth[radius]:.3f} on the other pictures"
    )
print(f"best of all     : radius {max(truth, key=truth.get):<4} scores {max(truth.values()):.3f}")

# %%
# By default a search fits the best candidate again, on all it was given: here, on texts and the
# few images. Next: :ref:`sphx_glr_auto_examples_plot_few_shot.py` makes more of them.
