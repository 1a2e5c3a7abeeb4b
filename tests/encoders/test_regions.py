import numpy as np
import open_clip
import pytest
import torch
from open_clip.transform import PreprocessCfg
from torch.nn import functional as F

from sklearn_tai import OpenCLIPEncoder
from sklearn_tai.encoders._layout import fast_layout
from sklearn_tai.encoders._regions import RegionTower, has_regions
from sklearn_tai.encoders._resolution import resized_preprocess

TEXT = {"context_length": 16, "vocab_size": 100, "width": 32, "heads": 2, "layers": 1}
VISION = {"image_size": 32, "layers": 3, "width": 32, "head_width": 16, "patch_size": 8}
RESNET = {"image_size": 64, "layers": (1, 1, 1, 1), "width": 8}
# settings of the image tower, and of the model
TRANSFORMERS = {
    "class token": ({}, {}),
    "QuickGELU": ({}, {"quick_gelu": True}),
    "mean": ({"pool_type": "avg"}, {}),
    "mean before the last norm": ({"pool_type": "avg", "final_ln_after_pool": True}, {}),
    "class token before the last norm": ({"final_ln_after_pool": True}, {}),
    "layer scale": ({"ls_init_value": 0.3}, {}),
    "oblong": ({"image_size": (32, 48)}, {}),
    "own pool": ({"attentional_pool": True, "attn_pooler_queries": 4}, {}),
}


def small(vision=None, **options):
    """A model with random weights, even those that are 0 or 1 at first."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.CLIP(24, VISION | (vision or {}), TEXT, **options).eval()
        for parameter in model.visual.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
    return model.requires_grad_(False)


def pixels(*size):
    return torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))


def check(model, batch, grid, **tolerance):
    """Embeddings with regions, after checks of the whole embedding and the number of regions."""
    tower = RegionTower(model)
    expected = model.encode_image(batch)
    found = tower.encode_image(batch)
    assert tower.grid == grid
    assert found.shape == (len(batch), 1 + grid[0] * grid[1], expected.shape[1])
    assert found.dtype == expected.dtype
    torch.testing.assert_close(found[:, 0], expected, **({"rtol": 0, "atol": 1e-5} | tolerance))
    torch.testing.assert_close(model.encode_image(batch), expected)  # the model is unchanged
    return found


def entering(visual, batch):
    """The input of the last block, batch first."""
    x = visual._embeds(batch)
    for block in visual.transformer.resblocks[:-1]:
        x = run(visual, block, x)
    return x


def run(visual, block, x):
    """Run a block on batch-first input, whatever order it expects."""
    if visual.transformer.batch_first:
        return block(x)
    return block(x.transpose(0, 1)).transpose(0, 1)


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("name", TRANSFORMERS)
def test_a_region_of_a_transformer_by_hand(name, fast):
    vision, options = TRANSFORMERS[name]
    model = small(vision, **options)
    if fast:
        fast_layout(model)
    visual = model.visual
    assert visual.transformer.batch_first != fast
    assert has_regions(model)
    batch = pixels(*visual.image_size)
    found = check(model, batch, tuple(visual.grid_size))
    x, block = entering(visual, batch), visual.transformer.resblocks[-1]
    if visual.attn_pool is not None:
        x, pool = run(visual, block, x)[1, 1 + 5], visual.attn_pool
        value = pool.attn.v_proj_weight @ pool.ln_k(x) + pool.attn.in_proj_bias[-24:]
        region = pool.attn.out_proj.weight @ value + pool.attn.out_proj.bias
    else:
        normed = block.ln_1(x[1, 1 + 5])
        value = block.attn.in_proj_weight[64:] @ normed + block.attn.in_proj_bias[64:]
        region = block.attn.out_proj.weight @ value + block.attn.out_proj.bias
        region = block.ls_1(region)
    torch.testing.assert_close(
        found[1, 1 + 5], visual.ln_post(region) @ visual.proj, rtol=1e-4, atol=1e-5
    )


def test_without_a_projection():
    model = small()
    model.visual.proj = None
    assert check(model, pixels(32, 32), (4, 4)).shape[2] == 32


def test_a_region_of_a_resnet_by_hand():
    model = fast_layout(small(RESNET))
    visual, pool = model.visual, model.visual.attnpool
    batch = pixels(64, 64)
    found = check(model, batch, (2, 2))
    x = visual.layer4(visual.layer3(visual.layer2(visual.layer1(visual.stem(batch)))))
    one = pool.c_proj(pool.v_proj(x[1, :, 1, 0]))
    torch.testing.assert_close(found[1, 1 + 2], one, rtol=1e-4, atol=1e-5)
    assert visual.attnpool is pool


@pytest.mark.parametrize(
    ("vision", "size", "grid"), [({}, 48, (6, 6)), (RESNET, 128, (4, 4)), (RESNET, 32, (1, 1))]
)
def test_other_sizes_of_images(vision, size, grid):
    model = small(vision)
    settings = PreprocessCfg(model.visual.image_size)
    open_clip.factory.set_model_preprocess_cfg(model, vars(settings))
    resized_preprocess(model, size, None)
    check(fast_layout(model), pixels(size, size), grid)


@pytest.mark.parametrize("vision", [{}, {"pool_type": "avg"}, RESNET])
def test_half_precision(vision):
    model = small(vision)
    batch = pixels(*[vision.get("image_size", 32)] * 2)
    exact = RegionTower(model).encode_image(batch)
    half = fast_layout(small(vision).to(torch.bfloat16))
    grid = RegionTower(half).grid
    found = check(half, batch.bfloat16(), grid, rtol=0, atol=0.05 * exact.abs().max())
    assert F.cosine_similarity(found.float(), exact, dim=-1).min() > 0.99


def test_a_call_leaves_nothing_behind():
    model = small()
    tower, batches = RegionTower(model), [pixels(32, 32), pixels(32, 32).flip(0)]
    first, second = map(tower.encode_image, batches)
    torch.testing.assert_close(first.flip(0), second)


def siglip():
    from timm.models.vision_transformer import VisionTransformer

    with torch.random.fork_rng():
        torch.manual_seed(0)
        tower = open_clip.timm_model.TimmModel(
            "vit_base_patch16_siglip_224", 32, pool="map", proj="none"
        )
        tower.trunk = VisionTransformer(
            32,
            8,
            embed_dim=32,
            depth=2,
            num_heads=2,
            class_token=False,
            global_pool="map",
            num_classes=0,
        )
        model = torch.nn.Module()
        model.visual, model.encode_image = tower, tower.forward
    return model.eval().requires_grad_(False)


def test_a_region_of_siglip_by_hand():
    model = siglip()
    batch = pixels(32, 32)
    found = check(model, batch, (4, 4))
    pool = model.visual.trunk.attn_pool
    # the pool, applied to this position alone
    one = pool(model.visual.trunk.forward_features(batch)[1:, 5:6])
    torch.testing.assert_close(found[1, 1 + 5], one[0], rtol=1e-4, atol=1e-5)


def test_towers_without_regions():
    for vision in ({"attentional_pool": "parallel"}, {"block_type": "custom"}):
        model = small(vision)
        assert not has_regions(model)
        with pytest.raises(ValueError, match="VisionTransformer has no regions"):
            RegionTower(model)
    assert not has_regions(torch.nn.Linear(2, 2))  # from another library
    convolutions = OpenCLIPEncoder("MobileCLIP-S1", None, cache=None)._load().model
    assert not has_regions(convolutions)


def test_the_bundled_model(encoder, scenes):
    loaded = encoder._load()
    batch = torch.stack([loaded.preprocess(image) for image in scenes.images[:2]])
    found = check(loaded.model, batch, (3, 3))
    assert np.isfinite(found).all()
