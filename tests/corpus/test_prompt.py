import re

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_tai import PromptCorpusGenerator
from sklearn_tai.corpus import TEMPLATES

LABELS = ["dog", "umbrella", "bus", "sheep", "skis", "person", "tv monitor"]
PLURALS = ["dogs", "umbrellas", "buses", "sheep", "skis", "people", "tv monitors"]


def test_every_label_equally_often():
    for bounds in (1, 3, (1, 4), (2, 7)):
        _, Y = PromptCorpusGenerator(501, labels_per_text=bounds, random_state=0).generate(LABELS)
        counts = Y.sum(axis=0)
        assert counts.max() - counts.min() <= 2


def test_sizes_of_label_sets():
    _, Y = PromptCorpusGenerator(500, labels_per_text=(2, 4), random_state=0).generate(LABELS)
    assert set(Y.sum(axis=1)) == {0, 2, 3, 4}
    _, Y = PromptCorpusGenerator(10, labels_per_text=(2, 9), random_state=0).generate(LABELS[:3])
    assert set(Y.sum(axis=1)) <= {0, 2, 3}


def test_texts_name_their_labels_and_no_others():
    texts, Y = PromptCorpusGenerator(300, random_state=0).generate(LABELS)
    for text, row in zip(texts, Y):
        words = text.replace(",", " ").replace(".", " ").split()
        named = [
            any(form in " ".join(words) for form in (label, plural))
            for label, plural in zip(LABELS, PLURALS)
        ]
        assert named == row.astype(bool).tolist(), text


def test_random_state_and_clone():
    generator = PromptCorpusGenerator(50, random_state=1)
    texts, Y = generator.generate(LABELS)
    again, Y_again = clone(generator).generate(LABELS)
    assert texts == again
    np.testing.assert_array_equal(Y, Y_again)
    assert texts != PromptCorpusGenerator(50, random_state=2).generate(LABELS).texts


def test_templates():
    assert len(set(TEMPLATES)) >= 20
    assert "there {be} {} in the photo." in TEMPLATES
    texts, _ = PromptCorpusGenerator(
        20,
        labels_per_text=1,
        templates=["{braces} {be} {}!"],
        background_share=0,
        random_state=0,
    ).generate(["dog"])
    assert set(texts) == {"{braces} is a dog!", "{braces} is dog!", "{braces} are dogs!"}


@pytest.mark.parametrize(
    ("name", "article", "plural"),
    [
        ("dog", "a dog", "dogs"),
        ("umbrella", "an umbrella", "umbrellas"),
        ("hour", "an hour", "hours"),
        ("bus", "a bus", "buses"),
        ("wine glass", "a wine glass", "wine glasses"),
        ("person", "a person", "people"),
        ("sheep", "a sheep", "sheep"),
        ("mouse", "a mouse", "mice"),
        ("tennis racket", "a tennis racket", "tennis rackets"),
        ("skis", "skis", "skis"),
        ("scissors", "scissors", "scissors"),
        ("glasses", "glasses", "glasses"),
        ("clouds", "clouds", "clouds"),
        ("grass", "grass", "grass"),
        ("dining table", "a dining table", "dining tables"),
    ],
)
def test_grammar(name, article, plural):
    generator = PromptCorpusGenerator(
        30, labels_per_text=1, templates=["{}"], background_share=0, random_state=0
    )
    assert set(generator.generate([name]).texts) == {article, name, plural}


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["ant"], r"\S+"),
        (["ant", "bee"], r"\S+ and \S+"),
        (["ant", "bee", "cow"], r"\S+, \S+ and \S+"),
    ],
)
def test_lists_of_labels(names, pattern):
    n = len(names)
    generator = PromptCorpusGenerator(
        30, labels_per_text=n, templates=["{}"], background_share=0, random_state=0
    )
    for text in generator.generate(names).texts:
        assert re.fullmatch(pattern, text.replace("an ", "").replace("a ", "")), text


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_texts": 0}, "'n_texts' parameter"),
        ({"templates": []}, "templates is empty"),
        ({"templates": ["no slot"]}, r"templates\[0\].*exactly one"),
        ({"templates": ["{} {}"]}, r"templates\[0\]"),
        ({"labels_per_text": (3, 2)}, "1 <= min <= max"),
        ({"labels_per_text": (1, 2, 3)}, "an int or two"),
        ({"labels_per_text": 0}, "'labels_per_text' parameter"),
        ({"background_share": 1}, "'background_share' parameter"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        PromptCorpusGenerator(**params).generate(LABELS)
