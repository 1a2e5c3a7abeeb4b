"""
New labels for a fitted classifier
==================================

Lists of labels are seldom complete: someone asks for three more when the classifier has long been
in use. The kernel adapter stores its texts and trains nothing. So it can learn texts about new
labels with ``partial_fit``, and ends up the same as if it had known them from the start.
"""

# %%
# A classifier that lacks three labels
# ------------------------------------
#
# ``Y`` knows the names of its labels, and so does the classifier that is fitted on it.
import time

import matplotlib.pyplot as plt
import numpy as np

from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator, TextAsImageClassifier
from sklearn_tai.datasets import load_emoji_scenes
from sklearn_tai.metrics import label_average_precisions

scenes, encoder = load_emoji_scenes(), OpenCLIPEncoder("tai-tiny")
new = ["bicycle", "sheep", "traffic light"]
known = [label for label in scenes.label_names if label not in new]
truth = scenes.Y[:, [scenes.label_names.index(label) for label in known + new]]

texts, Y = PromptCorpusGenerator(n_texts=850, random_state=0).generate(known)
clf = TextAsImageClassifier(encoder).fit(texts, Y)
before = clf.predict_proba(scenes.images)
print(f"{len(clf.classes_)} labels, mAP {clf.score(scenes.images, truth[:, : len(known)]):.3f}")

# %%
# Pictures of things that it does not know get labels that it knows:
alone = truth.sum(axis=1) == 1
shown = [int(np.flatnonzero(row & alone)[0]) for row in truth.T[len(known) :]]
pictures = [scenes.images[i] for i in shown]
tops = {"before": clf.predict_top_k(pictures, k=2)}
for label, best in zip(new, tops["before"]):
    print(f"{label:13} -> " + ", ".join(f"{name} {p:.2f}" for name, p in best))

# %%
# Texts about the new labels
# --------------------------
#
# These texts should also show which labels the new ones occur with. So we generate texts about all
# labels, and keep those that mention a new one.
more, Y_more = PromptCorpusGenerator(n_texts=500, random_state=1).generate(known + new)
about_new = np.flatnonzero(Y_more[:, len(known) :].any(axis=1))
more = [more[i] for i in about_new]
Y_more = Y_more[about_new]
print(f"{len(more)} new texts, such as: {more[0]}")

# %%
# Once they are encoded, learning them takes milliseconds.
start = time.perf_counter()
encoder.transform(more)
encoded = time.perf_counter()
clf.partial_fit(more, Y_more)
learnt = time.perf_counter()
print(f"to encode: {encoded - start:.1f} s, to learn: {1000 * (learnt - encoded):.0f} ms")
print("classes_:", ", ".join(clf.classes_))

# %%
# The same pictures now:
tops["after"] = clf.predict_top_k(pictures, k=2)
figure, axes = plt.subplots(1, 3, figsize=(8, 3.2), layout="constrained")
for i, ax in enumerate(axes):
    ax.imshow(pictures[i])
    ax.set_axis_off()
    lines = (
        f"{name}: " + ", ".join(f"{label} {p:.2f}" for label, p in best[i])
        for name, best in tops.items()
    )
    ax.set_title("\n".join(lines), fontsize=8, loc="left")

# %%
# The bicycle and the traffic light are found now. The sheep is not: knowing a label does not
# guarantee that it is recognised in every picture.
#
# As good as fitting from scratch?
# --------------------------------
#
# It is the same classifier.
Y_old = np.hstack([Y, np.zeros((len(Y), len(new)), dtype=int)])  # old texts have no new label
scratch = TextAsImageClassifier(encoder).fit([*texts, *more], np.vstack([Y_old, Y_more]))
after = clf.predict_proba(scenes.images)
print(f"largest difference: {np.abs(after - scratch.predict_proba(scenes.images)).max():.0e}")
print(f"mAP after partial_fit: {clf.score(scenes.images, truth):.4f}")
print(f"mAP from scratch:      {scratch.score(scenes.images, truth):.4f}")

# %%
# And has it forgotten anything?
old = label_average_precisions(truth[:, : len(known)], before)
kept, learnt = np.split(label_average_precisions(truth, after), [len(known)])
print(f"mAP of the {len(known)} old labels: {old.mean():.3f} before, {kept.mean():.3f} after")
print(f"mAP of the {len(new)} new labels: {learnt.mean():.3f}")

motorbike, bicycle = ((known + new).index(label) for label in ("motorbike", "bicycle"))
bicycles = (truth[:, bicycle] == 1) & (truth[:, motorbike] == 0)
for name, proba in [("before", before), ("after", after)]:
    best = np.argsort(proba[:, motorbike])[-30:]
    print(f"bicycles among the best 30 for motorbike {name}: {bicycles[best].sum()}")

figure, ax = plt.subplots(figsize=(6.5, 4.8), layout="constrained")
order = np.argsort(old)
ax.hlines(range(len(known)), old[order], kept[order], color="lightgrey")
ax.plot(old[order], range(len(known)), "o", color="grey", label="before")
ax.plot(kept[order], range(len(known)), "o", color="tab:blue", label="after")
places = len(known) + np.arange(len(new))
ax.plot(learnt, places, "D", color="tab:green", label="new")
ax.set_yticks(range(len(known + new)), [*(known[k] for k in order), *new], fontsize=9)
ax.set(xlabel="average precision")
_ = ax.legend(loc="lower right")

# %%
# Most old labels hardly change. "motorbike" gains most, because bicycles are no longer taken for
# motorbikes. If new labels never occur with old ones, texts about the new ones alone are enough. A
# network cannot learn this way, because training on new texts alone would overwrite what it has
# learnt about the old ones: with an :class:`~sklearn_tai.MLPAdapter` there is no ``partial_fit``.
