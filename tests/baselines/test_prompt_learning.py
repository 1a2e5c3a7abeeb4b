import pickle
from dataclasses import replace

import numpy as np
import open_clip
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.preprocessing import normalize

from sklearn_tai import OpenCLIPEncoder, ZeroShotClassifier
from sklearn_tai.baselines import CoOpClassifier, DualCoOpClassifier, TaIDPTClassifier, _local
from sklearn_tai.baselines._local import (
    ItemFeatures,
    TextTower,
    aggregate,
    encode_items,
)
from sklearn_tai.baselines._prompts import PromptLearner
from sklearn_tai.encoders._regions import RegionTower, has_regions
from tests.models import model_of

CLASSES = [CoOpClassifier, DualCoOpClassifier, TaIDPTClassifier]
NAMES = ["dog", "traffic light", "cat"]


def random_model(name):
    """A full-size CLIP model with random weights."""
    return OpenCLIPEncoder(name, None, device="cpu", cache=None)


@pytest.fixture(scope="module")
def train(scenes):
    return scenes.images[:200], scenes.Y[:200]


def small(cls, scenes, encoder, **params):
    defaults = {"n_context": 4, "max_epochs": 3, "batch_size": 32, "random_state": 0}
    return cls(scenes.label_names, encoder, **(defaults | params))


# ------------------------------------------------------------------------------- prompts
@pytest.fixture(scope="module")
def custom_text_model():
    """A small model of open_clip's other class, in which the text tower is a module."""
    vision = {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16}
    text = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return open_clip.CustomTextCLIP(32, vision, text).eval().requires_grad_(False)


@pytest.mark.parametrize(
    ("kind", "projection"),
    [("CLIP", "matrix"), *(("CustomTextCLIP", p) for p in ("matrix", "linear", "none"))],
)
def test_real_words_give_the_embeddings_of_the_text(
    kind, projection, encoder, custom_text_model, monkeypatch
):
    loaded = model_of(encoder)
    if kind == "CustomTextCLIP":
        tokenize = open_clip.get_tokenizer("RN50")
        loaded = replace(loaded, model=custom_text_model, tokenize=tokenize)
        monkeypatch.setattr(OpenCLIPEncoder, "_load", lambda self, precision=None: loaded)
    holder = getattr(loaded.model, "text", loaded.model)
    if projection != "matrix":
        linear = torch.nn.Linear(64, 32) if projection == "linear" else None
        monkeypatch.setitem(holder._parameters, "text_projection", None)
        if linear is not None:
            monkeypatch.delitem(holder._parameters, "text_projection")
            monkeypatch.setitem(holder._modules, "text_projection", linear)
    tower = TextTower(encoder)
    learner = PromptLearner(tower, NAMES, ["a photo of a", None], 16, False)
    assert learner.context.shape == (2, 1, 4, tower.width)
    tokens = loaded.tokenize([f"a photo of a {name}" for name in NAMES])
    expected = torch.nn.functional.normalize(loaded.model.encode_text(tokens), dim=-1)
    assert expected.shape[1] == tower.n_features
    embeddings = learner().detach()
    assert (embeddings[0] - expected).abs().max() < 1e-5
    assert (embeddings[1] - expected).abs().max() > 1e-2


def test_only_the_context_is_trained(encoder):
    tower = TextTower(encoder)
    learner = PromptLearner(tower, NAMES, [None], 5, True)
    learner().sum().backward()
    assert [name for name, _ in learner.named_parameters()] == ["context"]
    assert learner.context.shape == (1, 3, 5, tower.width)
    assert (learner.context.grad.abs().amax(dim=(0, 2, 3)) > 0).all()
    assert all(p.grad is None for p in tower.model.parameters())


def test_full_precision_whatever_the_encoder_has():
    tower = TextTower(OpenCLIPEncoder("tai-tiny", precision="bf16"))
    assert PromptLearner(tower, NAMES, [None], 2, False)().dtype == torch.float32


# ------------------------------------------------------------------------- parts of items
def test_aggregate_by_hand():
    similarities = torch.tensor([[[0.5], [0.1], [9.0]]])
    relevance = torch.tensor([[[np.log(3.0)], [0.0], [50.0]]]) / 2
    is_part = torch.tensor([[True, True, False]])
    out = aggregate(similarities, relevance, is_part, 2.0)
    assert out.item() == pytest.approx(0.75 * 0.5 + 0.25 * 0.1)
    assert aggregate(similarities, relevance, is_part, 0.0).item() == pytest.approx(0.3)
    nothing = aggregate(torch.zeros(1, 3, 1), torch.zeros(1, 3, 1), ~is_part & False, 2.0)
    assert nothing.item() == 0
    assert aggregate(torch.zeros(1, 0, 1), torch.zeros(1, 0, 1), is_part[:, :0], 2.0).item() == 0


@pytest.mark.parametrize(("name", "n_regions"), [("RN50", 49), ("ViT-B-32", 49)])
def test_regions_and_one_step(name, n_regions):
    encoder = random_model(name)
    rng = np.random.RandomState(0)
    images = [rng.randint(0, 256, (224, 224, 3), np.uint8) for _ in range(3)]
    loaded = model_of(encoder)
    assert has_regions(loaded.model)
    batch = torch.stack([loaded.preprocess(Image.fromarray(image)) for image in images])
    with torch.no_grad():
        encoded = RegionTower(loaded.model).encode_image(batch)
        whole = loaded.model.encode_image(batch)
    assert encoded.shape == (3, 1 + n_regions, whole.shape[1])
    torch.testing.assert_close(encoded[:, 0], whole, rtol=1e-4, atol=1e-4)
    Y = np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 1]])
    clf = DualCoOpClassifier(NAMES, encoder, n_context=2, max_epochs=1, random_state=0)
    clf.fit(images, Y)
    assert clf.predict_proba(images[:2]).shape == (2, 3)
    assert np.isfinite(clf.loss_curve_).all()


def test_parts_of_texts_and_images(encoder, scenes):
    items = ["a dog", scenes.images[0], "a photo of two cats and a dog"]
    is_image = np.array([False, True, False])
    found = encode_items(encoder, items, is_image, regions=True, tokens=True)
    whole = normalize(encoder.transform(items))
    np.testing.assert_allclose(found.whole, whole, atol=1e-5)
    _, lengths = TextTower(encoder).tokenize([items[0], items[2]])
    assert found.is_part.sum(dim=1).tolist() == [lengths[0], 9, lengths[1]]
    assert lengths.tolist() == [4, 10]
    # a text's embedding is that of its end token; tokens do not see what follows
    np.testing.assert_allclose(found.parts[2, 9], whole[2], atol=1e-3)
    alone = encode_items(encoder, items[:1], is_image[:1], regions=True, tokens=True)
    np.testing.assert_allclose(found.parts[0, :4], alone.parts[0], atol=1e-3)
    none = encode_items(encoder, items, is_image, regions=False, tokens=False)
    assert none.parts.shape == (3, 0, whole.shape[1])
    filled = none.with_whole_for_parts()
    np.testing.assert_allclose(filled.parts[:, 0], whole, atol=1e-3)
    assert filled.is_part.all()


def test_many_regions_are_stored_on_disk(encoder, scenes, monkeypatch):
    items, is_image = [*scenes.images[:3], "a dog"], np.array([True] * 3 + [False])
    in_memory = encode_items(encoder, items, is_image, regions=True, tokens=True)
    monkeypatch.setattr(_local, "_IN_MEMORY", 0)
    on_disk = encode_items(encoder, items, is_image, regions=True, tokens=True)
    assert on_disk.parts.shape[1] > 0
    assert torch.equal(on_disk.parts, in_memory.parts)
    assert torch.equal(on_disk.is_part, in_memory.is_part)
    assert torch.equal(on_disk[torch.tensor([2, 0])].parts, in_memory.parts[[2, 0]])


def test_regions_grow_with_the_image(scenes):
    is_image = np.ones(1, bool)
    for size, n_regions in ((None, 49), (448, 196)):
        found = encode_items(
            OpenCLIPEncoder("RN50", None, image_size=size),
            scenes.images[:1],
            is_image,
            regions=True,
            tokens=False,
        )
        assert found.parts.shape == (1, n_regions, 1024)


def test_a_text_longer_than_the_context(encoder):
    with pytest.warns(UserWarning, match="1 of 1 texts fill"):
        encode_items(encoder, ["dog " * 99], np.array([False]), regions=False, tokens=True)


# -------------------------------------------------------------------------- logits by hand
def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def coop(scenes, encoder, train):
    return small(CoOpClassifier, scenes, encoder, max_epochs=10, class_specific=True).fit(*train)


@pytest.fixture(scope="module")
def dual(scenes, encoder, train):
    return small(DualCoOpClassifier, scenes, encoder, max_epochs=10).fit(*train)


@pytest.fixture(scope="module")
def tai(scenes, encoder, corpus):
    texts, Y = corpus[0][:300], corpus[1][:300]
    return small(TaIDPTClassifier, scenes, encoder, max_epochs=8, max_lr=1e-3).fit(texts, Y)


def test_coop_by_hand(coop, encoder, scenes):
    assert coop.logit_scale_ == pytest.approx(float(model_of(encoder).model.logit_scale.exp()))
    V = normalize(encoder.transform(scenes.images[:5]))
    logits = coop.logit_scale_ * V @ coop.label_embeddings_.T + coop.intercept_
    np.testing.assert_allclose(coop.decision_function(scenes.images[:5]), logits, atol=1e-4)
    proba = coop.predict_proba(scenes.images[:5])
    np.testing.assert_allclose(proba, 1 / (1 + np.exp(-logits)), atol=1e-5)
    np.testing.assert_array_equal(coop.predict(scenes.images[:5]), proba > 0.5)
    np.testing.assert_allclose(np.linalg.norm(coop.label_embeddings_, axis=1), 1, atol=1e-5)
    assert coop.context_.shape == (20, 4, 192)


def regions_of(encoder, images):
    found = encode_items(encoder, images, np.ones(len(images), bool), regions=True, tokens=True)
    assert found.is_part.all()
    return found.whole.numpy(), found.parts.float().numpy()


def test_dual_coop_by_hand(dual, encoder, scenes):
    images = scenes.images[:5]
    whole, R = regions_of(encoder, images)
    positive, negative = R @ dual.positive_embeddings_.T, R @ dual.negative_embeddings_.T
    temperature = 1 / float(model_of(encoder).model.logit_scale.exp())
    assert dual.temperature_ == pytest.approx(temperature)
    logits = (softmax(20 * positive) * (positive - negative)).sum(axis=1) / temperature
    np.testing.assert_allclose(dual.decision_function(images), logits, atol=2e-4)
    # precomputed embeddings have no regions
    logits = whole @ (dual.positive_embeddings_ - dual.negative_embeddings_).T / temperature
    from_embeddings = dual.decision_function(encoder.transform(images))
    np.testing.assert_allclose(from_embeddings, logits, atol=2e-2)
    # the sigmoid of the difference is the softmax over positive and negative
    one, other = np.exp([[0.3 / 0.05], [0.1 / 0.05]])
    assert 1 / (1 + np.exp(-(0.3 - 0.1) / 0.05)) == pytest.approx((one / (one + other)).item())


def test_tai_dpt_by_hand(tai, encoder, scenes):
    images, texts = scenes.images[:4], ["a dog", "a cat on a sofa"]
    whole, R = regions_of(encoder, images)
    local = R @ tai.local_embeddings_.T
    scores = whole @ tai.global_embeddings_.T + (softmax(40 * local) * local).sum(axis=1)
    np.testing.assert_allclose(tai.decision_function(images), 4 * scores, atol=2e-4)
    found = encode_items(encoder, texts[:1], np.zeros(1, bool), regions=False, tokens=True)
    local = found.parts.float().numpy() @ tai.local_embeddings_.T
    scores = found.whole.numpy() @ tai.global_embeddings_.T
    scores = 4 * (scores + (softmax(50 * local) * local).sum(axis=1))
    # together with a longer text, which has more tokens
    np.testing.assert_allclose(tai.decision_function(texts)[:1], scores, atol=2e-4)
    embeddings = encoder.transform(images)
    np.testing.assert_allclose(
        tai.decision_function(embeddings), 4 * whole @ tai.global_embeddings_.T, atol=1e-4
    )
    scores = tai.decision_function(images)
    centred = scores - scores.mean(axis=1, keepdims=True)
    odds = tai.calibration_[0] * centred + tai.calibration_[1]
    np.testing.assert_allclose(tai.predict_proba(images), 1 / (1 + np.exp(-odds)), atol=1e-6)
    assert tai.calibration_[0] > 0


# -------------------------------------------------------------------------------- training
def test_learns(coop, dual, tai, scenes, encoder, train, corpus):
    zero_shot = ZeroShotClassifier(scenes.label_names, encoder, region_weight=0).fit()
    texts = corpus[0][:300], corpus[1][:300]
    for clf, (X, Y), gain in ((coop, train, 0.1), (dual, train, 0.1), (tai, texts, 0.05)):
        assert len(clf.loss_curve_) == clf.max_epochs
        assert clf.loss_curve_[-1] < 0.7 * clf.loss_curve_[0]
        assert clf.classes_.tolist() == scenes.label_names
        start = clone(clf).set_params(max_epochs=1, max_lr=1e-12).fit(X, Y)
        assert clf.score(X, Y) > start.score(X, Y) + gain
        assert clf.score(X, Y) > zero_shot.score(X, Y)
    # learned from texts, scored on images
    images, Y = scenes.images[200:300], scenes.Y[200:300]
    assert tai.score(images, Y) > zero_shot.score(images, Y)


@pytest.mark.parametrize("cls", CLASSES)
def test_random_state(cls, scenes, encoder, image_embeddings):
    X, Y = image_embeddings[:60], scenes.Y[:60]
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    scores = [small(cls, scenes, encoder).fit(X, Y).decision_function(X) for _ in range(2)]
    np.testing.assert_array_equal(*scores)
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])
    other = small(cls, scenes, encoder, random_state=1).fit(X, Y).decision_function(X)
    assert np.abs(other - scores[0]).max() > 1e-3


def test_pickles_are_small_and_work(coop, dual, tai, scenes):
    for clf in (coop, dual, tai):
        pickled = pickle.dumps(clf)
        assert len(pickled) < 300_000
        images = scenes.images[:3]
        np.testing.assert_array_equal(pickle.loads(pickled).predict(images), clf.predict(images))


@pytest.mark.parametrize("cls", CLASSES)
def test_unknown_entries_change_nothing(cls, scenes, encoder, image_embeddings):
    X, Y = image_embeddings[:60], scenes.Y[:60].astype(float)
    params = {"batch_size": 120, "optimizer": "adamw"}
    # rows without any known label, in the same batch as the others
    nothing = np.full((60, 20), -1.0)
    half = small(cls, scenes, encoder, **params).fit(np.vstack([X, -X]), np.vstack([Y, nothing]))
    alone = small(cls, scenes, encoder, **params).fit(X, Y)
    atol = 0.02 * np.abs(alone.decision_function(X)).max()
    np.testing.assert_allclose(half.decision_function(X), alone.decision_function(X), atol=atol)


@pytest.mark.parametrize("cls", CLASSES)
def test_params(cls, scenes, encoder, image_embeddings):
    clf = small(cls, scenes, encoder, context_init="a photo of a", class_specific=True)
    for name, value in clf.get_params(deep=False).items():
        assert getattr(cls(**clf.get_params(deep=False)), name) is value
    clf = clone(clf).set_params(optimizer="adamw", max_lr=0.01)
    Y = pd.DataFrame(scenes.Y[:60], columns=scenes.label_names)
    clf.fit(image_embeddings[:60], Y)
    assert clf.n_features_in_ == 256
    assert clf.predict(image_embeddings[:2]).shape == (2, 20)


def test_learned_scale(scenes, encoder, image_embeddings):
    clf = small(CoOpClassifier, scenes, encoder, learn_logit_scale=True)
    clf.fit(image_embeddings[:60], scenes.Y[:60])
    frozen = clone(clf).set_params(learn_logit_scale=False)
    frozen.fit(image_embeddings[:60], scenes.Y[:60])
    assert clf.logit_scale_ != pytest.approx(frozen.logit_scale_, rel=1e-4)


def test_without_parts(scenes, encoder, corpus, image_embeddings):
    texts, Y = corpus[0][:60], corpus[1][:60]
    tai = small(TaIDPTClassifier, scenes, encoder, use_local=False).fit(texts, Y)
    assert tai.local_embeddings_ is None
    dual = small(DualCoOpClassifier, scenes, encoder, use_regions=False)
    dual.fit(scenes.images[:60], scenes.Y[:60])
    for clf in (tai, dual):
        np.testing.assert_allclose(
            clf.decision_function(iter(scenes.images[:5])),
            clf.decision_function(image_embeddings[:5]),
            atol=1e-4,
        )


def test_mixed_items_and_an_iterator(dual, tai, scenes):
    items = ["a dog", *scenes.images[:3]]
    for clf in (dual, tai):
        scores = clf.decision_function(iter(items))
        np.testing.assert_allclose(scores[1:], clf.decision_function(items[1:]), atol=1e-4)


def test_unreadable_images(scenes, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    images = [*scenes.images[:30], tmp_path / "bad.png"]
    clf = small(DualCoOpClassifier, scenes, OpenCLIPEncoder("tai-tiny", on_error="nan"))
    with pytest.warns(UserWarning, match=r"1 images could not be read.*X\[30\]"):
        clf.fit(images, scenes.Y[:31])
    with pytest.warns(UserWarning, match="could not be read"):
        predicted = clf.predict(images[-2:])
    assert (predicted[0] >= 0).all()
    assert (predicted[1] == -1).all()
    with pytest.raises(ValueError, match=r"X\[30\].*cannot be read"):
        clf.set_params(encoder__on_error="raise").fit(images, scenes.Y[:31])


def test_progress_bar(scenes, encoder, image_embeddings, capsys):
    X, Y = image_embeddings[:30], scenes.Y[:30]
    small(CoOpClassifier, scenes, encoder, max_epochs=1).fit(X, Y)
    assert capsys.readouterr().err == ""
    small(CoOpClassifier, scenes, encoder, max_epochs=1, verbose=1).fit(X, Y)
    assert "Training prompts" in capsys.readouterr().err


# ---------------------------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_context": 0}, "'n_context' parameter"),
        ({"n_context": 75}, "Lower n_context"),
        ({"context_init": ""}, "at least one word"),
        ({"optimizer": "adam"}, "'optimizer' parameter"),
        ({"labels": ["dog"]}, "y has the columns"),
        ({"labels": ["dog " * 90, "cat", "sofa"]}, "shorten the label"),
    ],
)
@pytest.mark.parametrize("cls", CLASSES)
def test_bad_parameters(cls, params, message, encoder, image_embeddings):
    Y = np.eye(3)
    defaults = {"labels": NAMES, "max_epochs": 3, "random_state": 0}
    clf = cls(encoder=encoder, **(defaults | params))
    with pytest.raises(ValueError, match=message):
        clf.fit(image_embeddings[:3], Y)


def test_divergence(encoder, image_embeddings):
    clf = CoOpClassifier(NAMES, encoder, max_epochs=3, max_lr=1e30)
    with pytest.raises(ValueError, match=r"diverged. Lower max_lr"):
        clf.fit(image_embeddings[:3], np.eye(3))


def test_bad_data(encoder, image_embeddings):
    clf = CoOpClassifier(NAMES, encoder, max_epochs=1)
    X = image_embeddings[:3]
    with pytest.raises(ValueError, match="y has no 1 or no 0"):
        clf.fit(X, np.zeros((3, 3)))
    with pytest.raises(ValueError, match="must be the same number"):
        clf.fit(X, np.eye(3)[:2])
    with pytest.raises(ValueError, match="in their order"):
        clf.fit(X, pd.DataFrame(np.eye(3, dtype=int), columns=NAMES[::-1]))
    with pytest.raises(ValueError, match="Set encoder"):
        clf.fit(X[:, :7], np.eye(3))
    with pytest.raises(ValueError, match="Give at least 2"):
        TaIDPTClassifier(["dog"], encoder).fit(X, [[1], [0], [1]])
    with pytest.raises(ValueError, match="cannot learn prompts"):
        TextTower(random_model("coca_ViT-B-32"))


def test_features_of_embeddings():
    features = ItemFeatures.of_embeddings([[3.0, 4.0]])
    np.testing.assert_allclose(features.whole, [[0.6, 0.8]])
    assert features.parts.shape == (1, 0, 2)
    assert len(features.to(torch.device("cpu"))[torch.tensor([0])]) == 1
