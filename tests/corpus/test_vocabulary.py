"""Corpora about labels with synonyms, groups and exclusive labels."""

import re
from collections import Counter

import numpy as np
import pytest

from sklearn_tai import OllamaCorpusGenerator, PromptCorpusGenerator
from sklearn_tai.corpus import (
    Corpus,
    Vocabulary,
    background_names,
    background_texts,
    concatenate_corpora,
)
from tests.ollama_server import MODEL, OllamaServer

VOCABULARY = Vocabulary(
    {
        "car": ["car", "automobile", "taxi"],
        "bus": ["bus"],
        "oak": ["oak"],
        "day": ["day"],
        "night": ["night"],
        "odds": [],
    },
    groups={"vehicle": ["car", "bus"], "odds": ["vehicle", "oak"]},
    exclusive=[["day", "night"]],
)
LABELS = list(VOCABULARY)


def named_in(text):
    words = re.findall(r"\w+", text.replace("automobiles", "automobile").replace("buses", "bus"))
    return {word.removesuffix("s") if word != "bus" else word for word in words}


def check(texts, Y):
    """Check what is true of all texts about these labels, whoever wrote them."""
    k = LABELS.index
    Y = np.asarray(Y).astype(bool)
    np.testing.assert_array_equal(
        Y[:, k("vehicle")] >= (Y[:, k("car")] | Y[:, k("bus")]), np.ones(len(Y), bool)
    )
    np.testing.assert_array_equal(Y[:, k("odds")], Y[:, k("vehicle")] | Y[:, k("oak")])
    assert not (Y[:, k("day")] & Y[:, k("night")]).any()
    alone = Y[:, k("vehicle")] & ~Y[:, k("car")] & ~Y[:, k("bus")]
    assert alone.any()  # the group's own name
    for text, row, is_group in zip(texts, Y, alone):
        words = named_in(text)
        for label in ("car", "bus", "oak", "day", "night"):
            assert bool(words & set(VOCABULARY[label])) == row[k(label)], text
        assert ("vehicle" in words) == is_group, text
        assert not words & {"odd", "odds"}


def test_texts_from_templates():
    generator = PromptCorpusGenerator(1200, random_state=0)
    corpus = generator.generate(VOCABULARY)
    assert corpus.label_names == LABELS
    assert corpus.vocabulary == corpus.Y.vocabulary == VOCABULARY
    check(*corpus)
    named = Counter(w for text in corpus.texts for w in named_in(text) & set(VOCABULARY["car"]))
    assert max(named.values()) - min(named.values()) <= 1
    assert len(named) == 3
    again = generator.generate(VOCABULARY)
    assert again.texts == corpus.texts


def test_one_name_each_changes_nothing():
    generator = PromptCorpusGenerator(200, random_state=0)
    plain, mapping = (
        generator.generate(v) for v in (["dog", "cat"], {"dog": ["dog"], "cat": ["cat"]})
    )
    assert plain.texts == mapping.texts


def test_exclusive_labels():
    rivals = Vocabulary(["dawn", "noon", "dusk"], exclusive=[["dawn", "noon", "dusk"]])
    _, Y = PromptCorpusGenerator(301, background_share=0, random_state=0).generate(rivals)
    assert set(np.asarray(Y).sum(axis=1)) == {1}
    assert np.ptp(np.asarray(Y).sum(axis=0)) <= 1


def test_captions_of_a_language_model(tmp_path):
    with OllamaServer() as server:
        params = {"host": server.url, "random_state": 0, "checkpoint": tmp_path / "c.jsonl"}
        generator = OllamaCorpusGenerator(MODEL, 90, **params)
        corpus = generator.generate(VOCABULARY)
        n_asked = len(server.requests)
        longer = generator.set_params(n_texts=120).generate(VOCABULARY)
        assert len(server.requests) == n_asked + 30
        check(*corpus)
        assert longer.texts[:90] == corpus.texts
        assert generator.generation_report_["names_all"] == 90
        for other in (list(VOCABULARY), Vocabulary(VOCABULARY, exclusive=[["car", "bus"]])):
            with pytest.raises(ValueError, match="captions made with other settings"):
                generator.generate(other)


def test_captions_that_name_a_member_or_a_synonym():
    vocabulary = Vocabulary({"car": ["car", "automobile"]}, groups={"vehicle": ["car"]})
    with OllamaServer(reply=lambda messages: "Automobiles.") as server:
        generator = OllamaCorpusGenerator(
            MODEL, 8, host=server.url, label_policy="named", random_state=0
        )
        with pytest.warns(UserWarning, match="mentions a label"):
            texts, Y = generator.generate(vocabulary)
    assert Y.tolist() == [[1, 1]] * len(texts) != []
    assert generator.generation_report_["names_all"] == len(texts)


def test_other_things_exclude_all_names():
    assert "couch" not in background_names({"seat": ["seat", "settee", "sofa"]})
    assert "couch" in background_names(["seat"])
    assert "dog" not in background_names(Vocabulary(["wolf"], groups={"animal": ["wolf"]}))
    corpus = background_texts(VOCABULARY, 30, random_state=0)
    assert corpus.vocabulary == VOCABULARY
    assert not corpus.Y.any()


def test_a_corpus_of_your_own(tmp_path):
    vocabulary = Vocabulary({"dog": ["dog", "hound"], "car": ["car"]}, groups={"animal": ["dog"]})
    corpus = Corpus(["my hound", "our car"], [[1, 0], [0, 1]], vocabulary)
    assert corpus.Y.tolist() == [[1, 0, 1], [0, 1, 0]]
    corpus.save(tmp_path / "c.jsonl")
    again = Corpus.load(tmp_path / "c.jsonl")
    assert again.vocabulary == vocabulary
    np.testing.assert_array_equal(again.Y, corpus.Y)
    other = Corpus.load(tmp_path / "c.jsonl", Vocabulary(vocabulary, groups={"pet": ["dog"]}))
    assert other.Y.tolist() == [[1, 0, 1, 1], [0, 1, 0, 0]]
    with pytest.raises(ValueError, match="Y has 1 columns but there are 3 label_names"):
        Corpus(["my hound"], [[1]], vocabulary)


def test_corpora_with_different_vocabularies():
    one = Corpus(["a dog", "a cat"], np.eye(2), ["dog", "cat"])
    other = Corpus(
        ["a hound"],
        [[0, 1]],
        Vocabulary({"cat": ["cat"], "dog": ["hound"]}, exclusive=[["dog", "cat"]]),
    )
    both = concatenate_corpora([one, other])
    assert both.Y.tolist() == [[1, 0], [0, 1], [1, 0]]
    assert both.vocabulary["dog"] == ("dog", "hound")
    assert both.vocabulary.exclusive == (("dog", "cat"),)
