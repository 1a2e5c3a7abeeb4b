import numpy as np
import pytest
from scipy import sparse

from sklearn_tai.corpus import Corpus, concatenate_corpora

TEXTS = ["a dog", "a “cat”\nand a dog", "nothing"]
Y = np.array([[1, 0], [1, 1], [0, 0]])


@pytest.fixture
def corpus():
    return Corpus(TEXTS, Y, ["dog", "cat"])


def test_save_and_load(corpus, tmp_path):
    corpus.save(tmp_path / "corpus.jsonl")
    texts, labels = Corpus.load(tmp_path / "corpus.jsonl")
    assert texts == TEXTS
    np.testing.assert_array_equal(labels, Y)
    other = Corpus.load(tmp_path / "corpus.jsonl", label_names=["cat", "bird", "dog"])
    np.testing.assert_array_equal(other.Y, [[0, 0, 1], [1, 0, 1], [0, 0, 0]])


def test_load_a_plain_file(tmp_path):
    path = tmp_path / "corpus.jsonl"
    lines = ['{"text": "a dog", "labels": ["dog"]}', "", '{"text": "a cat", "labels": ["cat"]}']
    path.write_text("\n".join(lines))
    corpus = Corpus.load(path)
    assert corpus.label_names == ["cat", "dog"]
    assert corpus.Y.tolist() == [[0, 1], [1, 0]]
    with pytest.raises(ValueError, match=r"text 1 has the labels \['cat'\]"):
        Corpus.load(path, label_names=["dog"])


@pytest.mark.parametrize(
    "line", ["rubbish", '{"text": "a dog"}', '{"text": 1, "labels": []}', "[]"]
)
def test_malformed_lines(tmp_path, line):
    path = tmp_path / "corpus.jsonl"
    path.write_text(f'{{"text": "a", "labels": []}}\n{line}\n')
    with pytest.raises(ValueError, match="line 2: expected"):
        Corpus.load(path)


def test_kinds_of_y():
    assert Corpus(TEXTS, sparse.csr_matrix(Y), ["dog", "cat"]).Y.tolist() == Y.tolist()


@pytest.mark.parametrize(
    ("texts", "names", "message"),
    [
        (TEXTS[:2], ["dog", "cat"], "X has 2 items but y has 3 rows"),
        (TEXTS, ["dog"], "2 columns but there are 1 label_names"),
        (TEXTS, ["dog", "dog"], "more than once"),
    ],
)
def test_bad_corpora(texts, names, message):
    with pytest.raises(ValueError, match=message):
        Corpus(texts, Y, names)


def test_concatenate(corpus):
    other = Corpus(["cats"], [[1, 0]], ["cat", "dog"])
    both = concatenate_corpora([corpus, other])
    assert both.texts == [*TEXTS, "cats"]
    assert both.label_names == ["dog", "cat"]
    assert both.Y.tolist() == [*Y.tolist(), [0, 1]]


def test_bad_concatenations(corpus):
    with pytest.raises(ValueError, match="corpora is empty"):
        concatenate_corpora([])
    with pytest.raises(ValueError, match=r"differ in \['bird', 'cat'\]"):
        concatenate_corpora([corpus, Corpus(["a"], [[1, 0]], ["dog", "bird"])])
