"""
From words to labelled pictures
===============================

A list of labels is all it takes. A classifier learns from texts about the labels, then labels
pictures without ever having seen one.
"""

# %%
# Texts with known labels, made from templates.
from sklearn_tai import (
    OpenCLIPEncoder,
    PromptCorpusGenerator,
    RandomPerturbation,
    TextAsImageClassifier,
    ZeroShotClassifier,
)
from sklearn_tai.datasets import load_emoji_scenes

scenes = load_emoji_scenes()
labels = scenes.label_names
texts, Y = PromptCorpusGenerator(n_texts=1000, random_state=0).generate(labels)
print(f"{len(labels)} labels: {', '.join(labels)}")
for text in texts[:3]:
    print(f"  {text}")

# %%
# The small CLIP model inside the package needs no network. For photos use ``OpenCLIPEncoder()``,
# which downloads OpenAI's CLIP once.
encoder = OpenCLIPEncoder("tai-tiny", verbose=1)

# %%
# Encode once, so that three classifiers can share the embeddings.
text_embeddings = encoder.transform(texts)
image_embeddings = encoder.transform(scenes.images)

# %%
# Compare CLIP without training, the adapter without noise, which takes the labels of the nearest
# text, and the adapter with its default noise.
zero_shot = ZeroShotClassifier(labels, encoder).fit()
no_noise = TextAsImageClassifier(encoder, RandomPerturbation(0)).fit(text_embeddings, Y)
clf = TextAsImageClassifier(encoder).fit(text_embeddings, Y)

print(f"\nmean average precision on {len(scenes.images)} pictures")
for name, estimator in [
    ("zero-shot CLIP", zero_shot),
    ("adapter, radius 0", no_noise),
    ("adapter, default radius", clf),
]:
    print(f"  {name:24} {estimator.score(image_embeddings, scenes.Y):.3f}")

# %%
# Draw pictures with their most probable labels, as many as each picture has. Wrong ones are red.
import matplotlib.pyplot as plt
import numpy as np

shown = np.random.default_rng(1).choice(len(scenes.images), 24, replace=False)
proba = clf.predict_proba(image_embeddings[shown])
figure, axes = plt.subplots(4, 6, figsize=(12, 9.6), layout="constrained")
for ax, i, row in zip(axes.flat, shown, proba):
    ax.imshow(scenes.images[i])
    ax.set_axis_off()
    top = np.argsort(-row)[: max(1, scenes.Y[i].sum())]
    for line, k in enumerate(top):
        ax.text(
            0.5,
            -0.03 - 0.1 * line,
            f"{labels[k]} {row[k]:.0%}",
            color="black" if scenes.Y[i, k] else "crimson",
            ha="center",
            va="top",
            fontsize=10,
            transform=ax.transAxes,
        )
figure.suptitle("Trained on texts alone", fontsize=14)
figure.savefig("emoji_scenes_predictions.png", dpi=110)
print("\npicture: emoji_scenes_predictions.png")
