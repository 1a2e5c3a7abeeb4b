"""
Your own labels with a language model
=====================================

Templates make sentences of a few forms. A language model writes more varied ones, about labels of
your own, on a server of your own: `Ollama <https://ollama.com>`_. Small models do not always write
what they were asked for. This example looks at what one wrote, mends the labels, and asks whether
it was worth it.
"""

# %%
# Ask a server
# ------------
#
# Put your own labels here. The server is the one at ``OLLAMA_HOST``, or on this machine. Where
# there is none, the generator says what to do, and the story goes on without.
import re
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklearn_tai import (
    OllamaCorpusGenerator,
    OpenCLIPEncoder,
    PromptCorpusGenerator,
    TextAsImageClassifier,
)
from sklearn_tai.corpus import Corpus, concatenate_corpora
from sklearn_tai.datasets import load_emoji_scenes

scenes = load_emoji_scenes()
labels = scenes.label_names
generator = OllamaCorpusGenerator("llama3.2", n_texts=5, random_state=0)
try:
    for text in generator.generate(labels).texts:
        print(text)
    print(generator.generation_report_)
except (ImportError, OSError, RuntimeError, ValueError) as error:
    print(error)

# %%
# A thousand captions take a small model half an hour or more on a CPU. With
# ``checkpoint="captions.jsonl"`` every caption is kept at once, and a run that was stopped goes on
# (:doc:`/evidence/texts`).
#
# Real captions
# -------------
#
# The repository has 600 captions that a real model on a real Ollama server wrote about these 20
# labels: qwen2.5-coder:1.5b, small, and made for code. It was asked for one to four labels at a
# time.
repository = next(p for p in [Path.cwd(), *Path.cwd().parents] if (p / "benchmarks").is_dir())
file = repository / "benchmarks" / "data" / "captions_qwen2.5-coder-1.5b.jsonl"
asked = Corpus.load(file, labels)
for text, row in list(zip(*asked))[:5]:
    print(f"{', '.join(labels[k] for k in np.flatnonzero(row))}:\n    {text}")

# %%
# Which labels does a caption name?
# ---------------------------------
#
# A word search tells.
people = {"person": "people"}
patterns = [re.compile(rf"\b({n}(s|es)?|{people.get(n, n)})\b", re.IGNORECASE) for n in labels]
named = np.array([[bool(p.search(text)) for p in patterns] for text in asked.texts], dtype=int)

wanted = asked.Y.sum(axis=1)
found = (named & asked.Y).sum(axis=1)
kinds = {
    "all of its labels": found == wanted,
    "some of them": (found > 0) & (found < wanted),
    "none": found == 0,
}
for kind, rows in kinds.items():
    print(f"{rows.sum():3} captions name {kind}")

# %%
# The more labels a caption was asked for, the more it forgets:
figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
sizes = np.arange(1, 5)
bottom = np.zeros(len(sizes))
for (kind, rows), colour in zip(kinds.items(), ["tab:blue", "lightblue", "lightgrey"]):
    shares = np.array([rows[wanted == n].mean() for n in sizes])
    ax.bar(sizes, shares, bottom=bottom, color=colour, label=kind)
    bottom += shares
ax.set(xlabel="labels asked for", ylabel="share of the captions", xticks=sizes)
_ = ax.legend(title="caption names", loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

# %%
# Three ways to label them
# ------------------------
#
# Believe what was asked for, drop the captions that do not keep to it, or go by what they name.
# ``OllamaCorpusGenerator(label_policy=...)`` does each of them: "sampled", "all" or "named".
# Changed on a finished checkpoint, it asks the model for nothing again.


def select(rows, indicator):
    return Corpus([asked.texts[i] for i in np.flatnonzero(rows)], indicator[rows], labels)


corpora = {
    "captions, as asked": asked,
    "captions that name all": select(kinds["all of its labels"], asked.Y),
    "captions, as named": select(named.any(axis=1), named),
}

# %%
# Prompts from templates beside them, and both together:
prompts = PromptCorpusGenerator(n_texts=600, random_state=0).generate(labels)
corpora["prompts"] = prompts
corpora["prompts and captions"] = concatenate_corpora([prompts, corpora["captions, as named"]])

# %%
# CLIP reads 77 tokens of a text. The encoder says so where a caption is longer, and keeps all
# embeddings in memory.
encoder = OpenCLIPEncoder("tai-tiny")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    encoder.transform(asked.texts)
for warning in caught:
    print(warning.message)

# %%
# What they are worth
# -------------------
#
images = encoder.transform(scenes.images)
scores = {}
for name, corpus in corpora.items():
    clf = TextAsImageClassifier(encoder).fit(*corpus)
    scores[name] = clf.score(images, scenes.Y)
    print(f"{name:22} {len(corpus):5} texts   {scores[name]:.3f}")

# %%
figure, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
colours = ["lightblue"] * 3 + ["tab:blue", "tab:green"]
bars = ax.barh(list(scores), list(scores.values()), color=colours)
ax.bar_label(bars, fmt="%.3f", padding=4)
ax.invert_yaxis()
_ = ax.set(xlabel="mean average precision on 400 pictures", xlim=(0, 0.65))

# %%
# Prompts beat the captions of so small a model. Captions with mended labels come closer, and both
# kinds together do about as well as prompts alone. A larger model that writes what it is asked for
# may well reverse the order, as in the paper. This is one run; :doc:`/evidence/texts` has five,
# and more sizes.
