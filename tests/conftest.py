import os

os.environ["HF_HUB_OFFLINE"] = "1"  # before any import that reads it: tests never use the network

import pytest

from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator
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
    return PromptCorpusGenerator(n_texts=600, random_state=0).generate(scenes.label_names)


@pytest.fixture(scope="session")
def text_embeddings(encoder, corpus):
    return encoder.transform(corpus[0])
