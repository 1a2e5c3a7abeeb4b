"""
Small objects, found in regions
===============================

CLIP embeds a whole picture in one vector, which is mostly about what is large in it. But its image
tower has looked at all parts of the picture, and the same pass yields an embedding of each. A
classifier scores these regions beside the whole, and can show where it sees what.
"""

# %%
# Whole pictures, and regions beside them
# ---------------------------------------
#
# Texts have no regions, so training does not change. ``region_weight=0`` looks at whole pictures
# alone; the default takes half of the score from the best regions.
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
    "whole alone": clf.set_params(region_weight=0).decision_function(images),
    "with regions": clf.set_params(region_weight="auto").decision_function(images),
}
precisions = {name: label_average_precisions(Y_images, own) for name, own in scores.items()}
for name, own in precisions.items():
    print(f"{name:12} mAP {own.mean():.3f}")

# %%
# Where is it?
# ------------
#
# This picture was picked because it gains much. It shows a traffic light and a potted plant, which
# the whole alone ranks low. The four best labels:
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
# The more there is in a picture, the smaller it is. How near to the top of its own ranking are the
# labels that a picture has? (1: all of them before all others.)
n_labels = Y_images.sum(axis=1)
groups = {"1": n_labels == 1, "2": n_labels == 2, "3 or more": n_labels > 2}
for group, rows in groups.items():
    values = ", ".join(
        f"{name} {label_ranking_average_precision_score(Y_images[rows], own[rows]):.2f}"
        for name, own in scores.items()
    )
    print(f"labels: {group:10} {rows.sum():3} pictures, {values}")

# %%
# Pictures that show several things gain, those with three most; those with one hardly change.
# :doc:`/evidence/regions` has what regions gain on real photos, and what they cost.
