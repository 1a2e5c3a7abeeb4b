"""Classifiers on the hub: a real client and a local server."""

import json

import numpy as np
import pytest
from huggingface_hub import ModelCard

from sklearn_tai import OpenCLIPEncoder, PromptCorpusGenerator, TextAsImageClassifier
from sklearn_tai.deploy import from_pretrained, push_to_hub
from tests.hub_server import COMMIT, serve_hub, set_offline, use_hub

REPO = "me/beach"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with serve_hub() as server:
        server.folder = tmp_path / "hub"
        use_hub(monkeypatch, server.url, tmp_path / "cache")
        yield server


@pytest.fixture(scope="module")
def clf():
    texts, Y = PromptCorpusGenerator(90, random_state=0).generate(["dog", "cat", "big boat"])
    return TextAsImageClassifier(OpenCLIPEncoder("tai-tiny")).fit(texts, Y)


def test_there_and_back(hub, clf, scenes, capfd):
    url = push_to_hub(clf, REPO, token="a token")
    assert url == f"{hub.url}/{REPO}"
    again = from_pretrained(REPO)
    assert again.classes_.tolist() == ["dog", "cat", "big boat"]
    images = scenes.images[:4]
    np.testing.assert_array_equal(again.predict_proba(images), clf.predict_proba(images))
    same = from_pretrained(REPO, revision=COMMIT)
    np.testing.assert_array_equal(same.predict_proba(images), clf.predict_proba(images))
    assert not any(capfd.readouterr())  # silent without verbose


def test_downloads_work_offline(hub, clf, monkeypatch):
    push_to_hub(clf, REPO, token="a token")
    from_pretrained(REPO)
    set_offline(monkeypatch, True)
    assert from_pretrained(REPO).classes_.tolist() == clf.classes_.tolist()
    for call in (lambda: from_pretrained("me/other"), lambda: push_to_hub(clf, "me/other")):
        with pytest.raises(OSError, match=r"repo_id='me/other': HF_HUB_OFFLINE forbids .*Unset"):
            call()


def test_unreachable_hub(clf, monkeypatch, tmp_path):
    use_hub(monkeypatch, "http://127.0.0.1:9", tmp_path)
    for call in (lambda: from_pretrained(REPO), lambda: push_to_hub(clf, REPO, token="a token")):
        with pytest.raises(OSError, match=r"repo_id='me/beach': http.*9 cannot be reached.*once"):
            call()


def test_missing_repository(hub):
    with pytest.raises(OSError, match=r"has no 'me/beach', or keeps it private.*hf auth login"):
        from_pretrained(REPO)


def test_the_card(hub, clf):
    push_to_hub(
        clf,
        REPO,
        license="cc-by-4.0",
        description="Made for photos of beaches.",
        metrics={"mAP on 200 photos": 0.74321},
        token="a token",
    )
    card = ModelCard.load(hub.folder / REPO / "README.md")
    assert card.data.library_name == "sklearn-tai"
    assert card.data.license == "cc-by-4.0"
    assert card.data.pipeline_tag == "image-classification"
    for words in (
        "`dog`, `cat`, `big boat`",
        "Made for photos of beaches.",
        "| mAP on 200 photos | 0.7432 |",
        "OpenCLIPEncoder(model_name='tai-tiny')",
        f'from_pretrained("{REPO}")',
    ):
        assert words in card.text


def test_only_the_two_files_are_fetched(hub, clf, tmp_path):
    push_to_hub(clf, REPO, token="a token")
    stranger = tmp_path / "code.py"
    stranger.write_text("raise SystemExit('this ran')")
    hub.files[f"{REPO}/code.py"] = stranger
    from_pretrained(REPO)
    fetched = sorted(path.rpartition("/")[2].partition("-")[0] for path in hub.downloads())
    assert fetched == ["config.json", "weights"]


def test_an_earlier_classifier_is_replaced(hub, clf, scenes, tmp_path, monkeypatch):
    push_to_hub(clf, REPO, token="a token")
    texts, Y = PromptCorpusGenerator(90, random_state=1).generate(["sea", "sand"])
    other = TextAsImageClassifier(OpenCLIPEncoder("tai-tiny")).fit(texts, Y)
    push_to_hub(other, REPO, token="a token")
    assert sum(name.endswith(".safetensors") for name in hub.files) == 1
    use_hub(monkeypatch, hub.url, tmp_path / "another cache")
    again = from_pretrained(REPO)
    images = scenes.images[:2]
    np.testing.assert_array_equal(again.predict_proba(images), other.predict_proba(images))


@pytest.mark.parametrize(
    ("status", "remedy"), [(401, "hf auth login"), (403, "hf auth login"), (500, "Try again")]
)
def test_a_hub_that_refuses(hub, clf, status, remedy):
    hub.trouble["uploads"] = status
    with pytest.raises(OSError, match=rf"repo_id='me/beach': .*status {status}.*{remedy}"):
        push_to_hub(clf, REPO, token="a token")
    assert not hub.files


def test_invalid_names(hub, clf):
    with pytest.raises(ValueError, match="repo_id='a b/c/d'"):
        from_pretrained("a b/c/d")
    with pytest.raises(ValueError, match="repo_id='a b/c/d'"):
        push_to_hub(clf, "a b/c/d", token="a token")


def test_repository_without_a_classifier(hub, clf):
    push_to_hub(clf, REPO, token="a token")
    config = hub.folder / REPO / "config.json"
    config.write_text(json.dumps({"architectures": ["BertModel"]}))
    with pytest.raises(ValueError, match="The classifier in"):
        from_pretrained(REPO)
