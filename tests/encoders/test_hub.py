"""Weights from the hub: what is downloaded, and the errors if it fails."""

import contextlib
import json
import os
import subprocess
import sys
import time
from importlib.metadata import version

import huggingface_hub
import numpy as np
import open_clip
import pytest
import torch
from click.testing import CliRunner
from packaging.version import Version
from PIL import Image
from sklearn.base import clone

from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator
from sklearn_tai.cli import cli
from sklearn_tai.corpus import Corpus
from sklearn_tai.exceptions import WeightsError
from tests.hub_server import serve_hub, set_offline, use_hub
from tests.models import forget_models

RN50 = "timm/resnet50_clip.openai"
VIT = "timm/vit_base_patch32_clip_224.openai"
TINY = "hf-hub:someone/tiny"


@pytest.fixture(scope="module")
def server(checkpoints):
    with serve_hub() as hub:
        for file in checkpoints.values():
            hub.sha256(file)  # slow, and tests wait only a second for an answer
        yield hub


@pytest.fixture
def hub(server, checkpoints, monkeypatch, tmp_path):
    """The server without any trouble, and an empty cache."""
    server.files, server.trouble = dict(checkpoints), {}
    server.requests.clear()
    use_hub(monkeypatch, server.url, tmp_path / "cache")
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "1")
    return server


PICTURE = Image.new("RGB", (64, 64), "red")


def embed(*params, items=(PICTURE,), **more):
    """Embed with a freshly loaded model."""
    forget_models()
    return OpenCLIPEncoder(*params, normalize=True, cache=None, **more).transform(list(items))


@pytest.mark.parametrize(("name", "repo"), [("RN50", RN50), ("ViT-B-32", VIT)])
def test_a_tag_runs_with_the_activation_it_was_trained_with(hub, checkpoints, name, repo, scenes):
    items = ["a dog on a sofa", "two cats", *scenes.images[:2]]
    found = embed(name, "openai", items=items)
    file = next(path for key, path in checkpoints.items() if key.startswith(repo))
    model, _, preprocess = open_clip.create_model_and_transforms(
        f"{name}-quickgelu", pretrained=str(file)
    )
    tokenize = open_clip.get_tokenizer(name)
    with torch.no_grad():
        texts = model.eval().encode_text(tokenize(items[:2]))
        images = model.encode_image(torch.stack([preprocess(image) for image in items[2:]]))
    expected = torch.nn.functional.normalize(torch.cat([texts, images])).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.warns(UserWarning, match="trained with QuickGELU, but GELU is requested"):
        other = embed(name, "openai", quick_gelu=False, items=items)
    assert np.abs(other - expected).max() > 1e-4


@pytest.mark.parametrize(
    ("params", "architecture", "tag"),
    [
        ((), "ViT-B-16", "openai"),
        (("default",), "ViT-B-16", "openai"),
        (("paper",), "RN50", "openai"),
        (("fast",), "ViT-B-32-256", "datacomp_s34b_b86k"),
        (("ViT-B/16",), "ViT-B-16", "openai"),
        (("ViT-B-16-SigLIP",), "ViT-B-16-SigLIP", "webli"),  # its only weights
        (("ViT-B-16", "laion2b-s34b-b88k"), "ViT-B-16", "laion2b-s34b-b88k"),
    ],
)
def test_which_weights_are_taken(hub, params, architecture, tag):
    with contextlib.suppress(WeightsError):  # the server lacks most of them
        embed(*params)
    repo = open_clip.get_pretrained_cfg(architecture, tag)["hf_hub"].rpartition("/")[0]
    assert {path.split("/resolve/")[0] for _, path, _ in hub.requests} == {f"/{repo}"}


def test_random_weights_need_no_download(hub):
    assert embed("RN50", None).shape == (1, 1024)
    assert hub.requests == []


def test_the_second_use_asks_the_hub_nothing(hub, monkeypatch):
    first = embed("RN50")
    assert len(hub.downloads()) == 1
    hub.requests.clear()
    np.testing.assert_array_equal(embed("RN50"), first)
    set_offline(monkeypatch, True)
    np.testing.assert_array_equal(embed("paper"), first)
    assert hub.requests == []


@pytest.mark.parametrize("verbose", [0, 1])
def test_progress_bar_of_a_download(hub, capfd, monkeypatch, verbose):
    monkeypatch.setenv("TQDM_POSITION", "-1")  # as in a terminal
    embed(TINY, verbose=verbose)
    assert ("open_clip_model.safetensors" in capfd.readouterr().err) == bool(verbose)


def test_a_repository_includes_its_settings(hub, encoder, scenes):
    images = scenes.images[:2]
    expected = clone(encoder).set_params(normalize=True).transform(images)
    np.testing.assert_allclose(embed(TINY, items=images), expected, atol=1e-5)


# trouble at the hub, and the error with its remedy
FAILURES = {
    404: r"has no 'timm/resnet50_clip.openai', or keeps it private \(status 404\). Check the name",
    401: r"or keeps it private \(status 401\).*log in with 'hf auth login' or set HF_TOKEN",
    "gated": "for people who accepted its terms.*Accept them at .*/timm/resnet50.*, then log in",
    429: "accepts no more requests for now.*Wait a few minutes, or set HF_TOKEN",
    500: r"failed \(status 500\). Try again later",
    "silent": "cannot be reached, or stopped answering.*Connect to the network once, or use "
    r"OpenCLIPEncoder\('RN50', 'FILE'\) with a weights file",
}


@pytest.mark.parametrize("trouble", FAILURES)
def test_failures(hub, trouble):
    hub.trouble[RN50] = trouble
    with pytest.raises(WeightsError, match=FAILURES[trouble]) as caught:
        embed("RN50")
    assert str(caught.value).startswith("The weights of model_name='RN50' cannot be loaded: ")
    # once, or twice if the file may have one of two names, but not again and again
    assert len(hub.requests) <= 2


def test_no_connection(hub, monkeypatch, tmp_path):
    """Without a network it gives up after one request, without waiting or retrying."""
    use_hub(monkeypatch, "http://127.0.0.1:9", tmp_path)
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("waits for another try"))
    for name, helps in (
        ("RN50", r"or use OpenCLIPEncoder\('RN50', 'FILE'\)"),
        ("best", r"or use OpenCLIPEncoder\('PE-Core-L-14-336', 'FILE'\)"),
        (TINY, "or set model_name to 'local-dir:FOLDER'"),
    ):
        with pytest.raises(WeightsError, match=f"{name}.* cannot be reached.* once, {helps}"):
            embed(name)


def test_offline(hub, monkeypatch):
    set_offline(monkeypatch, True)
    with pytest.raises(WeightsError, match=r"HF_HUB_OFFLINE forbids asking.*Unset"):
        embed("RN50")
    assert hub.requests == []


@pytest.mark.skipif(
    Version(huggingface_hub.__version__) < Version("1.20"), reason="older ones begin anew"
)
def test_an_interrupted_download_is_resumed(hub, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 2**20)
    hub.trouble[RN50] = "breaks"
    assert embed("RN50").shape == (1, 1024)
    spans = [span for method, _, span in hub.requests if method == "GET"]
    assert spans[0] == ""
    assert spans[1].startswith("bytes=")


def test_a_download_that_dies_leaves_nothing_behind(hub, tmp_path):
    hub.trouble["someone/tiny"] = "dies"
    with pytest.raises(
        WeightsError, match=r"'hf-hub:someone/tiny' cannot be loaded: .*(stopped|off)"
    ):
        embed(TINY)
    hub.trouble.clear()
    assert embed(TINY).shape == (1, 256)


def test_a_slow_download_ends_well(hub):
    hub.trouble["someone/tiny"] = "drips"
    assert embed(TINY).shape == (1, 256)


@pytest.mark.parametrize("damage", ["truncated", "changed"])
def test_damaged_files_of_the_cache_are_downloaded_again(hub, damage, tmp_path, monkeypatch):
    expected = embed(TINY)
    (blob,) = (file for file in tmp_path.glob("cache/**/blobs/*") if file.stat().st_size > 2**20)
    content = bytearray(blob.read_bytes())
    content[-4] ^= 255
    blob.write_bytes(content if damage == "changed" else content[:-1000])
    set_offline(monkeypatch, True)
    with pytest.raises(WeightsError, match=r"forbids .*is damaged \(.*safetensors\).*Unset"):
        embed(TINY)
    set_offline(monkeypatch, False)
    np.testing.assert_array_equal(embed(TINY), expected)


@pytest.fixture
def with_tokenizer(hub, tmp_path):
    """A model with a tokenizer of transformers, from another repository."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1, "a": 2, "dog": 3}, "[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(tmp_path / "tokenizer.json"))
    settings = json.loads(hub.files["someone/tiny/open_clip_config.json"].read_text())
    # code in the repository must not run, even if the settings ask for it
    settings["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = "someone/words"
    settings["model_cfg"]["text_cfg"]["tokenizer_kwargs"] = {"trust_remote_code": True}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(settings))
    code = f"open({str(tmp_path / 'trap')!r}, 'w')\nfrom transformers import *\n"
    (tmp_path / "trap_code.py").write_text(code)
    plain = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(plain))
    for name in ("tokenizer.json", "tokenizer_config.json", "trap_code.py"):
        hub.files[f"someone/words/{name}"] = tmp_path / name
    hub.files["someone/worded/open_clip_config.json"] = tmp_path / "open_clip_config.json"
    weights = "open_clip_model.safetensors"
    hub.files[f"someone/worded/{weights}"] = hub.files[f"someone/tiny/{weights}"]
    return tmp_path


@pytest.mark.skipif(
    Version(version("transformers")) < Version("5.18"), reason="older ones need the hub each time"
)
def test_a_tokenizer_of_transformers(hub, with_tokenizer, monkeypatch):
    found = embed("hf-hub:someone/worded", items=["a dog", "a   dog", "dog"])
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)
    assert np.abs(found[0] - found[2]).max() > 1e-3
    set_offline(monkeypatch, True)
    again = embed("hf-hub:someone/worded", items=["a dog"])
    np.testing.assert_allclose(again, found[:1], atol=1e-6)


def test_code_of_a_tokenizer_never_runs(hub, with_tokenizer):
    trap = {"auto_map": {"AutoTokenizer": ["trap_code.Tokenizer", None]}}
    (with_tokenizer / "tokenizer_config.json").write_text(json.dumps(trap))
    with contextlib.suppress(WeightsError):
        embed("hf-hub:someone/worded", items=["a dog"])
    assert not (with_tokenizer / "trap").exists()


def test_missing_tokenizer(hub, with_tokenizer):
    hub.trouble["someone/words"] = 500
    with pytest.raises(WeightsError, match=r"hf-hub:someone/worded' cannot.* failed \(status 500"):
        embed("hf-hub:someone/worded", items=["a dog"])


def test_a_repository_of_another_kind(hub):
    with pytest.raises(
        WeightsError, match="'someone/other' has none of the files open_clip_model"
    ):
        embed("hf-hub:someone/other")
    with pytest.raises(WeightsError, match="cannot be the name of a repository"):
        embed("hf-hub:a/b/c")


def test_no_space_is_left(hub, monkeypatch, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small]).returncode:
        pytest.skip("cannot mount a small file system here")
    try:
        use_hub(monkeypatch, hub.url, small)
        with pytest.raises(
            WeightsError, match=r"no space is left in .*small\. Free some space, or set HF_"
        ):
            embed(TINY)
    finally:
        subprocess.run(["umount", small], check=True)


def test_unusable_cache(hub, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    use_hub(monkeypatch, hub.url, tmp_path / "file")
    with pytest.raises(WeightsError, match="hf-hub:someone/tiny' cannot be loaded: "):
        embed(TINY)


def test_two_processes_at_once(hub, tmp_path):
    """Set up like users do: by environment variables, which are read on import."""
    hub.trouble["someone/tiny"] = "drips"  # so that both download at once
    code = (
        "from PIL import Image; from sklearn_tai import OpenCLIPEncoder; "
        f"print(OpenCLIPEncoder({TINY!r}).transform([Image.new('RGB', (64, 64))])[0, :3])"
    )
    variables = {"HF_ENDPOINT": hub.url, "HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "0"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env=os.environ | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    (out, err), other = (process.communicate(timeout=120) for process in processes)
    assert other == (out, err)
    assert out.startswith("[")
    assert err == ""


@pytest.fixture
def corpus_file(tmp_path):
    path = tmp_path / "corpus.jsonl"
    texts, Y = PromptCorpusGenerator(20, random_state=0).generate(["cat", "dog"])
    Corpus(texts, Y, ["cat", "dog"]).save(path)
    return path


def test_the_command_line_names_its_own_options(hub, corpus_file, tmp_path):
    hub.trouble[RN50] = "silent"
    args = ["fit", str(corpus_file), "-o", str(tmp_path / "model"), "--encoder"]
    result = CliRunner().invoke(cli, [*args, "RN50"], prog_name="sklearn-tai")
    assert result.exit_code == 1
    assert "Error: The weights of --encoder 'RN50' cannot be loaded: " in result.stderr
    assert "or give a weights file: --encoder RN50 --pretrained FILE." in result.stderr
    result = CliRunner().invoke(cli, [*args, "RN5O"], prog_name="sklearn-tai")
    assert "Error: --encoder 'RN5O' is not a model of open_clip; did you mean" in result.stderr


def test_the_command_line_says_which_activation_it_took(hub, checkpoints, corpus_file, tmp_path):
    mine = tmp_path / "mine.pt"
    mine.symlink_to(checkpoints[f"{VIT}/open_clip_pytorch_model.bin"])
    args = ["fit", str(corpus_file), "-o", str(tmp_path / "model"), "--encoder", "ViT-B-32"]
    args += ["--pretrained", str(mine)]
    embed("tai-tiny")  # or the model may still be in memory
    result = CliRunner().invoke(cli, args, prog_name="sklearn-tai")
    assert "GELU is assumed" in result.stderr
    assert "Give --quick-gelu or --gelu." in result.stderr
    result = CliRunner().invoke(cli, [*args, "--quick-gelu", "--force"], prog_name="sklearn-tai")
    assert result.exit_code == 0
    assert "Warning" not in result.stderr


@pytest.mark.parametrize("content", [b"", b"\xff", b"[" * 100_000, b"[]", b'{"a": 1}'])
def test_damaged_settings_in_the_cache_say_which_file_to_delete(tmp_path, content):
    blob = tmp_path / "models--someone--tiny" / "blobs" / "abc"
    snapshot = tmp_path / "models--someone--tiny" / "snapshots" / "1"
    for folder in (blob.parent, snapshot):
        folder.mkdir(parents=True)
    blob.write_bytes(content)
    (snapshot / "open_clip_config.json").symlink_to(blob)
    with pytest.raises(WeightsError, match=f"cannot be read as settings.* Delete '{blob}', and"):
        embed(f"local-dir:{snapshot}")
