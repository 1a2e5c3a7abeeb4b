"""The encoder for transformers, with tiny random models."""

import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.base import clone

from sklearn_tai import TextAsImageClassifier
from sklearn_tai.encoders import TransformersEncoder
from sklearn_tai.exceptions import WeightsError

transformers = pytest.importorskip("transformers")

WORDS = ["[PAD]", "[UNK]", "a", "dog", "cat", "photo", "of", "[EOS]"]
TEXTS = ["a dog", "a photo of a cat", "dog cat dog"]


@pytest.fixture(scope="module", params=["clip", "siglip"])
def folder(request, tmp_path_factory):
    """A folder written by save_pretrained: model, tokenizer and image processor."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    path = tmp_path_factory.mktemp(request.param)
    words = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, "[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing("$A [EOS]", special_tokens=[("[EOS]", 7)])
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", eos_token="[EOS]"
    ).save_pretrained(path)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
    sizes |= {"num_hidden_layers": 2, "projection_dim": 16}
    text = sizes | {"vocab_size": 8, "max_position_embeddings": 9, "eos_token_id": 7}
    vision = sizes | {"image_size": 32, "patch_size": 8}
    torch.manual_seed(0)
    if request.param == "clip":
        config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)
        transformers.CLIPModel(config).save_pretrained(path)
        kind = transformers.CLIPImageProcessor
    else:
        config = transformers.SiglipConfig(text_config=text, vision_config=vision)
        transformers.SiglipModel(config).save_pretrained(path)
        kind = transformers.SiglipImageProcessor
    size = {"height": 32, "width": 32}
    crop = {"crop_size": size} if request.param == "clip" else {}
    kind(size=size, **crop).save_pretrained(path)
    return path


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)) for _ in range(3)]


def test_agrees_with_transformers(folder, pictures):
    found = TransformersEncoder(str(folder)).transform([*TEXTS, *pictures])
    model = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    prepare = transformers.AutoImageProcessor.from_pretrained(folder)
    tokens = tokenizer(TEXTS, padding="max_length", max_length=9, return_tensors="pt").input_ids
    with torch.inference_mode():
        texts = model.get_text_features(input_ids=tokens).pooler_output
        images = model.get_image_features(**prepare(pictures, return_tensors="pt")).pooler_output
    np.testing.assert_allclose(found, torch.cat([texts, images]), atol=1e-5)


def test_inherited_behaviour(folder, pictures, tmp_path):
    encoder = TransformersEncoder(str(folder), batch_size=2, cache=tmp_path, normalize=True)
    items = [TEXTS[0], pictures[0], TEXTS[1], pictures[1]]
    first = encoder.transform(items)
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(clone(encoder).transform(items[::-1]), first[::-1])
    for batch in encoder.iter_batches(iter(items)):
        np.testing.assert_allclose(batch.embeddings, first[batch.rows])
    assert len(encoder.get_feature_names_out()) == first.shape[1]
    assert len(pickle.dumps(encoder)) < 1000
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    with pytest.warns(UserWarning, match="1 images could not be read"):
        rows = clone(encoder).set_params(on_error="nan").transform([broken, TEXTS[0]])
    assert np.isnan(rows).all(axis=1).tolist() == [True, False]


def test_in_a_classifier(folder, pictures):
    clf = TextAsImageClassifier(TransformersEncoder(str(folder)))
    clf.fit(TEXTS, np.array([[1, 0], [0, 1], [1, 1]]))
    assert clf.predict_proba(pictures).shape == (3, 2)


@pytest.mark.parametrize("name", ["no/such-model", "/no/such/folder"])
def test_missing_models(name):
    with pytest.raises(
        WeightsError, match=f"The model '{name}' cannot be loaded .* Give a CLIP or"
    ):
        TransformersEncoder(name).transform(["a dog"])
