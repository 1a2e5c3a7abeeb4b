"""
The embedding space
===================

CLIP embeds texts and images in one space, but not in the same part of it. This modality gap is why
a classifier trained on texts fails on images, and why noise helps. This example makes it visible.
"""

# %%
# The gap
# -------
#
# We take 1,000 texts and 400 pictures about the same 20 labels. Two texts are more alike than a
# text and an image.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize

from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator, RandomPerturbation
from sklearn_tai.datasets import load_emoji_scenes
from sklearn_tai.inspection import EmbeddingDisplay

scenes = load_emoji_scenes()
encoder = OpenCLIPEncoder("tai-tiny")
texts, Y = PromptCorpusGenerator(n_texts=1000, random_state=0).generate(scenes.label_names)
T, images = encoder.transform(texts), encoder.transform(scenes.images)

unit_T, unit_images = normalize(T), normalize(images)
print("mean cosine similarity")
print(f"  of two texts            {(unit_T @ unit_T.T).mean():.2f}")
print(f"  of two images           {(unit_images @ unit_images.T).mean():.2f}")
print(f"  of a text and an image  {(unit_T @ unit_images.T).mean():.2f}")

# %%
# The gap is best seen along the line from the mean of the texts to the mean of the images. The
# other axis is the direction in which everything varies most once that line is removed. Lengths
# are in mean norms of the texts, like radii.
norm = np.linalg.norm(T, axis=1).mean()
gap = (images.mean(axis=0) - T.mean(axis=0)) / norm
across = gap / np.linalg.norm(gap)
both = np.vstack([T, images]) / norm
beside = PCA(1).fit(both - np.outer(both @ across, across)).components_[0]
print(f"length of the gap: {np.linalg.norm(gap):.2f} norms")

figure, ax = plt.subplots(figsize=(6, 4.2), layout="constrained")
for name, X, colour in [("texts", T, "tab:blue"), ("images", images, "tab:orange")]:
    ax.scatter(X @ across / norm, X @ beside / norm, s=9, alpha=0.5, color=colour, label=name)
ax.set(xlabel="across the gap (norms)", ylabel="largest other direction (norms)")
_ = ax.legend()

# %%
# What noise does
# ---------------
#
# :class:`~sklearn_tai.RandomPerturbation` moves each text by a random vector of a fixed length,
# the radius. In a space of many dimensions, a long random vector is short in every single
# direction: about radius / sqrt(dimension). So noise does not move the texts over to the images.
# It blurs them, in this direction and all others. Texts and images overlap more, and a classifier
# can no longer rely on differences finer than the gap. The last radius here is the default,
# "auto", which depends on how far apart the texts are.
print(f"{T.shape[1]} dimensions")
figure, axes = plt.subplots(3, 1, figsize=(6, 5), sharex=True, layout="constrained")
bins = np.linspace(-1, 0.7, 60)
for ax, radius in zip(axes, (0, 1, "auto")):
    noise = RandomPerturbation(radius, random_state=0)
    noisy = noise.fit_transform(T)
    radius = f"{noise.radius_ / norm:.1f}"
    ax.hist(noisy @ across / norm, bins, density=True, alpha=0.6, label="texts")
    ax.hist(images @ across / norm, bins, density=True, alpha=0.6, label="images")
    ax.set(title=f"radius {radius}", yticks=[])
    print(f"radius {radius}: texts spread by {np.std(noisy @ across) / norm:.2f} norms here")
axes[0].legend()
_ = axes[-1].set_xlabel("across the gap (norms)")

# %%
# Too much noise drowns the labels as well: see :ref:`sphx_glr_auto_examples_plot_radius.py`.
#
# Labels on both sides
# --------------------
#
# :class:`~sklearn_tai.inspection.EmbeddingDisplay` draws neighbourhoods with t-SNE, for the most
# common combinations of labels; here these are single labels. Dots are texts, triangles are
# images. Each label's texts stay close together. Its images are scattered, for some labels near
# the texts, for others far away.
#
# Stars are the means of the images drawn. Crosses are where
# :class:`~sklearn_tai.ShiftedPerturbation` expects these means: at the mean of all images that
# show the label, whatever else they show. Other objects pull the crosses towards the middle, so
# they are closer together than the stars.
X = np.vstack([T, images])
modality = np.repeat(["text", "image"], [len(T), len(images)])
_ = EmbeddingDisplay.from_embeddings(
    X,
    np.vstack([Y, scenes.Y]),
    modality,
    label_names=scenes.label_names,
    n_combinations=6,
    random_state=0,
)
