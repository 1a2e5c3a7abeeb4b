"""
A plain scikit-learn pipeline
=============================

Everything here is a scikit-learn estimator, so you can also build a pipeline yourself: an encoder,
noise in training only, and any scikit-learn classifier. A grid search chooses the radius of the
noise and the strength of the regularisation together.
"""

# %%
# Three steps
# -----------
#
# :class:`~sklearn_tai.OpenCLIPEncoder` turns texts and images into embeddings.
# :class:`~sklearn_tai.RandomPerturbation` adds noise in ``fit`` and none in ``predict``. One
# logistic regression per label does the rest.
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline

from sklearn_tai import (
    OpenCLIPEncoder,
    PromptCorpusGenerator,
    RandomPerturbation,
    TextAsImageClassifier,
    ZeroShotClassifier,
)
from sklearn_tai.datasets import load_emoji_scenes
from sklearn_tai.inspection import PredictionDisplay, RadiusCurveDisplay
from sklearn_tai.metrics import map_scorer
from sklearn_tai.model_selection import CrossModalSplit

encoder = OpenCLIPEncoder("tai-tiny")
pipeline = Pipeline(
    [
        ("encoder", encoder),
        ("noise", RandomPerturbation(random_state=0)),
        ("classifier", OneVsRestClassifier(LogisticRegression(max_iter=1000))),
    ]
)

# %%
# Radius and regularisation together
# ----------------------------------
#
# Texts are for training, a quarter of the pictures for choosing parameters, the others for
# scoring. :class:`~sklearn_tai.model_selection.CrossModalSplit` trains on the texts among the
# items and scores on the pictures. The encoder keeps embeddings in memory, so nothing is encoded
# twice for the 12 candidates.
scenes = load_emoji_scenes()
labels = scenes.label_names
texts, Y = PromptCorpusGenerator(n_texts=1000, random_state=0).generate(labels)
few, rest = np.split(np.random.default_rng(0).permutation(len(scenes.images)), [100])
search = GridSearchCV(
    pipeline,
    {"noise__radius": [0, 1, 2.5, 5], "classifier__estimator__C": [0.001, 0.01, 1]},
    scoring=map_scorer,
    cv=CrossModalSplit(),
    refit=False,
)
search.fit([*texts, *(scenes.images[i] for i in few)], np.vstack([Y, scenes.Y[few]]))
print("best:", search.best_params_)

# %%
display = RadiusCurveDisplay.from_search(search)
_ = display.ax_.set(ylabel="mean average precision", title="scored on 100 pictures")

# %%
# For a linear model, noise and a small ``C`` do similar work: both keep it from relying on single
# directions that only texts have. With a large ``C`` some noise helps; with a small one it is
# hardly needed.
#
# The best candidate, trained on the texts:
chosen = pipeline.set_params(**search.best_params_)
chosen.fit(texts, Y)

# %%
pictures = [scenes.images[i] for i in rest]
scores = {
    "zero-shot CLIP": ZeroShotClassifier(labels, encoder).fit(),
    "this pipeline": chosen,
    "TextAsImageClassifier": TextAsImageClassifier(encoder).fit(texts, Y),
}
for name, clf in scores.items():
    print(f"{name:22} {map_scorer(clf, pictures, scenes.Y[rest]):.3f}")

# %%
# The pipeline takes pictures directly. ✓ marks right labels, ✗ wrong ones.
_ = PredictionDisplay.from_estimator(
    chosen, pictures[:12], scenes.Y[rest[:12]], label_names=labels, n_columns=6
)

# %%
# Where the adapter differs
# -------------------------
#
# A pipeline draws the noise once, in ``fit_transform``, and the linear model learns from that one
# draw. :class:`~sklearn_tai.TextAsImageClassifier` learns from all possible draws at once, in
# closed form. It scores higher and needs no images to choose its noise. There, too, any
# multi-label classifier of scikit-learn can replace the kernel: pass it as ``adapter``.
