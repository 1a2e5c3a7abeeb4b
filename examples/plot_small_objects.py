"""
Small objects, found in tiles
=============================

CLIP embeds a whole picture in one vector, which is mostly about what is large in it. A tile of the
picture shows small things large. :class:`~sklearn_tai.MultiCropClassifier` scores the whole and
its tiles and makes one score a label of them. The classifier within stays as it is: texts have no
tiles.
"""

# %%
# A classifier as it is, and with tiles
# -------------------------------------
#
# ``FrozenEstimator`` keeps the fitted classifier. Five crops are the whole and 2 × 2 tiles, and
# take about five times as long to encode.
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import label_ranking_average_precision_score

from sklearn_tai import (
    MultiCropClassifier,
    OpenCLIPEncoder,
    PromptCorpusGenerator,
    TextAsImageClassifier,
)
from sklearn_tai.datasets import load_emoji_scenes
from sklearn_tai.metrics import label_average_precisions

scenes = load_emoji_scenes()
labels = np.array(scenes.label_names)
texts, Y = PromptCorpusGenerator(n_texts=1000, random_state=0).generate(scenes.label_names)
clf = TextAsImageClassifier(OpenCLIPEncoder("tai-tiny")).fit(texts, Y)
tiled = MultiCropClassifier(FrozenEstimator(clf), n_crops=5).fit()

# %%
# One picture
# -----------
#
# It was picked because it gains much. Tiles have the shape of the picture and 60 % of its side, so
# that what one cuts through is whole in another.
picture, present = scenes.images[192], scenes.Y[192]
length = picture.width
side = 0.6 * length
corners = [(x, y) for y in (0, length - side) for x in (0, length - side)]
tiles = [picture.crop((round(x), round(y), round(x + side), round(y + side))) for x, y in corners]

figure = plt.figure(figsize=(9, 4.6), layout="constrained")
axes = figure.subplot_mosaic("WWAB;WWCD")
colours = ["tab:red", "tab:blue", "tab:green", "tab:orange"]
axes["W"].imshow(picture)
for (x, y), colour in zip(corners, colours):
    frame = Rectangle((x + 1, y + 1), side - 3, side - 3, fill=False, color=colour, linewidth=3)
    axes["W"].add_patch(frame)
best_of = clf.predict_top_k([picture, *tiles], k=2)
for name, image, best in zip("WABCD", [picture, *tiles], best_of):
    axes[name].imshow(image)
    axes[name].set_axis_off()
    axes[name].set_title("\n".join(f"{label} {p:.2f}" for label, p in best), fontsize=10)
for name, colour in zip("ABCD", colours):
    axes[name].title.set_color(colour)

# %%
# The result is a weighted mean of the whole's score and the tiles', with more weight on the tiles
# where the label scores high.
whole, pooled = clf.predict_proba([picture])[0], tiled.predict_proba([picture])[0]
shown = np.argsort(pooled)[-7:]
figure, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
rows = np.arange(len(shown))
ax.barh(rows + 0.2, pooled[shown], 0.4, color="tab:blue", label="whole and tiles")
ax.barh(rows - 0.2, whole[shown], 0.4, color="lightgrey", label="whole alone")
ax.set_yticks(rows, [f"{labels[k]} ✓" if present[k] else labels[k] for k in shown])
ax.set(xlabel="probability (✓: is in the picture)", xlim=(0, 1))
_ = ax.legend(loc="lower right")

# %%
# 200 pictures
# ------------
images, Y_images = scenes.images[:200], scenes.Y[:200]
scores = {
    "whole alone": clf.decision_function(images),
    "whole and tiles": tiled.decision_function(images),
}
precisions = {name: label_average_precisions(Y_images, own) for name, own in scores.items()}
for name, own in precisions.items():
    print(f"{name:16} mAP {own.mean():.3f}")

# %%
# Label by label:
figure, ax = plt.subplots(figsize=(6.5, 4.8), layout="constrained")
order = np.argsort(precisions["whole alone"])
ax.hlines(range(len(labels)), *(own[order] for own in precisions.values()), color="lightgrey")
for (name, own), colour in zip(precisions.items(), ["grey", "tab:blue"]):
    ax.plot(own[order], range(len(labels)), "o", color=colour, label=name)
ax.set_yticks(range(len(labels)), labels[order], fontsize=9)
ax.set(xlabel="average precision")
_ = ax.legend(loc="lower right")

# %%
# Which pictures gain?
# --------------------
#
# The more there is in a picture, the smaller it is. So look at pictures with one label, two, and
# more: how near to the top of its own ranking are the labels that a picture has? (1: all of them
# before all others.)
n_labels = Y_images.sum(axis=1)
groups = {"1": n_labels == 1, "2": n_labels == 2, "3 or more": n_labels > 2}
ranking = {
    name: [label_ranking_average_precision_score(Y_images[g], own[g]) for g in groups.values()]
    for name, own in scores.items()
}
for i, (group, members) in enumerate(groups.items()):
    values = ", ".join(f"{name} {own[i]:.3f}" for name, own in ranking.items())
    print(f"labels: {group:10} {members.sum():3} pictures, {values}")

figure, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
for shift, (name, own), colour in zip((-0.2, 0.2), ranking.items(), ["lightgrey", "tab:blue"]):
    bars = ax.bar(np.arange(len(groups)) + shift, own, 0.4, color=colour, label=name)
    ax.bar_label(bars, fmt="%.2f", fontsize=9)
ax.set_xticks(range(len(groups)), groups)
ax.set(xlabel="labels in the picture", ylabel="ranking of its labels", ylim=(0, 1))
_ = ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

# %%
# Pictures with two labels or more gain, those with three most. Pictures with one lose: tiles show
# a part of its object, or the other things around. So tiles are for scenes; where pictures show
# single things, leave them. :doc:`/guide/crops` has more tiles, other ways to pool, and what they
# cost.
