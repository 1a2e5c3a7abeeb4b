import numpy as np
import pytest

from sklearn_tai import OllamaCorpusGenerator, PromptCorpusGenerator, TextAsImageClassifier
from sklearn_tai.corpus import Corpus, background_names, background_texts, concatenate_corpora
from tests.ollama_server import MODEL, OllamaServer


@pytest.mark.parametrize(
    ("label", "gone", "kept"),
    [
        ("dog", ["dog", "hot dog"], ["cat", "bridge"]),
        ("dogs", ["dog"], ["cat"]),
        ("automobile", ["car"], ["bus"]),
        ("people", ["person"], ["child", "wedding"]),
        ("tv monitor", ["tv"], ["radio"]),
        ("Fire-Truck", ["truck"], ["bus"]),
        ("ski", ["skis", "ski slope"], ["snowboard"]),
        ("animal", ["dog", "frog", "lion"], ["tree"]),
        ("vehicles", ["car", "tractor"], ["house"]),
    ],
)
def test_labels_and_their_synonyms_are_left_out(label, gone, kept):
    names = background_names([label])
    assert not set(gone) & set(names)
    assert set(kept) <= set(names)
    assert len(names) > 1000
    assert len(set(names)) == len(names)


def test_texts_about_other_things():
    corpus = background_texts(["dog", "car"], 50, templates=["{}"], random_state=0)
    assert corpus.label_names == ["dog", "car"]
    assert not corpus.Y.any()
    assert len(set(corpus.texts)) > 40
    assert (
        corpus.texts
        == background_texts(["dog", "car"], 50, templates=["{}"], random_state=0).texts
    )
    own = Corpus(["my dog"], [[0, 1]], ["car", "dog"])
    both = concatenate_corpora([own, corpus])
    assert (len(both), both.Y.sum()) == (51, 1)
    with pytest.raises(ValueError, match="exactly one"):
        background_texts(["dog"], 1, templates=["none"])


def test_share_of_a_corpus():
    for share, n in ((0, 0), (0.25, 25), (0.5, 50)):
        generator = PromptCorpusGenerator(100, background_share=share, random_state=0)
        texts, Y = generator.generate(["dog", "car"])
        assert (np.asarray(Y).sum(axis=1) == 0).sum() == n
        for text, row in zip(texts, Y):
            assert row.any() == any(word in text for word in ("dog", "car")) or not row.any()


def test_one_label_is_learnt(encoder, scenes):
    """Without texts about other things, all texts have the same labels."""
    truth = scenes.Y[:, [scenes.label_names.index("dog")]]
    for share in (0, 0.25):
        corpus = PromptCorpusGenerator(300, background_share=share, random_state=0)
        texts, Y = corpus.generate(["dog"])
        if share == 0:
            with pytest.raises(ValueError, match=r"same labels.*background_texts"):
                TextAsImageClassifier(encoder).fit(texts, Y)
        else:
            clf = TextAsImageClassifier(encoder).fit(texts, Y)
            assert clf.score(scenes.images, truth) > 2 * truth.mean()


def test_language_models_write_about_other_things():
    params = {"labels_per_text": 1, "random_state": 0, "background_share": 0.25}
    with OllamaServer() as server:
        generator = OllamaCorpusGenerator(MODEL, 16, host=server.url, **params)
        texts, Y = generator.generate(["dog", "cat"])
        longer, _ = generator.set_params(n_texts=20).generate(["dog", "cat"])
    assert np.asarray(Y).sum(axis=1).tolist() == [1, 1, 1, 0] * 4
    for text, row in zip(texts, Y):
        assert row.any() == ("dog" in text or "cat" in text)
    assert longer[:16] == texts


def test_captions_with_a_label_are_dropped():
    with OllamaServer(reply=lambda messages: "A dog.") as server:
        generator = OllamaCorpusGenerator(
            MODEL, 8, host=server.url, labels_per_text=1, random_state=0
        )
        with pytest.warns(UserWarning, match="2 of 8 captions were dropped.*mentions a label"):
            _, Y = generator.generate(["dog", "cat"])
    assert np.asarray(Y).any(axis=1).all()
