"""The activation that weights were trained with: by tag, by file, or set by the user."""

import warnings
import zipfile

import numpy as np
import open_clip
import pytest
import torch

from sklearn_tai import OpenCLIPEncoder
from sklearn_tai.encoders import _activation
from sklearn_tai.exceptions import WeightsError

# QuickGELU is in the model's settings but not in the tag; it was measured with QuickGELU
IN_SETTINGS_ALONE = ("roberta-ViT-B-32", "laion2b_s12b_b32k")
ASSUMED = "not known which activation.*; GELU is assumed.*Set quick_gelu to True or False"


@pytest.mark.parametrize(("name", "tag"), open_clip.list_pretrained())
def test_every_tag_runs_as_it_was_trained(name, tag):
    config = open_clip.get_pretrained_cfg(name, tag)
    chosen, remark = _activation.choose_activation(
        None, open_clip.get_model_config(name), config, name, None
    )
    assert chosen == (bool(config.get("quick_gelu")) or (name, tag) == IN_SETTINGS_ALONE)
    assert remark is None


@pytest.mark.parametrize("name", ["RN50", "ViT-B-32", "ViT-H-14-378"])
@pytest.mark.parametrize("quick_gelu", [True, False])
def test_both_towers_get_the_activation(name, quick_gelu):
    from open_clip.transformer import QuickGELU

    with torch.device("meta"):
        model = open_clip.create_model(name, device="meta", quick_gelu=quick_gelu)
    kinds = {type(m) for m in model.modules() if isinstance(m, (QuickGELU, torch.nn.GELU))}
    assert kinds == {QuickGELU if quick_gelu else torch.nn.GELU}


@pytest.fixture(scope="module")
def weights(checkpoints):
    """Random weights in place of OpenAI's ViT-B/32."""
    return checkpoints["timm/vit_base_patch32_clip_224.openai/open_clip_pytorch_model.bin"]


def embed(path, name="ViT-B-32", **params):
    encoder = OpenCLIPEncoder(name, str(path), normalize=True, cache=None, **params)
    return encoder.transform(["two dogs on a sofa"])


@pytest.fixture(scope="module")
def expected(weights):
    return {quick: embed(weights, quick_gelu=quick) for quick in (True, False)}


@pytest.mark.parametrize(
    ("file", "quick_gelu"),
    [
        ("ViT-B-32.pt", True),  # OpenAI's name
        ("openai.pt", True),
        ("ViT-B-32-openai.bin", True),
        ("vit_b_32-quickgelu-laion400m_e32-46683a32.pt", True),  # open_clip's name
        ("laion2b_s34b_b79k.bin", False),
        ("models--timm--vit_base_patch32_clip_224.openai/snapshots/abc/weights.bin", True),
    ],
)
def test_files_called_after_a_tag(file, quick_gelu, weights, expected, tmp_path):
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(weights)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(embed(path), expected[quick_gelu], atol=1e-5)


def test_other_files(weights, expected, tmp_path):
    path = tmp_path / "mine.pt"
    path.symlink_to(weights)
    with pytest.warns(UserWarning, match=ASSUMED):
        np.testing.assert_allclose(embed(path), expected[False], atol=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(embed(path, quick_gelu=True), expected[True], atol=1e-5)
        named = embed(path, "ViT-B-32-quickgelu")
    np.testing.assert_allclose(named, expected[True], atol=1e-5)


def test_a_known_mismatch_warns(weights, tmp_path):
    path = tmp_path / "openai.pt"
    path.symlink_to(weights)
    with pytest.warns(UserWarning, match="trained with QuickGELU, but GELU is requested"):
        embed(path, quick_gelu=False)


@pytest.mark.usefixtures("checkpoints")
def test_models_without_a_choice_need_no_warning(tmp_path):
    """If all published weights have the same activation, it is assumed without a warning."""
    model = open_clip.create_model("convnext_base")
    torch.save({k: v.half() for k, v in model.state_dict().items()}, tmp_path / "mine.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert embed(tmp_path / "mine.pt", "convnext_base").shape == (1, 512)


class _AsOpenAI(torch.nn.Module):
    """A model with everything that OpenAI's archives contain besides the weights."""

    def __init__(self, model):
        super().__init__()
        for name, child in model.named_children():
            self.add_module(name, child)
        for name in ("positional_embedding", "text_projection", "logit_scale"):
            setattr(self, name, getattr(model, name))
        for name in ("input_resolution", "context_length", "vocab_size"):
            self.register_buffer(name, torch.tensor(1))

    def forward(self, images):
        return self.visual(images)


def test_torchscript_archives_as_openai_publishes_them(weights, expected, tmp_path):
    model = open_clip.create_model("ViT-B-32-quickgelu", str(weights)).eval()
    path = tmp_path / "downloaded.pt"  # recognised by its code, not its name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch recommends torch.export
        pixels = torch.zeros(1, 3, 224, 224)
        torch.jit.trace(_AsOpenAI(model), pixels, check_trace=False).save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(embed(path), expected[True], atol=1e-5)


class _Trap:
    """Code that a fake TorchScript file would run."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("new_format", [True, False])
@pytest.mark.parametrize("entry", ["archive/constants.pkl", "a/b/constants.pkl", "constants.pkl"])
def test_code_in_a_weights_file_never_runs(new_format, entry, tmp_path):
    path, trap = tmp_path / "ViT-B-32.pt", tmp_path / "trap"
    torch.save({"x": _Trap(trap)}, path, _use_new_zipfile_serialization=new_format)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(entry, b"")
    with pytest.raises(WeightsError, match="cannot be used"):
        embed(path)
    assert not trap.exists()


def test_missing_device(tmp_path):
    with pytest.raises(ValueError, match=r"device='gpu' cannot be used here .*Set device=None"):
        OpenCLIPEncoder("tai-tiny", device="gpu").transform(["a dog"])


@pytest.mark.parametrize("content", [b"no weights", b""])
def test_damaged_files(content, tmp_path):
    path = tmp_path / "ViT-B-32.pt"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"ViT-B-32.pt' cannot be used .*Check that the"):
        embed(path)


def test_weights_of_another_model(weights):
    with pytest.raises(WeightsError, match=r"complete and belongs to 'ViT-B-16'"):
        embed(weights, "ViT-B-16")


def test_the_disk_cache_tells_activations_apart(weights, expected, tmp_path):
    params = {"normalize": True, "cache": tmp_path}
    for quick_gelu in (True, False):
        encoder = OpenCLIPEncoder("ViT-B-32", str(weights), quick_gelu=quick_gelu, **params)
        found = encoder.transform(["two dogs on a sofa"])
        np.testing.assert_allclose(found, expected[quick_gelu], atol=1e-5)
