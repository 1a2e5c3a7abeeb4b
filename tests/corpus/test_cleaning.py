"""Cleaning the replies of a language model."""

import pytest

from sklearn_tai import OllamaCorpusGenerator
from tests.ollama_server import MODEL, OllamaServer


@pytest.fixture(scope="module")
def server():
    with OllamaServer() as server:
        yield server


@pytest.fixture
def generate(server):
    """Turn one reply into a caption: the texts, their labels, and what was dropped."""

    def generate(reply, names=("dog",), **params):
        server.reply = lambda messages: reply
        generator = OllamaCorpusGenerator(
            MODEL, 1, host=server.url, n_retries=0, labels_per_text=1, random_state=0, **params
        )
        texts, Y = generator.generate(list(names))
        return texts, Y, generator.generation_report_["dropped"]

    return generate


@pytest.mark.parametrize(
    ("reply", "caption"),
    [
        ("A dog on a sofa.", "A dog on a sofa."),
        ('"A dog on a sofa."', "A dog on a sofa."),
        ("“A dog.”", "A dog."),
        ('"A dog', "A dog"),
        ("Caption: A dog.", "A dog."),
        ("**Caption:** *A bus waits.*", "A bus waits."),
        ("Image Caption - A cat", "A cat"),
        ('Sure! Here\'s a caption:\n\n"A dog plays."\n\nLet me know!', "A dog plays."),
        ('Certainly! Here is a brief caption for an image of a dog: "A dog runs."', "A dog runs."),
        ("<think>a dog,\n\nhmm</think>\n\nA dog.", "A dog."),
        ("<think>cut off", ""),
        ("1. A dog.\n2. A cat.", "A dog."),
        ("A bus on a street #bus #street", "A bus on a street"),
        ("A dog\nand a cat.", "A dog and a cat."),
        ("```\nA dog.\n```", "A dog."),
        ("hm, a dog.\n</think>\n\nA dog runs.", "A dog runs."),
        # looks like a preamble, but is the caption
        ("This is a clock that reads 3:45 pm.", "This is a clock that reads 3:45 pm."),
        ("Here is a clock showing 10:30.", "Here is a clock showing 10:30."),
        ("This is a street sign: stop.", "This is a street sign: stop."),
        ('The sign says "Stop"', 'The sign says "Stop"'),
        ("Here is a dog on the beach.", "Here is a dog on the beach."),
        ("Okay dogs play here.", "Okay dogs play here."),
        ("A dog's life", "A dog's life"),
        ("", ""),
        ("***", ""),
        (" \n", ""),
    ],
)
@pytest.mark.filterwarnings("ignore:1 of 1 captions were dropped")
def test_clean_caption(generate, reply, caption):
    texts, _, dropped = generate(reply)
    assert texts == ([caption] if caption else [])
    assert dropped == ({} if caption else {"empty reply": 1})


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't assist with that.",
        "As an AI language model, I have no eyes.",
        "I cannot create images.",
        "Please provide the image.",
        "I'm unable to see the image you describe.",
    ],
)
@pytest.mark.filterwarnings("ignore:1 of 1 captions were dropped")
def test_refusals(generate, text):
    assert generate(text)[::2] == ([], {"refusal": 1})


@pytest.mark.parametrize("text", ["A sorry dog.", "A person can help a dog.", "I can see a dog."])
def test_captions_are_no_refusals(generate, text):
    assert generate(text)[0] == [text]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("A dog and two TV-monitors.", ["dog", "tv monitor"]),
        ("People watch.", ["person"]),
        ("Three persons", ["person"]),
        ("Mice on a ski", ["mouse", "skis"]),
        ("a hot dog", ["hot dog"]),
        ("a hot dog for a dog", ["dog", "hot dog"]),
        ("dogma, doghouse", []),
        ("The dog's bowl", ["dog"]),
    ],
)
@pytest.mark.filterwarnings("ignore:1 of 1 captions were dropped")
def test_named_labels(generate, text, named):
    names = ["dog", "hot dog", "tv monitor", "mouse", "person", "skis"]
    _, Y, _ = generate(text, names, label_policy="named")
    assert [name for row in Y for name, value in zip(names, row) if value] == named
