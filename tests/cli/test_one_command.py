"""``tag`` with labels on the command line, its other formats, and keywords."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sklearn_tai import (
    OpenCLIPEncoder,
    PromptCorpusGenerator,
    TextAsImageClassifier,
    encoders,
)
from tests.cli.test_cli import run

LABELS = "# what is in them\nbus\ncar = car, automobile\ncat, dog\nvehicle: car, bus\n"
NAMES = ["bus", "car", "cat", "dog", "vehicle"]
TAG = ["tag", "photos", "--labels", "labels.txt", "--encoder", "tai-tiny"]


@pytest.fixture(scope="module", autouse=True)
def kept(tmp_path_factory):
    """The folder of kept models: the first command that needs one learns it, the others use it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("kept")))
        yield


@pytest.fixture(autouse=True)
def photos(scenes, tmp_path, monkeypatch):
    """Eight images, and other files that a folder of photos may contain."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / ".thumbnails").mkdir(parents=True)
    for i in range(8):
        scenes.images[i].save(f"photos/{i}.jpg")
    scenes.images[8].save("photos/.thumbnails/8.jpg")
    Path("photos/._0.jpg").write_text("of a Mac")
    Path("photos/movie.mp4").write_text("a film")
    Path("labels.txt").write_text(LABELS)


def test_the_first_time_it_learns_then_it_remembers():
    first = run(*TAG, "--format", "jsonl")
    assert "Learning 5 labels (bus, car, cat, dog, vehicle) from 5,000 texts." in first.stderr
    again = run(*TAG, "--format", "jsonl")
    assert "Using the model in" in again.stderr
    assert again.stdout == first.stdout
    assert "Skipped 1 file of other types: .mp4 1." in again.stderr
    corpus = PromptCorpusGenerator(random_state=0).generate(
        {"bus": ["bus"], "car": ["car", "automobile"], "cat": ["cat"], "dog": ["dog"]}
    )
    assert len(corpus) == 5000  # as the command says
    records = [json.loads(line) for line in first.stdout.splitlines()]
    assert [record["path"] for record in records] == [f"photos/{i}.jpg" for i in range(8)]
    named = [label for record in records for label in record["labels"]]
    assert named
    assert set(named) <= set(NAMES)
    for record in records:  # a member implies its group
        assert "vehicle" in record["labels"] or not {"car", "bus"} & set(record["labels"])


def test_it_names_what_predict_names(scenes):
    run(
        "tag", "photos", "--label", "bus", "--label", "cat", "--encoder", "tai-tiny", "-o", "t.csv"
    )
    texts, Y = PromptCorpusGenerator(random_state=0).generate(["bus", "cat"])
    clf = TextAsImageClassifier(OpenCLIPEncoder("tai-tiny")).fit(texts, Y)
    named = clf.predict([Path(f"photos/{i}.jpg") for i in range(8)])
    frame = pd.read_csv("t.csv").dropna()
    found = {(path, label) for path, label, _ in frame.itertuples(index=False)}
    expected = {(f"photos/{i}.jpg", clf.classes_[k]) for i, k in np.argwhere(named)}
    assert found == expected
    assert expected


def test_one_relative_name_in_two_folders_is_two_models(tmp_path, monkeypatch):
    own = Path(encoders.__file__).parent / "models" / "tai-tiny"
    args = ["tag", tmp_path / "photos", "--label", "bus", "--label", "cat"]
    args += ["--encoder", "local-dir:clip"]
    for folder, words in (("a", "Learning"), ("b", "Learning"), ("a", "Using the model")):
        if words == "Learning":
            shutil.copytree(own, tmp_path / folder / "clip")
        monkeypatch.chdir(tmp_path / folder)
        assert words in run(*args).stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("tag photos", "Give either labels"),
        ("tag photos --label a --label b --model photos", "Give either labels"),
        ("tag photos --model photos --encoder RN50", "A model has its own encoder"),
        ("tag photos --label a -o t.txt", "The suffix of 't.txt' names no format; use .csv"),
        ("tag photos --label a -o t.csv --print0", "--print0 prints only paths"),
        ("tag photos --label a --format html", "give a file with -o"),
        ("tag photos --label a --format jsonl --bom", "--bom needs a CSV format"),
        ("tag photos --label a --dry-run", "--dry-run needs --keywords"),
        ("tag photos --label a --threshold low", "'low' is not a valid float"),
    ],
)
def test_wrong_use(args, message):
    assert message in run(*args.split(), code=2).stderr


def test_a_file_without_labels():
    Path("labels.txt").write_text("# nothing yet\n")
    assert "no label" in run(*TAG, code=1).stderr.lower().replace("labels", "label")


def test_a_file_in_another_encoding():
    Path("labels.txt").write_bytes("größe".encode("latin-1"))
    assert "'labels.txt' is not UTF-8 text" in run(*TAG, code=1).stderr


def test_wide(capsysbinary):
    stdout = run(*TAG, "--format", "wide", "--top", 2).stdout
    frame = pd.read_csv(io.StringIO(stdout), index_col="path")
    assert frame.columns.tolist() == NAMES[:4] + NAMES[4:]
    assert (frame.notna().sum(axis=1) == 2).all()
    run(*TAG, "--format", "wide", "--bom", "-o", "t.csv")
    data = Path("t.csv").read_bytes()
    assert data.startswith("\ufeffpath,bus,car".encode())
    assert "Nothing left to do" in run(*TAG, "--format", "wide", "--bom", "-o", "t.csv").stderr
    assert Path("t.csv").read_bytes() == data


@pytest.mark.parametrize("name", ["t.parquet", "t.html"])
def test_parquet_and_html(name, scenes):
    run("tag", "photos/0.jpg", *TAG[2:], "--top", 2, "-o", name)
    run(*TAG, "--top", 2, "-o", name)  # it adds the others
    if name == "t.parquet":
        table = pd.read_parquet(name)
        assert table["path"].tolist() == [f"photos/{i}.jpg" for i in range(8)]
        assert (table["labels"].str.len() == 2).all()
    else:
        page = Path(name).read_text("utf-8")
        assert page.count("<figure") == 8
        assert 'src="photos/7.jpg"' in page
        assert "<h1>8 images</h1>" in page
    Path("mine.html").write_text("mine")
    for args in (["--top", 3, "-o", name], ["-o", "mine.html"]):
        assert "--force overwrites it" in run(*TAG, "-q", *args, code=2).stderr
    assert Path("mine.html").read_text() == "mine"


def test_names_for_other_programs():
    records = map(json.loads, run(*TAG, "--format", "jsonl").stdout.splitlines())
    with_labels = [record["path"] for record in records if record["labels"]]
    found = run(*TAG, "--print0").stdout_bytes
    assert found.decode().split("\0")[:-1] == with_labels
    named = run("tag", "-", "-0", *TAG[2:], "--print0", input=found)
    assert named.stdout_bytes == found


def test_keywords_and_back():
    exiv2 = pytest.importorskip("exiv2")

    def keywords(path):
        image = exiv2.ImageFactory.open(path)
        image.readMetadata()
        xmp = image.xmpData()
        return [*map(str, xmp["Xmp.dc.subject"].value())] if "Xmp.dc.subject" in xmp else []

    before = {path: path.read_bytes() for path in Path("photos").glob("[0-9]*.jpg")}
    records = [json.loads(line) for line in run(*TAG, "--format", "jsonl").stdout.splitlines()]
    named = {record["path"]: record["labels"] for record in records if record["labels"]}
    said = run(*TAG, "--keywords", "sidecar", "--dry-run").stderr
    assert f"Would change the keywords of {len(named)} images." in said
    assert not list(Path("photos").glob("*.xmp"))
    run(*TAG, "--keywords", "sidecar")
    assert {str(path) for path in Path("photos").glob("*.xmp")} == {f"{p}.xmp" for p in named}
    assert {path: keywords(f"{path}.xmp") for path in named} == named
    run(*TAG, "--keywords", "sidecar", "--threshold", 1)  # no label reaches 1, so the old ones go
    assert not list(Path("photos").glob("*.xmp"))
    run(*TAG, "--keywords", "embed")
    assert {path: keywords(path) for path in named} == named
    said = run("untag", "photos").stderr
    assert f"Changed the keywords of {len(named)} images." in said
    for path, data in before.items():
        assert keywords(str(path)) == []
        with Image.open(path) as now, Image.open(io.BytesIO(data)) as then:
            assert now.tobytes() == then.tobytes()


def test_a_picture_that_takes_no_keywords(scenes):
    pytest.importorskip("exiv2")
    scenes.images[0].save("photos/moving.gif")
    result = run(*TAG, "--top", 1, "--keywords", "embed", code=1)
    assert "1 image could not be read or written:" in result.stderr
    assert "'photos/moving.gif' takes no keywords" in result.stderr
