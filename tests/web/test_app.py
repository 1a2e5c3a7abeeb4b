import base64
import json
import os
import re
import shutil
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

pytest.importorskip("gradio")
import gradio_client
from click.testing import CliRunner
from sklearn.base import clone

from sklearn_tai import (
    PromptCorpusGenerator,
    RandomPerturbation,
    TextAsImageClassifier,
    ZeroShotClassifier,
)
from sklearn_tai.cli import cli
from sklearn_tai.encoders import BaseEncoder
from sklearn_tai.encoders._loaded import LoadedModel
from sklearn_tai.web import _app, _html, _serve, _trainer, launch, make_app
from sklearn_tai.web._html import numbered_spots

# warnings of gradio when its server starts and stops
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*:DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning:gradio"
)

N_TEXTS = 100  # few, to be fast
LABELS = "dog, bicycle, cat, car, bus"


@pytest.fixture(scope="module")
def page(encoder):
    app = launch(encoder, n_texts=N_TEXTS, block=False)
    yield app
    app.close(verbose=False)


@pytest.fixture(scope="module")
def client(page):
    return gradio_client.Client(page.local_url, verbose=False, analytics_enabled=False)


@pytest.fixture(scope="module")
def files(scenes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / f"scene {i}.png" for i in range(6)]
    for path, image in zip(paths, scenes.images):
        image.save(path)
    return paths


def ask(client, labels, paths, noise=1):
    pictures = [{"image": gradio_client.handle_file(str(path))} for path in paths]
    return client.predict(labels, pictures, noise, api_name="/score")[0]


def test_results_as_data(client, files, tmp_path):
    (tmp_path / "letter.jpg").write_text("Dear all")
    paths = [*files[:2], tmp_path / "letter.jpg"]
    pictures = [{"image": gradio_client.handle_file(str(path))} for path in paths]
    html, data = client.predict(LABELS, pictures, 1, api_name="/score")
    (carried,) = re.findall('href="data:application/json;base64,(.*?)"', html)
    assert json.loads(base64.b64decode(carried)) == data
    assert [record["picture"] for record in data] == [path.name for path in paths]
    for card, record in zip(scores(html)[:2], data[:2]):
        assert {name: shown[0] for name, shown in card.items()} == pytest.approx(
            {name: 100 * p for name, p in record["scores"].items()}, abs=1
        )
    assert "cannot be read as an image" in data[2]["mistake"]


class Tables(HTMLParser):
    """Cell texts of the table in each card, without the numbers of spots."""

    def __init__(self, html):
        super().__init__()
        self.cards, self.is_spot = [], False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "article":
            self.cards.append([])
        elif tag == "tr":
            self.cards[-1].append([])
        elif tag in ("th", "td"):
            self.cards[-1][-1].append("")
        self.is_spot = ("class", "spot") in attrs

    def handle_data(self, data):
        if self.cards and self.cards[-1] and self.cards[-1][-1] and not self.is_spot:
            self.cards[-1][-1][-1] += data


def scores(html):
    """The scores by label for each image, in the order of the page."""
    return [
        {
            label.strip(): (int(own.split()[0]), int(other.split()[0]))
            for label, own, other in rows[1:]
        }
        for rows in Tables(html).cards
    ]


def message(html):
    found = re.findall(r'<p class="mistake" role="alert">(.*?)</p>', html)
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("noise", [1, 0, 1.5])
def test_scores_are_those_of_the_classifiers(client, files, scenes, encoder, noise):
    html = ask(client, LABELS, files, noise)
    shown = scores(html)
    names = sorted(LABELS.split(", "))
    texts, Y = PromptCorpusGenerator(N_TEXTS, random_state=0).generate(names)
    clf = TextAsImageClassifier(encoder).fit(texts, Y)
    norm = np.linalg.norm(encoder.transform(texts), axis=1).mean()
    radius = noise * clf.perturbation_.radius_ / norm
    if noise != 1:
        clf = TextAsImageClassifier(encoder, RandomPerturbation(radius)).fit(texts, Y)
    assert f"noise radius {radius:.1f}." in html
    trained = clf.predict_proba(scenes.images[:6])
    zero_shot = ZeroShotClassifier(names, encoder).fit().predict_proba(scenes.images[:6])
    assert len(shown) == 6
    for k, card in enumerate(shown):
        assert list(card) == [names[i] for i in np.argsort(-trained[k], kind="stable")]
        expected = np.column_stack([trained[k], zero_shot[k]])
        np.testing.assert_allclose([card[name] for name in names], 100 * expected, atol=1)


def test_same_labels_are_encoded_once(client, files):
    labels = "horse\nsheep\n\ncow"
    first = ask(client, labels, files[:1])
    again = ask(client, "  cow, horse,sheep,", files[1:])
    assert "encoded in" in first
    assert "encoded before" in again
    without_noise = ask(client, labels, files[:1], noise=0)
    assert "encoded before" in without_noise
    assert scores(without_noise) != scores(first)


def test_concurrent_visitors(client, files):
    with ThreadPoolExecutor(4) as pool:
        same = list(pool.map(lambda _: ask(client, "boat, train", files[:1]), range(4)))
        others = [f"boat, train, {name}" for name in ("sofa", "bird", "bottle")]
        different = list(pool.map(lambda text: ask(client, text, files[:1]), others))
    assert sum("encoded in" in html for html in same) == 1
    assert len({json.dumps(scores(html)) for html in same}) == 1
    assert [set(scores(html)[0]) for html in different] == [set(t.split(", ")) for t in others]


def test_kept_sentences_are_bounded(encoder, monkeypatch):
    monkeypatch.setattr(_trainer, "_N_KEPT", 2)
    trainer = _trainer.Trainer(encoder, 20)
    steps = []

    def new(*labels):
        return trainer.get(labels, 1, lambda done, desc: steps.append((done, desc)))[1]

    assert [new("dog", "cat"), new("dog", "car"), new("cat", "dog")] == [True, True, False]
    assert [new("dog", "bus"), new("dog", "cat"), new("dog", "car")] == [True, False, True]
    assert steps[-1] == (0.0, "Encoding sentences")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("", "at least two labels"),
        (" , \n,", "at least two labels"),
        ("dog", "at least two labels"),
        ("dog, cat, Dog", "More than once: dog"),
        (", ".join(f"thing {i}" for i in range(1000)), "1,000 labels. This page takes up to 100"),
        ("dog, " + "a cat and " * 10, "too long"),
        ("dog\npet = ", "cannot be read: labels[&#x27;pet&#x27;] is empty"),
    ],
)
def test_labels_that_do_not_work(client, files, labels, expected):
    assert expected in message(ask(client, labels, files[:1]))


def test_no_picture(client):
    assert "Please add an image" in message(ask(client, LABELS, []))


def test_many_pictures(client, files):
    assert "These are 21 images" in message(ask(client, LABELS, files[:1] * 21))


def test_bad_pictures_beside_good_ones(client, files, tmp_path):
    (tmp_path / "letter.jpg").write_text("Dear all")
    (tmp_path / "half.png").write_bytes(files[0].read_bytes()[:3000])
    Image.new("RGB", (3000, 10)).save(tmp_path / "thin.png")
    # a single colour keeps the files small; Pillow itself refuses the largest
    Image.new("1", (8000, 8000)).save(tmp_path / "big.png")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "huge.png")
    names = ["letter.jpg", "half.png", "thin.png", "big.png", "huge.png"]
    html = ask(client, LABELS, [files[0], *(tmp_path / name for name in names)])
    assert "Traceback" not in html
    assert str(tmp_path) not in html
    assert len(scores(html)[0]) == 5
    expected = ["cannot be read as an image", "is broken", "too thin", "8,000 × 8,000", "too big"]
    told = re.findall(r'role="alert">(.*?)</p>', html)
    assert [part in text for part, text in zip(expected, told, strict=True)] == [True] * 5


def test_bad_picture_alone(client, tmp_path):
    (tmp_path / "letter.jpg").write_text("Dear all")
    html = ask(client, LABELS, [tmp_path / "letter.jpg"])
    assert "cannot be read as an image" in message(html)
    assert "in bold" not in html


def test_file_of_another_kind(client, tmp_path):
    (tmp_path / "letter.txt").write_text("Dear all")
    with pytest.raises(gradio_client.exceptions.AppError, match="Invalid file type"):
        ask(client, LABELS, [tmp_path / "letter.txt"])


def test_labels_are_text_not_html(client, files):
    html = ask(client, "<script>alert(1)</script>, dog & cat", files[:1])
    assert "<script>" not in html
    assert set(scores(html)[0]) == {"<script>alert(1)</script>", "dog & cat"}


@pytest.mark.parametrize("n_pictures", [1, 6])
def test_likely_labels_are_bold(client, files, scenes, encoder, n_pictures):
    html = ask(client, LABELS, files[:n_pictures])
    names = sorted(LABELS.split(", "))
    texts, Y = PromptCorpusGenerator(N_TEXTS, random_state=0).generate(names)
    clf = TextAsImageClassifier(encoder).fit(texts, pd.DataFrame(Y, columns=names))
    assert "above 20 % it is in bold" in html
    bold = [re.findall('"sure"><th scope="row">(.*?) ?<', card) for card in html.split("<article")]
    named = clf.inverse_transform(clf.predict(scenes.images[:n_pictures]))
    assert [set(labels) for labels in bold[1:]] == [set(labels) for labels in named]
    assert any(named) or n_pictures == 1


DOT = (
    r'<span class="spot" role="img" style="left:([\d.]+)%;top:([\d.]+)%" title="(.*?)" '
    r'aria-label="(\d+): \3, \d+% from the left, \d+% from the top">\4</span>'
)
NUMBERED = (
    r'"sure"><th scope="row">(.*?) <span class="spot" role="img" '
    r'aria-label="number (\d+) on the image">\2</span>'
)


@pytest.mark.parametrize("size", [(192, 192), (300, 200), (200, 300)])
def test_bold_labels_are_numbered_where_they_are_seen(client, scenes, encoder, tmp_path, size):
    picture = scenes.images[3].resize(size)
    picture.save(tmp_path / "wide.png")
    names = sorted({*LABELS.split(", "), "boat", "sofa"})
    html = ask(client, ", ".join(names), [tmp_path / "wide.png"])
    assert "with a number at the place" in html
    rows = re.findall(NUMBERED, html)
    numbers = {label: int(number) for label, number in rows}
    assert len(numbers) == len(rows) == html.count('class="sure"') > 0
    clf = TextAsImageClassifier(encoder)
    clf.fit(*PromptCorpusGenerator(N_TEXTS, random_state=0).generate(names))
    maps = clf.predict_regions([picture], list(numbers))[0]
    width, height = size
    left, upper, right, lower = encoder.region_frame(*size)
    shown = {}
    for x, y, title, number in re.findall(DOT, html.split('<div class="scores">')[0]):
        shown |= {label: (float(x), float(y), int(number)) for label in title.split(", ")}
    assert {label: spot[2] for label, spot in shown.items()} == numbers
    assert len({spot[:2] for spot in shown.values()}) == len(set(numbers.values()))
    for k, label in enumerate(numbers):
        row, column = np.unravel_index(maps[..., k].argmax(), maps.shape[:2])
        x = left + (column + 0.5) * (right - left) / maps.shape[1]
        y = upper + (row + 0.5) * (lower - upper) / maps.shape[0]
        expected = 100 * x / width, 100 * y / height
        np.testing.assert_allclose(shown[label][:2], expected, atol=0.06)


def test_labels_at_one_place_share_a_number():
    spots = np.array([[0.5, 0.5], [0.1, 0.2], [0.5, 0.5]])
    numbers, dots = numbered_spots(["<b>", 'a "dog"', "cat"], spots, [2, 1, 0])
    assert numbers == {2: 1, 1: 2, 0: 1}
    assert [dot[2:] for dot in re.findall(DOT, dots)] == [
        ("cat, &lt;b&gt;", "1"),
        ("a &quot;dog&quot;", "2"),
    ]


class WithoutRegions:
    """A user's own encoder with nothing but transform."""

    def __init__(self, encoder):
        self.encoder = encoder

    def transform(self, X):
        return self.encoder.transform(X)


@pytest.mark.parametrize("kind", ["own", "of the package"])
def test_without_regions_there_is_no_number(encoder, files, monkeypatch, kind):
    if kind == "own":
        encoder = WithoutRegions(encoder)
    else:
        encoder = clone(encoder).set_params(cache=None)
        monkeypatch.setattr(LoadedModel, "region_tower", property(lambda self: None))
    trained, _ = _trainer.Trainer(encoder, N_TEXTS).get(["dog", "cat"], 1, lambda *_, **__: None)
    seen = _app._look(files[0], trained, encoder)
    assert seen.spots is None
    html = _app._show(seen, ["cat", "dog"], 0)
    assert '"sure"' in html
    assert "spot" not in html
    assert "number" not in _html.legend(0.5, has_spots=False)


def test_a_picture_is_encoded_once(encoder, files, monkeypatch):
    trained, _ = _trainer.Trainer(encoder, N_TEXTS).get(["dog", "cat"], 1, lambda *_, **__: None)
    calls, iter_batches = [], BaseEncoder.iter_batches
    monkeypatch.setattr(
        BaseEncoder,
        "iter_batches",
        lambda *args, **kwargs: calls.append(1) or iter_batches(*args, **kwargs),
    )
    assert _app._look(files[0], trained, encoder).spots.shape == (2, 2)
    assert calls == [1]


def test_names_groups_and_exclusion(client, files):
    text = "dog = dog, hound\ncat\nanimal: dog, cat\ndog | cat"
    html = ask(client, text, files)
    again = ask(client, "cat\ndog = dog, hound\nanimal: dog, cat\ndog | cat", files[:1])
    assert "encoded before" in again
    for found in scores(html):
        assert set(found) == {"dog", "cat", "animal"}
        assert found["animal"][0] >= max(found["dog"][0], found["cat"][0])
    for one in html.split("<article")[1:]:
        sure = [row for row in one.split("<tr")[1:] if row.startswith(' class="sure"')]
        assert sum(f'"row">{pet}' in row for row in sure for pet in ("dog", "cat")) <= 1


def test_more_labels_than_shown_are_folded(client, files, scenes):
    html = ask(client, "\n".join(scenes.label_names), files[:1])
    assert "12 more labels" in html
    assert len(scores(html)[0]) == 20
    assert len(scores(html.split("<details>")[0])[0]) == 8


def status_of(page, path="gradio_api/upload", data=None, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(page.local_url + path, data, names)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def upload(page, content, **headers):
    boundary = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    kind = "multipart/form-data; boundary=b"
    data = boundary + content + b"\r\n--b--\r\n"
    return status_of(page, data=data, Content_Type=kind, **headers)


def test_requests_from_other_sites_are_refused(page):
    port = page.local_url.rstrip("/").rpartition(":")[2]
    here = f"127.0.0.1:{port}"
    assert status_of(page, "") == status_of(page, "", Host=f"localhost:{port}") == 200
    for name in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", ""):
        assert status_of(page, "", Host=name) in (400, 421)
    assert upload(page, b"x") == 200
    assert upload(page, b"x", Origin=f"http://{here}") == 200
    for origin in (
        "https://evil.example",
        f"http://localhost:{port}",
        "null",
        "http://127.0.0.1:1",
    ):
        assert upload(page, b"x", Origin=origin) == 403


def test_uploads_are_bounded_in_sum(page, monkeypatch):
    content = b"x" * 100_000
    assert upload(page, content) == 200
    monkeypatch.setattr(_serve, "_MAX_REQUEST", 90_000)
    assert upload(page, content) == 413
    monkeypatch.undo()
    monkeypatch.setattr(_serve, "_MAX_UPLOADS", _serve._size(Path(page.GRADIO_CACHE)) + 150_000)
    assert upload(page, b"y" * 100_000) == 200
    assert upload(page, b"z" * 100_000) == 503
    assert status_of(page, "") == 200


def test_page_needs_no_other_host(page):
    with urllib.request.urlopen(page.local_url) as answer:
        policy = answer.headers["content-security-policy"]
        html = answer.read().decode()
    assert "default-src 'self'" in policy
    assert "http" not in policy
    needed = re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(https?:)?//", html)
    assert needed == []
    with urllib.request.urlopen(page.local_url + "theme.css") as answer:
        # the namespace of SVG is a name, not an address
        assert "http" not in answer.read().decode().replace("http://www.w3.org/2000/svg", "")
    assert page.local_url.startswith("http://127.0.0.1:")
    assert page.share is False
    assert page.config["analytics_enabled"] is False


def test_page_says_what_model_is_loaded(page, encoder):
    def notes(app):
        values = [part["props"].get("value") for part in app.config["components"]]
        return " ".join(value for value in values if isinstance(value, str))

    assert "not photos" in notes(page)
    assert "sklearn-tai web --encoder ViT-B-16" in notes(page)

    class Named:
        model_name, pretrained, transform = "RN50", "openai", encoder.transform

    other = notes(make_app(Named(), labels=["dog", "cat"]))
    assert "Model: **RN50**, weights openai" in other
    assert "not photos" not in other
    assert "dog\ncat" in other


def test_bad_labels_are_refused_at_once(encoder):
    with pytest.raises(ValueError, match="more than once"):
        make_app(encoder, labels=["dog", "dog"])


def test_without_gradio(monkeypatch, encoder):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ImportError, match=r"install .gradio"):
        make_app(encoder)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(["--encoder", "RN5"], "did you mean 'RN50'"), (["--port", "{port}"], "port")],
)
def test_command_says_what_is_wrong(page, arguments, expected):
    arguments = [argument.format(port=page.server_port) for argument in arguments]
    done = CliRunner().invoke(cli, ["web", *arguments])
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert expected in done.output


@pytest.fixture
def browser(tmp_path):
    if os.environ.get("SKLEARN_TAI_BROWSER") != "1":
        pytest.skip("set SKLEARN_TAI_BROWSER=1 to drive Chromium")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome")
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.mark.parametrize("width", [1280, 400])
def test_in_a_browser(browser, page, files, tmp_path, width):
    from selenium.webdriver.support.ui import WebDriverWait

    def find(css):
        return browser.find_elements("css selector", css)

    def until(condition):
        return WebDriverWait(browser, 60).until(lambda _: condition())

    size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page.local_url)
    (button,) = until(lambda: find("button.primary"))
    button.click()
    assert "Please add an image" in until(lambda: find(".mistake"))[0].text

    (tmp_path / "letter.jpg").write_text("Dear all")
    upload = until(lambda: find("input[type=file]"))[0]
    upload.send_keys("\n".join(map(str, [*files, tmp_path / "letter.jpg"])))
    until(lambda: len(find(".thumbnail-item")) >= 4)
    box = find("textarea")[0]
    box.clear()
    box.send_keys(f"{LABELS}, ${{1+1}}, {{{{value}}}}, <b>w{width}</b>")  # must not run as code
    button.click()
    until(lambda: len(find(".card")) == 4)
    rows = find(".card")[0].find_elements("css selector", "tbody th")
    label = "return arguments[0].firstChild.textContent.trim()"  # without its number
    assert {browser.execute_script(label, row) for row in rows} == {
        *LABELS.split(", "),
        "${1+1}",
        "{{value}}",
        f"<b>w{width}</b>",
    }
    assert "cannot be read as an image" in find(".card")[3].text
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    picture = find(".card .picture")[0]
    for dot in picture.find_elements("css selector", ".spot"):
        assert picture.rect["x"] < dot.rect["x"] < picture.rect["x"] + picture.rect["width"]
        assert picture.rect["y"] < dot.rect["y"] < picture.rect["y"] + picture.rect["height"]

    find("button.gallery-item")[0].click()
    until(lambda: len(find(".thumbnail-item")) == 1 or find("button.thumbnail-lg"))
    button.click()
    until(lambda: len(find(".card")) == 1)
    assert find(".card figcaption")[0].text == "bicycle and person.png"

    log = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        entry["params"]["request"]["url"]
        for entry in log
        if entry["method"] == "Network.requestWillBeSent"
    ]
    assert asked
    own = (page.local_url, "data:", "blob:")
    assert [url for url in asked if not url.startswith(own)] == []
