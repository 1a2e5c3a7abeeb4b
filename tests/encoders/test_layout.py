import open_clip
import pytest
import torch

from sklearn_tai.encoders._layout import fast_layout


def small_config(name):
    config = open_clip.get_model_config(name)
    config["text_cfg"] |= {"layers": 2}
    if name != "RN50":
        config["vision_cfg"] |= {"layers": 2}
    return config


@pytest.mark.parametrize("kind", [open_clip.CLIP, open_clip.CustomTextCLIP])
@pytest.mark.parametrize("name", ["RN50", "ViT-B-32"])
def test_results_stay(kind, name):
    torch.manual_seed(0)
    model = kind(**small_config(name)).eval()
    tokens = open_clip.get_tokenizer(name)(["a dog", "two cats"])
    pixels = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        expected = model.encode_text(tokens), model.encode_image(pixels)
        fast = fast_layout(model)
        own = fast.encode_text(tokens), fast.encode_image(pixels)
    torch.testing.assert_close(own, expected, atol=1e-5, rtol=1e-4)
    text = getattr(fast, "text", fast)
    assert not text.transformer.batch_first
    assert not text.transformer.resblocks[0].attn.batch_first


def test_unknown_blocks_stay_as_they_are():
    config = small_config("ViT-B-32")
    config["text_cfg"]["block_type"] = "custom"
    torch.manual_seed(0)
    model = open_clip.CLIP(**config).eval()
    tokens = open_clip.get_tokenizer("ViT-B-32")(["a dog", "two cats"])
    with torch.inference_mode():
        expected = model.encode_text(tokens)
        torch.testing.assert_close(fast_layout(model).encode_text(tokens), expected)
    assert model.transformer.batch_first
