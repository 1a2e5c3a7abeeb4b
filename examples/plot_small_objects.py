"""
Small objects, found in regions
===============================

CLIP embeds a whole picture in one vector, which is mostly about the largest things in it. But its
image tower has seen all parts of the picture, and the same pass yields an embedding of each. The
classifier scores these regions along with the whole picture, and can show where it sees what.
"""

# %%
# Whole pictures, without and with regions
# ----------------------------------------
#
# Texts have no regions, so training stays the same. With ``region_weight=0`` only whole pictures
# are scored; by default, half of the score comes from the best regions.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import label_ranking_average_precision_score

from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator, TextAsImageClassifier
from sklearn_tai.datasets import load_emoji_scenes
from sklearn_tai.inspection import RegionDisplay
from sklearn_tai.metrics import label_average_precisions

scenes = load_emoji_scenes()
labels, images, Y_images = np.array(scenes.label_names), scenes.images[:200], scenes.Y[:200]
texts, Y = PromptCorpusGenerator(n_texts=1000, random_state=0).generate(scenes.label_names)
clf = TextAsImageClassifier(OpenCLIPEncoder("tai-tiny")).fit(texts, Y)
scores = {
    "whole only": clf.set_params(region_weight=0).decision_function(images),
    "with regions": clf.set_params(region_weight="auto").decision_function(images),
}
precisions = {name: label_average_precisions(Y_images, own) for name, own in scores.items()}
for name, own in precisions.items():
    print(f"{name:12} mAP {own.mean():.3f}")

# %%
# Where is it?
# ------------
#
# This picture was chosen because it gains a lot. It shows a traffic light and a potted plant,
# which rank low when only the whole picture is scored. The four best labels:
for name, own in scores.items():
    print(f"{name:12} {', '.join(labels[np.argsort(-own[157])[:4]])}")

# %%
# :class:`~sklearn_tai.inspection.RegionDisplay` draws the probability of a label in each region
# over the picture. The bundled model has 3 × 3 regions; CLIP ViT-B/16 has 14 × 14.
_ = RegionDisplay.from_estimator(clf, images[157])

# %%
# Label by label
# --------------
figure, ax = plt.subplots(figsize=(6.5, 4.8), layout="constrained")
order = np.argsort(precisions["whole only"])
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
# The more things a picture shows, the smaller they are. How near the top of a picture's ranking
# are its true labels? (1: all of them before all others.)
n_labels = Y_images.sum(axis=1)
groups = {"1": n_labels == 1, "2": n_labels == 2, "3 or more": n_labels > 2}
for group, rows in groups.items():
    values = ", ".join(
        f"{name} {label_ranking_average_precision_score(Y_images[rows], own[rows]):.2f}"
        for name, own in scores.items()
    )
    print(f"labels: {group:10} {rows.sum():3} pictures, {values}")

# %%
# Pictures that show several things gain, those with three the most; those with one hardly change.
# See :doc:`/evidence/regions` for what regions gain on real photos and what they cost.
