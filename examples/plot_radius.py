"""
Choosing a radius
=================

Texts and images lie in different regions of CLIP's space. Noise around the training texts makes a
classifier of texts one of images, and how much noise is best differs from encoder to encoder. The
default, "auto", is set by the texts. This example compares it with a search, by a few labelled
images and by texts alone, for the kernel adapter and for a trained network.
"""

# %%
# Texts to learn from, few images to choose by
# --------------------------------------------
#
# Two images for each label choose. All the other pictures only judge the choice, in the end.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV

from sklearn_tai import (
    MLPAdapter,
    OpenCLIPEncoder,
    PromptCorpusGenerator,
    TextAsImageClassifier,
)
from sklearn_tai.datasets import load_emoji_scenes
from sklearn_tai.inspection import RadiusCurveDisplay
from sklearn_tai.model_selection import CrossModalSplit, few_shot_indices

scenes = load_emoji_scenes()
texts, Y = PromptCorpusGenerator(n_texts=1000, random_state=0).generate(scenes.label_names)
few = few_shot_indices(scenes.Y, n_shots=2, random_state=0)
others = np.setdiff1d(np.arange(len(scenes.images)), few)
print(f"{len(texts)} texts, {len(few)} images to choose by, {len(others)} to judge by")

# %%
# The default
# -----------
#
# The kernel adapter gives a picture the labels of the texts near it, and the radius says how near:
# at 0 only the nearest text counts, and with a large radius all texts do, nearly alike. "auto" is
# in proportion to the root of how much the cosines between the texts spread.
encoder = OpenCLIPEncoder("tai-tiny")
clf = TextAsImageClassifier(encoder).fit(texts, Y)
norm = np.linalg.norm(encoder.transform(texts), axis=1).mean()
auto = float(clf.perturbation_.radius_ / norm)
print(f"auto: {auto:.2f} mean norms of the texts")

# %%
# A search
# --------
#
# :class:`~sklearn_tai.model_selection.CrossModalSplit` learns from the texts and scores on the
# images. The list may mix both; strings are texts. The encoder keeps what it has encoded, so a
# search encodes every item once.
grid = {"perturbation__radius": [0, 1, 2, 3, 4, 5, 7]}
items = [*texts, *(scenes.images[i] for i in few)]
by_images = GridSearchCV(clf, grid, cv=CrossModalSplit(), refit=False)
by_images.fit(items, np.vstack([Y, scenes.Y[few]]))
print("kernel, chosen by images:", by_images.best_params_)

# %%
# Plain cross-validation takes texts alone: it learns from some, scores the others, and warns.
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("default")
    by_texts = GridSearchCV(clf, grid, cv=2, refit=False).fit(texts, Y)
print("kernel, chosen by texts: ", by_texts.best_params_)
print("Warning:", caught[0].message)

# %%
# Which of them is right? The other pictures say so. Small sets of pictures score higher or lower
# as a whole, so compare where the curves peak, not how high they are.
figure, ax = plt.subplots(figsize=(6, 3.8), layout="constrained")
display = RadiusCurveDisplay.from_search(by_images, ax=ax)
display.lines_[0].set_label(f"{len(few)} images, to choose by")
judged = [*texts, *(scenes.images[i] for i in others)], np.vstack([Y, scenes.Y[others]])
kernel = RadiusCurveDisplay.from_estimator(clf, *judged, radii=grid["perturbation__radius"], ax=ax)
kernel.lines_[0].set_label(f"{len(others)} other pictures")
ax.axvline(auto, color="grey", linestyle="--", label="auto")
ax.set(ylabel="mean average precision", title="the kernel, scored on images")
_ = ax.legend()

# %%
truth = dict(zip(kernel.radii.tolist(), kernel.scores[""].mean(axis=1)))
for name, search in [("images", by_images), ("texts", by_texts)]:
    radius = search.best_params_["perturbation__radius"]
    print(f"chosen by {name:6}: radius {radius:<4} scores {truth[radius]:.3f} on the others")
score = clf.score([scenes.images[i] for i in others], scenes.Y[others])
print(f"auto            : radius {auto:<4.1f} scores {score:.3f}")
print(f"best of all     : radius {max(truth, key=truth.get):<4} scores {max(truth.values()):.3f}")

# %%
# "auto", which has seen no image, is as good as the best of the search. The top of the curve is
# broad, so near it little hangs on the radius.
#
# A trained network
# -----------------
#
# The paper trains a network on the noisy texts instead, :class:`~sklearn_tai.MLPAdapter`. The
# radius means the same there. Layers are small here and epochs few, to be quick.
adapter = MLPAdapter((256,) * 3, max_lr=1e-3, max_epochs=20, random_state=0)
network = TextAsImageClassifier(encoder, adapter=adapter)
few_radii = {"perturbation__radius": [0, 1, 2.5, 4, 7]}
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # as above
    network_by_texts = GridSearchCV(network, few_radii, cv=2, refit=False).fit(texts, Y)
print("network, chosen by texts:", network_by_texts.best_params_)

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for name, search in [("kernel", by_texts), ("network", network_by_texts)]:
    display = RadiusCurveDisplay.from_search(search, ax=left)
    display.lines_[0].set_label(name)
left.set(title="scored on texts", ylabel="mean average precision")

kernel.plot(ax=right)
kernel.lines_[0].set_label("kernel")
trained = RadiusCurveDisplay.from_estimator(
    network, *judged, radii=few_radii["perturbation__radius"], ax=right
)
trained.lines_[0].set_label("network")
right.set(title=f"scored on {len(others)} pictures", ylabel="mean average precision")
for ax in (left, right):
    ax.axvline(auto, color="grey", linestyle="--", label="auto")
    ax.legend()

for name, display, search in [
    ("kernel", kernel, by_texts),
    ("network", trained, network_by_texts),
]:
    on_texts = search.cv_results_["mean_test_score"]
    for radius, one, two in zip(display.radii, on_texts, display.scores[""].mean(axis=1)):
        print(f"{name:7}, radius {radius:<4g} {one:.3f} on texts, {two:.3f} on pictures")

# %%
# Texts mislead about the network: among themselves there is no gap to cross, so noise only harms
# there, and they choose none. On pictures it takes some. Choose its radius by images.
#
# The kernel is another matter: its radius also says how many texts have a say, and a single one is
# a poor witness among texts too. So here texts choose well, though that is not to be relied on
# where "auto" is at hand. With the right radius it scores higher on pictures than the network,
# and its best radius is larger.
#
# Next: :ref:`sphx_glr_auto_examples_plot_few_shot.py` makes more of a few images.
