import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

import sklearn_tai
from sklearn_tai import (
    KernelAdapter,
    MLPAdapter,
    PromptCorpusGenerator,
    TextAsImageClassifier,
    __version__,
)
from sklearn_tai.cli import cli
from sklearn_tai.cli._formats import CSV, Tagged
from sklearn_tai.corpus import Corpus, Vocabulary
from sklearn_tai.deploy import load_classifier
from sklearn_tai.encoders._loaded import LoadedModel
from sklearn_tai.inspection import RegionDisplay
from sklearn_tai.storage import lock
from tests.ollama_server import MODEL, OllamaServer

COMMAND = [sys.executable, "-m", "sklearn_tai.cli"]
FIT = ["--encoder", "tai-tiny"]


def run(*args, code=0, **kwargs):
    """Run a command in this process and check its exit code; usage errors must be one line."""
    result = CliRunner().invoke(cli, list(map(str, args)), prog_name="sklearn-tai", **kwargs)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    if code == 2:
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1
    return result


@pytest.fixture(scope="module")
def model(scenes, tmp_path_factory):
    """A model made by the commands themselves."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "labels.txt").write_text("\n".join(scenes.label_names))
    run("generate", folder / "labels.txt", "-o", folder / "c.jsonl", "--n-texts", 300)
    run("fit", folder / "c.jsonl", "-o", folder / "model", *FIT)
    return folder / "model"


@pytest.fixture
def photos(scenes, tmp_path, monkeypatch):
    """Ten images in two folders and a text file, in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "more").mkdir(parents=True)
    for i in range(10):
        scenes.images[i].save(tmp_path / "photos" / ("more" if i % 2 else ".") / f"{i}.png")
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    return tmp_path / "photos"


PATHS = [f"photos/{i}.png" for i in (0, 2, 4, 6, 8)] + [
    f"photos/more/{i}.png" for i in (1, 3, 5, 7, 9)
]


def expected(model, scenes, top):
    """Labels and scores of each file, from the library."""
    clf = load_classifier(model)
    proba = clf.predict_proba(scenes.images[:10])
    order = np.argsort(-proba, axis=1)[:, :top]
    return {i: (clf.classes_[order[i]].tolist(), proba[i][order[i]]) for i in range(10)}


def lines(path):
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


class TestShell:
    def test_help_of_everything(self):
        text = run().stdout
        assert text == run("--help").stdout == run("-h").stdout
        for name in cli.commands:
            assert name in text
            own = run(name, "--help").stdout
            assert f"sklearn-tai {name}" in own
            assert max(map(len, own.splitlines())) <= 99

    def test_version(self):
        assert run("--version").stdout.split()[-1] == __version__

    @pytest.mark.parametrize("args", ["--help", "--version", "tag --help", "completion zsh"])
    def test_does_not_import_what_is_slow(self, args):
        code = (
            "import sys; from sklearn_tai.cli import cli\n"
            f"cli.main({args.split()!r}, standalone_mode=False)\n"
            "heavy = {'torch', 'sklearn', 'open_clip', 'numpy', 'PIL'} & set(sys.modules)\n"
            "sys.exit(', '.join(heavy) or 0)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_completion_script(self, shell):
        assert "_SKLEARN_TAI_COMPLETE" in run("completion", shell).stdout

    def test_completion_completes(self):
        environment = os.environ | {
            "_SKLEARN_TAI_COMPLETE": "bash_complete",
            "COMP_WORDS": "sklearn-tai ge",
            "COMP_CWORD": "1",
        }
        done = subprocess.run(COMMAND, env=environment, capture_output=True, text=True)
        assert done.stdout.split() == ["plain,generate"]

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            ("nothing", "No such command 'nothing'"),
            ("tag", "Missing argument 'IMAGES...'. See sklearn-tai tag --help."),
            ("--nothing", "No such option"),
            ("tag nowhere x.jpg", "'nowhere' does not exist"),
            ("completion tcsh", "'tcsh' is not one of"),
        ],
    )
    def test_wrong_use(self, args, message):
        assert message in run(*args.split(), code=2).stderr

    def test_debug_lets_the_traceback_through(self, tmp_path):
        (tmp_path / "c.jsonl").write_text("{}\n")
        args = ["fit", str(tmp_path / "c.jsonl"), "-o", str(tmp_path / "m"), "--encoder", "RN5O"]
        message = run(*args, code=1).stderr
        assert "line 1: expected" in message
        Corpus(["a dog"], [[1]], ["dog"]).save(tmp_path / "c.jsonl")
        message = run(*args, "--quiet", code=1).stderr
        assert message.startswith("Error: --encoder 'RN5O' is not a model")
        assert message.count("\n") == 1
        result = CliRunner().invoke(cli, ["--debug", *args])
        assert isinstance(result.exception, ValueError)


class TestGenerate:
    def test_the_same_as_in_python(self, tmp_path):
        out = tmp_path / "corpus.jsonl"
        result = run("generate", "--label", "dog", "--label", "traffic light", "-o", out,
                     "--n-texts", 20, "--seed", 3)  # fmt: skip
        assert "20 texts about 2 labels" in result.stderr
        assert result.stdout == ""
        texts, Y = PromptCorpusGenerator(20, random_state=3).generate(["dog", "traffic light"])
        corpus = Corpus.load(out)
        assert corpus.texts == texts
        assert corpus.label_names == ["dog", "traffic light"]
        np.testing.assert_array_equal(corpus.Y, Y)
        assert os.listdir(tmp_path) == ["corpus.jsonl"]

    def test_labels_of_a_file_and_of_stdin(self, tmp_path):
        (tmp_path / "labels.txt").write_bytes("\ufeffdog\r\n\r\n  tv monitor \r\n犬".encode())
        run("generate", tmp_path / "labels.txt", "--label", "cat", "-o", tmp_path / "a.jsonl",
            "--n-texts", 3)  # fmt: skip
        assert Corpus.load(tmp_path / "a.jsonl").label_names == ["dog", "tv monitor", "犬", "cat"]
        run("generate", "-", "-o", tmp_path / "b.jsonl", "--n-texts", 3, "-q", input="bus\nbird\n")
        assert Corpus.load(tmp_path / "b.jsonl").label_names == ["bus", "bird"]

    def test_names_groups_and_exclusion(self, tmp_path, scenes):
        (tmp_path / "labels.txt").write_text("car = car, automobile  # and taxis\nbus, dog\ncat")
        lines = ["vehicle: car, bus", "cat | dog"]
        more = [part for line in lines for part in ("--label", line)]
        out, labels = tmp_path / "c.jsonl", tmp_path / "labels.txt"
        run("generate", labels, *more, "-o", out, "--n-texts", 150)
        vocabulary = Vocabulary.from_text("\n".join([labels.read_text(), *lines]))
        assert Corpus.load(out).vocabulary == vocabulary
        run("fit", out, "-o", tmp_path / "model", *FIT)
        paths = [tmp_path / f"{i}.png" for i in range(30)]
        for path, picture in zip(paths, scenes.images):
            picture.save(path)
        clf = load_classifier(tmp_path / "model")
        assert clf.vocabulary_ == vocabulary
        result = run(
            "tag", "--model", tmp_path / "model", *paths, "--format", "jsonl", "--threshold", 0.05
        )
        tagged = [set(json.loads(line)["labels"]) for line in result.stdout.splitlines()]
        named = clf.set_params(threshold=0.05).predict(paths)
        assert tagged == [set(labels) for labels in clf.inverse_transform(named)]
        assert not any({"cat", "dog"} <= labels for labels in tagged)
        result = run("tag", "--model", tmp_path / "model", *paths, "--format", "jsonl", "--top", 5)
        for line, best in zip(result.stdout.splitlines(), clf.predict_top_k(paths, 5)):
            assert json.loads(line)["labels"] == [label for label, _ in best]
            assert len(best) == 4
        stderr = run("generate", "--label", "pet: dog", "-o", tmp_path / "d", code=1).stderr
        assert "groups['pet'] contains ['dog'], which are not labels" in stderr
        labels.write_text("# nothing yet")
        stderr = run("generate", labels, "-o", tmp_path / "d", code=1).stderr
        assert "there are no labels" in stderr

    def test_overwrites_only_when_told(self, tmp_path):
        out = tmp_path / "c.jsonl"
        out.write_text("precious")
        args = ["generate", "--label", "dog", "--n-texts", 2, "-o", out]
        assert "--force" in run(*args, code=2).stderr
        assert out.read_text() == "precious"
        assert run(*args, "--force", "--quiet").output == ""
        assert len(Corpus.load(out)) == 2

    def test_wrong_use(self, tmp_path):
        out = tmp_path / "c.jsonl"
        assert "--label" in run("generate", "-o", out, code=2).stderr
        message = run("generate", "--label", "a", "--host", "x", "-o", out, code=2).stderr
        assert "--host needs --ollama" in message
        message = run("generate", "--label", "a", "-o", tmp_path / "no" / "c", code=2).stderr
        assert "There is no folder" in message
        message = run("generate", "--label", "a", "--label", "a", "-o", out, code=1).stderr
        assert "more than once" in message
        (tmp_path / "latin").write_bytes(b"caf\xe9\n")
        assert "UTF-8" in run("generate", tmp_path / "latin", "-o", out, code=1).stderr
        assert not out.exists()

    def test_ollama_goes_on_after_a_failure(self, tmp_path):
        out = tmp_path / "c.jsonl"
        args = ["generate", "--label", "dog", "--label", "cat", "-o", out, "--ollama", MODEL,
                "--n-texts", 6]  # fmt: skip
        with OllamaServer() as server:
            server.failures = [None, None, 400]
            result = run(*args, "--host", server.url, code=1)
            assert "2 finished captions are kept" in result.stderr
            assert "Run the same again to continue" in result.stderr
            assert not out.exists()
            result = run(*args, "--host", server.url)
        assert len(server.requests) == 3 + 4
        assert "5 captions mention all" in result.stderr
        assert len(Corpus.load(out)) == 6
        assert (tmp_path / "c.captions.jsonl").exists()

    def test_ollama_unknown_model_and_no_server(self, tmp_path):
        args = ["generate", "--label", "dog", "-o", tmp_path / "c.jsonl", "--ollama", "none"]
        with OllamaServer() as server:
            assert "ollama pull none" in run(*args, "--host", server.url, code=1).stderr
        result = run(*args, "--host", server.url, code=1)
        assert "No Ollama server answers" in result.stderr
        assert os.listdir(tmp_path) == []


class TestFit:
    def test_settings_reach_the_model(self, model):
        clf = load_classifier(model)
        assert clf.get_params()["encoder__model_name"] == "tai-tiny"
        assert (type(clf.adapter_), clf.perturbation_.radius) == (KernelAdapter, "auto")
        assert (clf.adapter_.device, clf.encoder_.device, clf.encoder_.verbose) == (None, None, 0)
        assert clf.classes_[0] == "aeroplane"
        assert [p.suffix for p in sorted(model.iterdir())] == [".json", ".safetensors"]

    def test_the_same_as_in_python(self, model, scenes, encoder, image_embeddings):
        corpus = Corpus.load(model.parent / "c.jsonl")
        clf = TextAsImageClassifier(encoder).fit(corpus.texts, corpus.Y)
        proba = load_classifier(model).predict_proba(image_embeddings)
        np.testing.assert_allclose(proba, clf.predict_proba(image_embeddings), atol=1e-6)

    def test_network(self, model, tmp_path):
        run("fit", model.parent / "c.jsonl", "-o", tmp_path / "m", *FIT, "--adapter", "network",
            "--hidden-layer-sizes", "64,32", "--epochs", 2, "--learning-rate", 0.01)  # fmt: skip
        clf = load_classifier(tmp_path / "m")
        assert (type(clf.adapter_), clf.adapter_.hidden_layer_sizes, clf.perturbation_.radius) == (
            MLPAdapter, [64, 32], 2.5
        )  # fmt: skip
        adapter = clf.adapter_
        assert (adapter.max_epochs, adapter.max_lr, len(adapter.net_.history)) == (2, 0.01, 2)

    @pytest.mark.parametrize(
        ("option", "value"),
        [("--hidden-layer-sizes", "2048,2048,2048"), ("--epochs", 60), ("--learning-rate", 1e-4)],
    )
    def test_options_of_the_network_alone(self, model, tmp_path, option, value):
        """Also if the value is the default."""
        args = ["fit", model.parent / "c.jsonl", "-o", tmp_path / "m", option, value]
        message = run(*args, code=2).stderr
        assert f"{option} needs --adapter network." in message
        assert not (tmp_path / "m").exists()

    @pytest.mark.parametrize("radius", ["-1", "nan", "inf", "big", ""])
    def test_bad_radius(self, model, tmp_path, radius):
        args = ["fit", model.parent / "c.jsonl", "-o", tmp_path / "m", "--radius", radius]
        message = run(*args, code=2).stderr
        assert f"{radius!r} is neither a number of at least 0 nor 'auto'" in message

    def test_overwrites_models_only_and_when_told(self, model, tmp_path):
        corpus = model.parent / "c.jsonl"
        other = tmp_path / "documents"
        other.mkdir()
        (other / "thesis.txt").write_text("precious")
        args = ["fit", corpus, *FIT]
        assert "no model" in run(*args, "-o", other, "--force", code=2).stderr
        run(*args, "-o", tmp_path / "new" / "m")
        assert "--force replaces it" in run(*args, "-o", tmp_path / "new" / "m", code=2).stderr
        again = run(*args, "-o", tmp_path / "new" / "m", "--force", "--radius", 0, "-q")
        assert again.output == ""
        assert load_classifier(tmp_path / "new" / "m").perturbation_.radius == 0
        assert os.listdir(tmp_path / "new") == ["m"]

    def test_names_labels_in_warnings(self, tmp_path):
        Corpus(["a dog"], [[1, 0]], ["dog", "unicorn"]).save(tmp_path / "c.jsonl")
        result = run("fit", tmp_path / "c.jsonl", "-o", tmp_path / "m", *FIT)
        assert re.search(r"^Warning: 1 of 2 labels.*: unicorn\.", result.stderr, re.M)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "labels is empty"),
            ('{"label_names": ["dog"]}\n', "contains no texts"),
            ("a dog\n", "line 1: expected"),
            (b"\xff\xfe\n", "line 1: expected"),
        ],
    )
    def test_bad_corpus(self, tmp_path, text, message):
        corpus = tmp_path / "c.jsonl"
        corpus.write_bytes(text if isinstance(text, bytes) else text.encode())
        result = run("fit", corpus, "-o", tmp_path / "m", code=1)
        assert message in result.stderr
        assert str(corpus) in result.stderr

    @pytest.mark.parametrize("sizes", ["0", "64,", "big", "64,-1"])
    def test_bad_sizes(self, model, tmp_path, sizes):
        args = ["fit", model.parent / "c.jsonl", "-o", tmp_path, "--hidden-layer-sizes", sizes]
        assert "not a list of whole numbers" in run(*args, code=2).stderr


class TestTag:
    def test_formats_agree_with_the_library(self, model, photos, scenes):
        result = run("tag", "--model", model, "photos", "--top", 2)
        frame = pd.read_csv(io.StringIO(result.stdout))
        assert list(frame.columns) == ["path", "label", "score"]
        said = "Tagged 10 images.\nSkipped 1 file of other types: .txt 1.\n"
        assert result.stderr == said
        result = run("tag", "--model", model, "photos", "--top", 2, "--format", "jsonl", "--quiet")
        assert result.stderr == ""
        records = [json.loads(line) for line in result.stdout.splitlines()]
        assert [record["path"] for record in records] == PATHS
        wanted = expected(model, scenes, 2)
        for record in records:
            labels, scores = wanted[int(re.findall(r"\d+", record["path"])[-1])]
            assert record["labels"] == labels
            np.testing.assert_allclose(record["scores"], scores, atol=1e-3)
            rows = frame[frame.path == record["path"]]
            assert rows.label.tolist() == labels
            np.testing.assert_allclose(rows.score, scores, atol=1e-3)

    def test_own_encoder_needs_trust(self, model, photos, tmp_path):
        tiny = Path(sklearn_tai.__file__).parent / "encoders" / "models" / "tai-tiny"
        shutil.copytree(tiny, tmp_path / "own")
        name = f"local-dir:{tmp_path / 'own'}"
        corpus = model.parent / "c.jsonl"
        result = run("fit", corpus, "-o", tmp_path / "m", "--encoder", name)
        assert f"tag IMAGES --model {tmp_path / 'm'} --trust {name}" in result.stderr
        result = run("tag", "--model", tmp_path / "m", "photos", code=1)
        assert f"If you trust it, give --trust {name}" in result.stderr
        run("tag", "--model", tmp_path / "m", "photos", "--trust", name)

    def test_two_at_a_time(self, model, photos):
        """The second command stops with an error and changes nothing."""
        run("tag", "--model", model, "photos/0.png", "-o", "t.csv")
        before = Path("t.csv").read_bytes()
        with open("t.csv", "ab") as other:
            assert lock(other.fileno())
            for force in ([], ["--force"]):
                result = run("tag", "--model", model, "photos", "-o", "t.csv", *force, code=1)
                assert "Another command is writing 't.csv'" in result.stderr
            assert Path("t.csv").read_bytes() == before
        run("tag", "--model", model, "photos", "-o", "t.csv")

    def test_names_that_spreadsheets_would_run(self, model, photos):
        for name in ("=1+1.png", "+a.png", "-b.png", "@c.png", "a\rb.png"):
            shutil.copy("photos/0.png", name)
        names = sorted(name for name in os.listdir() if name.endswith(".png"))
        for _ in range(2):  # the second run continues the file
            run("tag", "--model", model, "-o", "t.csv", "--top", 2, "--", *names)
        with open("t.csv", newline="") as file:
            rows = list(csv.reader(file))[1:]
        assert [str(Path(row[0])) for row in rows[::2]] == names
        assert not any(cell.startswith(tuple("=+-@")) for row in rows for cell in row)

    def test_labels_that_spreadsheets_would_run(self):
        data = CSV().encode(
            [Tagged("a.png", ["=cmd|' /C calc'!A0", "-1", "dog"], [0.5, 0.4, 0.3])]
        )
        labels = [row[1] for row in csv.reader(io.StringIO(data.decode()))]
        assert labels == ["'=cmd|' /C calc'!A0", "'-1", "dog"]

    @pytest.mark.parametrize("content", ["[]", "1", "[" * 100_000, "{}", '{"size": {}}', "\xff"])
    def test_forged_note(self, model, photos, content):
        run("tag", "--model", model, "photos/0.png", "-o", "t.jsonl")
        Path(".t.jsonl.json").write_text(content, encoding="latin-1")
        run("tag", "--model", model, "photos", "-o", "t.jsonl", code=2)

    @pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
    @pytest.mark.parametrize(
        "content", [b"[1]\n", b'{"path": 1}\n', b"\n\n\n", b"[" * 100_000 + b"\n", b'"a\r\n"\r\n']
    )
    def test_forged_output(self, model, photos, name, content):
        run("tag", "--model", model, "photos/0.png", "-o", name)
        with open(name, "ab") as file:
            file.write(content)
        result = CliRunner().invoke(
            cli, ["tag", "--model", str(model), "photos/1.png", "-o", name]
        )
        assert "is unexpected" not in result.stderr
        assert result.exception is None or isinstance(result.exception, SystemExit)

    def test_threshold(self, model, photos, scenes):
        result = run("tag", "--model", model, "photos/0.png", "photos/2.png", "--threshold", 0.3)
        frame = pd.read_csv(io.StringIO(result.stdout))
        labels, scores = expected(model, scenes, 20)[0]
        wanted = [label for label, score in zip(labels, scores) if score > 0.3]
        assert wanted
        assert frame[frame.path == "photos/0.png"].label.tolist() == wanted
        result = run("tag", "--model", model, "photos/0.png", "--threshold", 1)
        assert result.stdout == "path,label,score\nphotos/0.png,,\n"

    def test_table(self, model, photos):
        text = run("tag", "--model", model, "photos", "--top", 2, "--format", "table").stdout
        assert [line.split()[0] for line in text.splitlines()] == PATHS
        assert all(re.search(r"  \w+.* \d+%", line) for line in text.splitlines())

    def test_paths_from_stdin(self, model, photos):
        result = run(
            "tag",
            "--model",
            model,
            "-",
            "--format",
            "jsonl",
            input="photos/4.png\nphotos/more\n\n",
        )
        paths = [json.loads(line)["path"] for line in result.stdout.splitlines()]
        assert paths == ["photos/4.png", *PATHS[5:]]
        assert "no images in standard input" in run("tag", "--model", model, "-", code=2).stderr

    def test_pictures_that_cannot_be_read(self, model, photos):
        (photos / "2.png").write_bytes(b"broken")
        result = run(
            "tag",
            "--model",
            model,
            "photos",
            "-",
            "-o",
            "t.jsonl",
            "-q",
            input="gone.png\n",
            code=1,
        )
        report = result.stderr.splitlines()
        assert report[0] == "2 images could not be read:"
        assert report[1].startswith("  'photos/2.png' cannot be read as an image (")
        assert report[2] == "  'gone.png' does not exist. Check the path."
        assert [r["path"] for r in lines("t.jsonl")] == [p for p in PATHS if p != "photos/2.png"]
        # repaired, and run again
        Image.new("RGB", (50, 50)).save(photos / "2.png")
        result = run("tag", "--model", model, "photos", "-o", "t.jsonl")
        assert result.stderr.startswith("Tagged 1 image. t.jsonl now has 10.\n")
        assert lines("t.jsonl")[-1]["path"] == "photos/2.png"
        result = run("tag", "--model", model, "photos", "-o", "t.jsonl")
        assert result.stderr == "Nothing left to do: t.jsonl has 10 images.\n"

    def test_none_can_be_read(self, model, photos):
        result = run("tag", "--model", model, "photos/notes.txt", "-o", "t.csv", code=1)
        assert "1 image could not be read" in result.stderr
        assert os.listdir() == ["photos"]

    @pytest.mark.parametrize("suffix", ["csv", "jsonl"])
    def test_goes_on_wherever_a_kill_cut_the_file(self, model, photos, suffix):
        name, args = f"t.{suffix}", ["tag", "--model", model, "photos", "-q", "--batch-size", 4]
        run(*args, "-o", name)
        whole, state = Path(name).read_bytes(), json.loads(Path(f".{name}.json").read_text())
        assert state["size"] == len(whole)
        cuts = {0, 5, len(whole) // 2, len(whole) - 1}
        ends = [m.end() for m in re.finditer(rb"\n", whole)]
        for cut in sorted(cuts | {ends[0], ends[1], ends[-2]}):
            Path(name).write_bytes(whole[:cut])
            run(*args, "-o", name)
            assert Path(name).read_bytes() == whole

    def test_foreign_files_and_other_settings(self, model, photos):
        args = ["tag", "--model", model, "photos/0.png", "-o", "t.csv", "-q"]
        Path("t.csv").write_text("precious")
        assert "--force overwrites it" in run(*args, code=2).stderr
        assert Path("t.csv").read_text() == "precious"
        run(*args, "--force", "--top", 3)
        assert Path("t.csv").read_text().count("\n") == 4
        message = run(*args, "--top", 5, "--threshold", 0.1, code=2).stderr
        assert "'t.csv' was made with --top 3 and no --threshold" in message
        other = photos.parent / "other"
        shutil.copytree(model, other)
        (other / "config.json").write_text((model / "config.json").read_text() + " ")
        message = run(
            "tag", "photos/0.png", "--model", other, "--top", 3, "-o", "t.csv", code=2
        ).stderr
        assert "was made with another model" in message
        Path("t.jsonl").write_text("no json\n")
        state = json.loads(Path(".t.csv.json").read_text()) | {"format": "jsonl"}
        Path(".t.jsonl.json").write_text(json.dumps(state))
        args = ["tag", "photos/0.png", "--model", model, "--top", 3, "-o", "t.jsonl"]
        message = run(*args, code=1).stderr
        assert "'t.jsonl' is damaged at byte 0" in message

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            ("--model photos photos", "'photos' is not a model (it has no config.json)"),
            ("--model MODEL photos/none.png", "'photos/none.png' does not exist"),
            ("--model MODEL MODEL", "There are no images in"),
            ("--model MODEL photos --format table -o t.txt", "A table is for reading"),
            ("--model MODEL photos -o none/t.csv", "There is no folder 'none'"),
            ("--model MODEL photos --threshold 2", "2.0 is not in the range"),
        ],
    )
    def test_wrong_use(self, model, photos, args, message):
        args = ["tag", *args.replace("MODEL", str(model)).split()]
        assert message in run(*args, code=2).stderr
        assert os.listdir() == ["photos"]

    def test_missing_device(self, model, photos):
        result = run(
            "tag", "--model", model, "photos", "--device", "cuda:77", "-o", "t.csv", code=1
        )
        assert "--device 'cuda:77' cannot be used here" in result.stderr
        assert os.listdir() == ["photos"]

    def test_difficult_file_names(self, model, photos, scenes):
        names = ["a,b.png", 'quo"te.png', "new\nline.png", os.fsdecode(b"latin\xe9.png"), "犬.png"]
        for name in names:
            shutil.copy("photos/0.png", name)
        for output in ("t.csv", "t.jsonl"):
            run("tag", "--model", model, *names, "-o", output)
            Path(output).write_bytes(Path(output).read_bytes()[:-1])
            run("tag", "--model", model, *names, "-o", output)
        with open("t.csv", encoding="utf-8", errors="surrogateescape", newline="") as file:
            paths = [row["path"] for row in csv.DictReader(file)]
        assert paths == [name for name in names for _ in range(3)]
        assert [record["path"] for record in lines("t.jsonl")] == names
        table = run("tag", "--model", model, *names, "--format", "table").stdout
        assert table.count("\n") == len(names)

    def test_reads_chunk_by_chunk(self, model, photos):
        """It reads an endless list chunk by chunk, and writes each before it reads the next."""
        written = []  # how many images are in the file when each path is read

        class Endless(io.RawIOBase):
            def readable(self):
                return True

            def readinto(self, buffer):
                file = Path("t.jsonl")
                written.append(file.read_bytes().count(b"\n") if file.exists() else 0)
                if len(written) > 16 * 3:
                    raise KeyboardInterrupt
                line = b"photos/0.png\n"
                buffer[: len(line)] = line
                return len(line)

        args = ["tag", "--model", model, "-", "-o", "t.jsonl", "--batch-size", 1]
        run(*args, input=io.BufferedReader(Endless()), code=130)
        assert written == [16 * (k // 16) for k in range(16 * 3 + 1)]
        assert len(lines("t.jsonl")) == 16 * 3


class TestWhere:
    @pytest.mark.parametrize("suffix", ["png", "JPG", "pdf", "svg"])
    def test_suffix_decides_the_format(self, model, photos, suffix):
        name = f"w.{suffix}"
        result = run("where", "--model", model, "photos/0.png", "--top", 2, "-o", name)
        assert (result.stdout, result.stderr) == ("", f"Wrote {name}.\n")
        start = Path(name).read_bytes()[:5]
        wanted = {"png": b"\x89PNG", "JPG": b"\xff\xd8\xff", "pdf": b"%PDF-", "svg": b"<?xml"}
        assert start.startswith(wanted[suffix])
        assert sorted(os.listdir()) == ["photos", name]
        umask = os.umask(0)
        os.umask(umask)
        assert Path(name).stat().st_mode & 0o777 == 0o666 & ~umask

    @pytest.mark.parametrize("size", [(192, 192), (400, 200), (150, 300)])
    @pytest.mark.parametrize("args", ["", "--top 1", "--label dog --label bus --label dog"])
    def test_shows_the_labels_in_their_order(self, model, photos, scenes, monkeypatch, size, args):
        drawn = []
        show = RegionDisplay.from_estimator
        monkeypatch.setattr(
            RegionDisplay,
            "from_estimator",
            lambda *args, **kwargs: drawn.append(show(*args, **kwargs)) or drawn[-1],
        )
        scenes.images[0].resize(size).save("p.png")
        run("where", "--model", model, "p.png", "-o", "w.png", "-q", *args.split())
        clf = load_classifier(model)
        proba = clf.predict_proba([Path("p.png")])[0]
        likeliest = clf.classes_[np.argsort(-proba)].tolist()
        labels = {"": likeliest[:3], "--top 1": likeliest[:1]}.get(args, ["dog", "bus"])
        (display,) = drawn
        assert display.label_names == labels
        titles = [f"{name} {proba[clf.classes_.tolist().index(name)]:.2f}" for name in labels]
        assert [ax.get_title() for ax in display.axes_] == titles
        np.testing.assert_allclose(
            display.maps, clf.predict_regions([Path("p.png")], labels)[0], atol=1e-5
        )
        # it fills the figure, so little is white
        pixels = np.asarray(Image.open("w.png").convert("L"))
        assert (pixels == 255).mean() < 0.5
        assert plt.get_fignums() == []

    def test_replaces_a_picture_only_when_the_new_one_is_whole(self, model, photos, monkeypatch):
        def broken(figure, path, **_):
            Path(path).write_bytes(b"half")
            raise OSError("the disk is full")

        Path("w.png").write_bytes(b"the old one")
        with monkeypatch.context() as patch:
            patch.setattr("matplotlib.figure.Figure.savefig", broken)
            message = run("where", "--model", model, "photos/0.png", "-o", "w.png", code=1).stderr
        assert message == "Error: the disk is full\n"
        assert Path("w.png").read_bytes() == b"the old one"
        assert sorted(os.listdir()) == ["photos", "w.png"]
        run("where", "--model", model, "photos/0.png", "-o", "w.png")
        assert Image.open("w.png").format == "PNG"

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            ("--model MODEL photos/0.png", "Missing option '-o'"),
            ("--model MODEL photos/none.png -o w.png", "'photos/none.png' does not exist"),
            (
                "--model photos photos/0.png -o w.png",
                "'photos' is not a model (it has no config.json)",
            ),
            ("--model MODEL photos/0.png -o w.docx", "'w.docx' does not end in one of"),
            ("--model MODEL photos/0.png -o w", "'w' does not end in one of"),
            ("--model MODEL photos/0.png -o no/w.png", "There is no folder 'no'"),
            ("--model MODEL photos/0.png -o photos/0.png", "is the image itself"),
            ("--model MODEL photos/0.png -o w.png --top 0", "0 is not in the range"),
            ("--model MODEL photos/0.png -o w.png --top 2 --label dog", "either --label or --top"),
            ("--model MODEL photos/0.png -o w.png --label Dgo", "label 'Dgo'; did you mean 'dog'"),
            (
                "--model MODEL photos/0.png -o w.png --label xyzzy",
                "'xyzzy'; it knows aeroplane, bicycle",
            ),
        ],
    )
    def test_wrong_use(self, model, photos, args, message):
        args = ["where", *args.replace("MODEL", str(model)).split()]
        assert message in run(*args, code=2).stderr
        assert os.listdir() == ["photos"]

    def test_a_picture_that_cannot_be_read(self, model, photos):
        message = run("where", "--model", model, "photos/notes.txt", "-o", "w.png", code=1).stderr
        assert message.startswith("Error: 'photos/notes.txt' cannot be read as an image")
        assert os.listdir() == ["photos"]

    def test_an_encoder_without_regions(self, model, photos, monkeypatch):
        monkeypatch.setattr(LoadedModel, "region_tower", property(lambda self: None))
        message = run("where", "--model", model, "photos/0.png", "-o", "w.png", code=1).stderr
        assert "tai-tiny, which has no regions" in message
        assert "--encoder ViT-B-16" in message
        assert message.count("\n") == 1

    def test_without_matplotlib(self, model, photos, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib", None)  # as if it were not installed
        message = run("where", "--model", model, "photos/0.png", "-o", "w.png", code=1).stderr
        assert message == "Error: where needs matplotlib: pip install 'matplotlib>=3.8'\n"


def cells(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def test_table_fits_the_terminal(photos, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    run("generate", "--label", "犬小屋", "--label", "dog", "--label", "cat", "-o", "c.jsonl",
        "--n-texts", 30)  # fmt: skip
    run("fit", "c.jsonl", "-o", "model", *FIT)
    names = ["a" * 50 + ".png", "犬" * 20 + "x.png", "esc\x1b[31m"]
    for i, name in enumerate(names):
        shutil.copy(f"photos/{2 * i}.png", name)
    paths = [
        "…" + "a" * 14 + ".png  ",
        "…" + "犬" * 6 + "x.png   ",
        "esc\ufffd[31m" + " " * 11 + "  ",
    ]
    table = run(
        "tag", "--model", "model", *names, "--top", 3, "--format", "table"
    ).stdout.splitlines()
    clf = load_classifier("model")
    for line, path, proba in zip(table, paths, clf.predict_proba([*map(Path, names)])):
        assert line.startswith(path)
        assert 38 <= cells(line) <= 39
        order = np.argsort(-proba)
        tags = ", ".join(f"{clf.classes_[k]} {proba[k]:.0%}" for k in order)
        assert line.endswith("…")
        assert tags.startswith(line.removeprefix(path).removesuffix("…"))
    table = run(
        "tag", "--model", "model", *names, "--top", 1, "--format", "table"
    ).stdout.splitlines()
    assert all(re.search(r"  (犬小屋|dog|cat) \d+%$", line) for line in table)
    table = run("tag", "--model", "model", *names, "--threshold", 1, "--format", "table").stdout
    assert table.splitlines() == [f"{path}-" for path in paths]


def test_demo(tmp_path):
    result = run("demo", "--save", tmp_path / "demo.png")
    figures = [float(x) for x in re.findall(r"([\d.]+)%[.,]", result.stdout.split("Mean")[1])]
    assert figures[0] > figures[1] + 2 > 40
    assert len(re.findall(r"^ +\d+  \w.*  \w.* \d+%$", result.stdout, re.M)) == 12
    assert Image.open(tmp_path / "demo.png").size[0] > 800


def test_demo_refuses_before_it_trains(tmp_path):
    assert "no folder" in run("demo", "--save", tmp_path / "no" / "x.png", code=2).stderr
    assert "does not end in" in run("demo", "--save", tmp_path / "x.docx", code=2).stderr


class TestProcesses:
    """Tests that need their own process."""

    def test_a_closed_pipe_is_quiet(self, model, photos):
        # head stops reading after two lines, with 10,000 images to come
        Path("paths").write_text("photos/0.png\n" * 10_000)
        command = f"{sys.executable} -m sklearn_tai.cli tag --model {model} - --top 3"
        shell = f"{command} --batch-size 1 | head -n 2"
        with open("paths") as paths:
            done = subprocess.run(
                shell, shell=True, stdin=paths, capture_output=True, text=True, timeout=120
            )
        assert done.stdout.splitlines()[0] == "path,label,score"
        assert done.stdout.count("\n") == 2
        assert done.stderr == ""

    @pytest.mark.usefixtures("ctrl_c")
    @pytest.mark.parametrize(
        ("sent", "code", "message"),
        [
            (
                signal.SIGINT,
                130,
                r"Stopped\. t\.jsonl has [\d,]+ images; run the same command again to continue\.",
            ),
            (signal.SIGKILL, -signal.SIGKILL, ""),
        ],
    )
    def test_stopped_and_run_again(self, model, photos, sent, code, message):
        n = 3000
        for i in range(n):
            os.link("photos/0.png", f"photos/more/x{i:04}.png")
        args = ["tag", "--model", str(model), "photos", "-o", "t.jsonl", "--batch-size", "2"]
        with subprocess.Popen([*COMMAND, *args], stderr=subprocess.PIPE, text=True) as process:
            deadline = time.monotonic() + 100
            # a batch is complete once the next one has begun
            while not (os.path.exists("t.jsonl") and Path("t.jsonl").read_text().count("\n") > 2):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
            process.send_signal(sent)
            assert process.wait(60) == code
            assert re.fullmatch(message, process.stderr.read().strip())
        kept = Path("t.jsonl").read_bytes()
        assert 0 < kept.count(b"\n") < n + 10
        if sent == signal.SIGINT:
            assert kept.endswith(b"\n")
        Path("t.jsonl").write_bytes(kept + b'{"path": "photos/more/x')
        for path in sorted(Path("photos/more").glob("x*"))[:-20]:
            path.unlink()  # to save time
        run(*args)
        paths = [record["path"] for record in lines("t.jsonl")]
        assert len(paths) == len(set(paths))
        assert {*PATHS, "photos/more/x2999.png"} <= set(paths)
        assert Path("t.jsonl").read_bytes().startswith(kept)


def test_web_names_the_extra_that_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)  # as if it were not installed
    assert "pip install 'gradio>=" in run("web", code=1).stderr


def test_model_may_be_read_by_others(model):
    umask = os.umask(0)
    os.umask(umask)
    for file in model.iterdir():
        assert file.stat().st_mode & 0o777 == 0o666 & ~umask
