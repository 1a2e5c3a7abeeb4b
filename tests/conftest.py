import os

os.environ["HF_HUB_OFFLINE"] = "1"  # before any import that reads it: tests never use the network
if "PYTEST_XDIST_WORKER" in os.environ:  # workers that all use all cores wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import signal
from pathlib import Path

import open_clip
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

import sklearn_tai
from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator, TextAsImageClassifier
from sklearn_tai.datasets import load_emoji_scenes


@pytest.fixture(scope="session")
def encoder():
    return OpenCLIPEncoder("tai-tiny")


@pytest.fixture(scope="session")
def scenes():
    return load_emoji_scenes()


@pytest.fixture(scope="session")
def image_embeddings(encoder, scenes):
    return encoder.transform(scenes.images)


@pytest.fixture(scope="session")
def corpus(scenes):
    generator = PromptCorpusGenerator(n_texts=600, background_share=0, random_state=0)
    return tuple(generator.generate(scenes.label_names))


@pytest.fixture(scope="session")
def text_embeddings(encoder, corpus):
    return encoder.transform(corpus[0])


@pytest.fixture(scope="session")
def default_clf(encoder, text_embeddings, corpus, scenes):
    """The default classifier, with names of labels. Do not change it."""
    Y = pd.DataFrame(corpus[1], columns=scenes.label_names)
    return TextAsImageClassifier(encoder).fit(text_embeddings, Y)


@pytest.fixture
def ctrl_c():
    """Let Ctrl-C through, here and to processes started from here.

    A plain shell makes what it starts in the background ignore it.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory):
    """Random weights of real architectures, under the names that tags ask for."""
    folder = tmp_path_factory.mktemp("checkpoints")
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
    return files
