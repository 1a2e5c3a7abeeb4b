import numpy as np
import open_clip
import pytest
import torch

from sklearn_tai import OpenCLIPEncoder
from sklearn_tai.encoders._text import can_be_cut, cut, plan_batches, text_lengths
from tests.models import forget_embeddings, model_of

TEXTS = ["a dog", "", "three cats on a sofa and a bus behind them", "word " * 100, "a cat", "x"]


def random_model(name):
    torch.manual_seed(0)
    return open_clip.create_model(name, pretrained=None).eval(), open_clip.get_tokenizer(name)


@pytest.mark.parametrize(
    ("name", "cuttable"),
    [
        ("RN50", True),
        ("ViT-B-32", True),
        ("coca_ViT-B-32", False),  # its text embedding is that of a token at the end
        ("ViT-B-16-SigLIP", False),  # not causal
    ],
)
def test_which_towers_can_be_cut(name, cuttable):
    config = open_clip.get_model_config(name)
    config["vision_cfg"] |= {"layers": [1, 1, 1, 1] if name == "RN50" else 1, "width": 64}
    config["vision_cfg"].pop("timm_model_name", None)
    config["text_cfg"] |= {"layers": 2}
    for key in ("hf_tokenizer_name", "tokenizer_kwargs"):
        config["text_cfg"].pop(key, None)
    config.pop("multimodal_cfg", None)
    custom = name in ("coca_ViT-B-32", "ViT-B-16-SigLIP")
    config.pop("custom_text", None)
    kind = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    assert can_be_cut(kind(**config)) == cuttable


@pytest.mark.parametrize("name", ["RN50", "ViT-B-32", "custom"])
def test_cutting_changes_nothing(name):
    if name == "custom":  # open_clip's other class of text towers
        config = open_clip.get_model_config("ViT-B-32")
        torch.manual_seed(0)
        model = open_clip.CustomTextCLIP(**config).eval()
        tokenize = open_clip.get_tokenizer("ViT-B-32")
    else:
        model, tokenize = random_model(name)
    assert can_be_cut(model)
    tokens = tokenize(TEXTS)
    lengths = text_lengths(model, tokens)
    assert lengths.tolist()[:2] == [4, 2]
    assert lengths[3] == 77
    state = {k: v.clone() for k, v in model.state_dict().items()}
    with torch.inference_mode():
        whole = model.encode_text(tokens)
        for i, length in enumerate(lengths.tolist()):
            own = cut(model, length).encode_text(tokens[[i], :length])
            torch.testing.assert_close(own, whole[[i]], atol=1e-5, rtol=1e-5)
        # the model itself is unchanged
        torch.testing.assert_close(model.encode_text(tokens), whole)
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    shared = cut(model, 5)
    assert next(shared.parameters()).data_ptr() == next(model.parameters()).data_ptr()


@pytest.mark.filterwarnings("ignore:.* texts fill the model's context")
def test_order_and_fallback(encoder, monkeypatch):
    texts = [text or "no" for text in TEXTS] * 30
    embeddings = encoder.transform(texts)
    np.testing.assert_array_equal(embeddings[:6], embeddings[6:12])
    loaded = model_of(OpenCLIPEncoder("tai-tiny"))
    with torch.inference_mode():
        expected = loaded.model.encode_text(loaded.tokenize(texts[:6])).numpy()
    np.testing.assert_allclose(embeddings[:6], expected, atol=1e-4)
    forget_embeddings()
    monkeypatch.setitem(loaded.__dict__, "text_can_be_cut", False)
    np.testing.assert_allclose(encoder.transform(texts), embeddings, atol=1e-4)


def test_random_weights_through_the_encoder():
    texts = [text or "no" for text in TEXTS]
    with pytest.warns(UserWarning, match="1 of 6 texts fill the model's context of 77 tokens"):
        embeddings = OpenCLIPEncoder("RN50", pretrained=None, cache=None).transform(texts)
    loaded = model_of(OpenCLIPEncoder("RN50", None))
    with torch.inference_mode():
        expected = loaded.model.encode_text(loaded.tokenize(texts)).numpy()
    np.testing.assert_allclose(embeddings, expected, atol=1e-5)


def cost(batches, lengths, batch_cost):
    return sum(len(rows) * lengths[rows].max() + batch_cost for rows in batches)


@pytest.mark.parametrize("batch_cost", [0, 1, 30, 1000])
def test_batches_are_the_cheapest(batch_cost):
    lengths = np.array([3, 3, 9, 3, 4, 12, 5, 5, 5, 9])
    batches = plan_batches(lengths, 1000, batch_cost)
    assert sorted(np.concatenate(batches)) == list(range(10))
    order = np.sort(lengths)
    # all ways to cut the sorted lengths
    every = [
        np.split(np.arange(10), [i + 1 for i in range(9) if choice >> i & 1])
        for choice in range(2**9)
    ]
    assert cost(batches, lengths, batch_cost) == min(cost(b, order, batch_cost) for b in every)


def test_batches_are_bounded():
    lengths = np.random.default_rng(0).integers(2, 78, 500)
    batches = plan_batches(lengths, 200, 64)
    assert sorted(np.concatenate(batches)) == list(range(500))
    assert max(len(rows) * lengths[rows].max() for rows in batches) <= 200
    assert [len(rows) for rows in plan_batches(np.array([77, 77]), 10, 1)] == [1, 1]
