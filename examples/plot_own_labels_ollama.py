"""
Your own labels with a language model
=====================================

Templates make sentences of a few forms. A language model on your own `Ollama
<https://ollama.com>`_ server writes more varied ones about your own labels. But small models do
not always write what they were asked for. This example looks at what one wrote, corrects the
labels, and checks whether it was worth it.
"""

# %%
# Ask a server
# ------------
#
# Put your own labels here. The server is the one at ``OLLAMA_HOST``, or on this machine. If there
# is none, the generator says what to do, and the example goes on without.
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
# ``checkpoint="captions.jsonl"`` every caption is saved at once, and an interrupted run can
# continue (:doc:`/howto/captions`).
#
# Real captions
# -------------
#
# The repository has 600 captions that a real model on a real Ollama server wrote about these 20
# labels: qwen2.5-coder:1.5b, which is small and made for code. Each caption was to be about one to
# four labels.
repository = next(p for p in [Path.cwd(), *Path.cwd().parents] if (p / "benchmarks").is_dir())
file = repository / "benchmarks" / "data" / "captions_qwen2.5-coder-1.5b.jsonl"
asked = Corpus.load(file, labels)
for text, row in list(zip(*asked))[:5]:
    print(f"{', '.join(labels[k] for k in np.flatnonzero(row))}:\n    {text}")

# %%
# Which labels does a caption mention?
# ------------------------------------
#
# A word search finds out.
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
    print(f"{rows.sum():3} captions mention {kind}")

# %%
# The more labels are requested, the more are forgotten:
figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
sizes = np.arange(1, 5)
bottom = np.zeros(len(sizes))
for (kind, rows), colour in zip(kinds.items(), ["tab:blue", "lightblue", "lightgrey"]):
    shares = np.array([rows[wanted == n].mean() for n in sizes])
    ax.bar(sizes, shares, bottom=bottom, color=colour, label=kind)
    bottom += shares
ax.set(xlabel="labels requested", ylabel="share of the captions", xticks=sizes)
_ = ax.legend(title="caption mentions", loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

# %%
# Three ways to label them
# ------------------------
#
# Trust the requested labels, drop the captions that do not mention them all, or use the labels
# that each caption mentions. ``OllamaCorpusGenerator(label_policy=...)`` can do each: "sampled",
# "all" or "named". You can change it on a finished checkpoint without asking the model again.


def select(rows, indicator):
    return Corpus([asked.texts[i] for i in np.flatnonzero(rows)], indicator[rows], labels)


corpora = {
    "captions, as requested": asked,
    "captions with all labels": select(kinds["all of its labels"], asked.Y),
    "captions, as mentioned": select(named.any(axis=1), named),
}

# %%
# For comparison, prompts from templates, and both together:
prompts = PromptCorpusGenerator(n_texts=600, random_state=0).generate(labels)
corpora["prompts"] = prompts
corpora["prompts and captions"] = concatenate_corpora([prompts, corpora["captions, as mentioned"]])

# %%
# CLIP reads only 77 tokens of a text. The encoder warns if a caption is longer. It keeps all
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
    print(f"{name:24} {len(corpus):5} texts   {scores[name]:.3f}")

# %%
figure, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
colours = ["lightblue"] * 3 + ["tab:blue", "tab:green"]
bars = ax.barh(list(scores), list(scores.values()), color=colours)
ax.bar_label(bars, fmt="%.3f", padding=4)
ax.invert_yaxis()
_ = ax.set(xlabel="mean average precision on 400 pictures", xlim=(0, 0.7))

# %%
# Prompts beat the captions of such a small model. Captions with corrected labels come closer, and
# both kinds together do slightly better than prompts alone. A larger model that writes what it is
# asked for may well reverse the order, as in the paper. This is a single run;
# :doc:`/evidence/texts` has five, with more sizes.
