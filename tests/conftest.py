import os

os.environ["HF_HUB_OFFLINE"] = "1"  # tests never use the network; set before it is read on import
if "PYTEST_XDIST_WORKER" in os.environ:  # or the workers would compete for the cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import signal
from pathlib import Path

import pytest

import sklearn_tai  # nothing slower here: pytest-xdist loads this file in an extra process


@pytest.fixture(scope="session")
def encoder():
    return sklearn_tai.OpenCLIPEncoder("tai-tiny")


@pytest.fixture(scope="session")
def scenes():
    from sklearn_tai.datasets import load_emoji_scenes

    return load_emoji_scenes()


@pytest.fixture(scope="session")
def image_embeddings(encoder, scenes):
    return encoder.transform(scenes.images)


@pytest.fixture(scope="session")
def corpus(scenes):
    generator = sklearn_tai.PromptCorpusGenerator(600, background_share=0, random_state=0)
    return tuple(generator.generate(scenes.label_names))


@pytest.fixture(scope="session")
def text_embeddings(encoder, corpus):
    return encoder.transform(corpus[0])


@pytest.fixture(scope="session")
def default_clf(encoder, text_embeddings, corpus, scenes):
    """The default classifier, with label names. Shared by all tests: do not change it."""
    import pandas as pd

    Y = pd.DataFrame(corpus[1], columns=scenes.label_names)
    return sklearn_tai.TextAsImageClassifier(encoder).fit(text_embeddings, Y)


@pytest.fixture
def ctrl_c():
    """Let Ctrl-C reach this process and those it starts.

    A non-interactive shell makes its background processes ignore Ctrl-C.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Random weights under the file names of published ones, for narrowed architectures."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    from tests.models import forget_models

    folder = tmp_path_factory.mktemp("checkpoints")
    narrow = {
        "RN50": {"layers": [1, 1, 1, 1], "width": 8},
        "ViT-B-32": {"layers": 2, "width": 64},
        "convnext_base": {"timm_model_name": "convnext_atto"},
    }
    for name in ("RN50", "RN50-quickgelu", "ViT-B-32", "ViT-B-32-quickgelu", "convnext_base"):
        config = open_clip.get_model_config(name)
        config["vision_cfg"] |= narrow[name.removesuffix("-quickgelu")]
        config["text_cfg"] |= {"layers": 2, "width": 64, "heads": 2}
        (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)
    files = {}
    for name, file in (
        ("RN50-quickgelu", "timm/resnet50_clip.openai/open_clip_model.safetensors"),
        (
            "ViT-B-32-quickgelu",
            "timm/vit_base_patch32_clip_224.openai/open_clip_pytorch_model.bin",
        ),
    ):
        torch.manual_seed(1)
        model = open_clip.create_model(name)
        weights = {
            k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()
        }
        path = files[file] = folder / file
        path.parent.mkdir(parents=True)
        if path.suffix == ".bin":
            torch.save(weights, path)
        else:
            save_file(weights, path)
    tiny = Path(sklearn_tai.__file__).parent / "encoders" / "models" / "tai-tiny"
    files["someone/other/README.md"] = tiny / "README.md"
    for name in ("open_clip_model.safetensors", "open_clip_config.json"):
        files[f"someone/tiny/{name}"] = tiny / name
    yield files
    open_clip.add_model_config(Path(open_clip.__file__).parent / "model_configs")
    forget_models()
