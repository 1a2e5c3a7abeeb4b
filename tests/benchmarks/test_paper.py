"""The commands of benchmarks/paper, in small, on pictures and on data in published layout."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks").is_dir(), reason="benchmarks are not installed with the package"
)


# what users of the commands would see on the way
pytestmark = [pytestmark, pytest.mark.filterwarnings("default")]


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command in this process, and return what it prints."""
    from matplotlib import pyplot as plt

    monkeypatch.syspath_prepend(str(ROOT))

    def run(command, out, *options):
        main = importlib.import_module(f"benchmarks.paper.{command}").main
        monkeypatch.setattr(sys, "argv", [command, "--out", str(out), *options])
        main()
        return capsys.readouterr().out

    yield run
    plt.close("all")


@pytest.fixture(scope="module")
def coco(tmp_path_factory, scenes):
    """The bundled pictures in the layout of MS-COCO."""
    root = tmp_path_factory.mktemp("coco")
    (root / "annotations").mkdir()
    names = scenes.label_names
    for start, split in ((0, "train2014"), (20, "val2014")):
        (root / split).mkdir()
        images, annotations = [], []
        for i in range(start, start + 20):
            name = f"COCO_{split}_{i:012d}.jpg"
            scenes.images[i].save(root / split / name)
            images.append({"id": i, "file_name": name})
            annotations += [
                {"image_id": i, "category_id": int(k) + 1} for k in np.flatnonzero(scenes.Y[i])
            ]
        categories = [{"id": k + 1, "name": name} for k, name in enumerate(names)]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))
    return root


def small(coco):
    """Options that make an experiment on published data small."""
    return f"--data coco={coco} --encoder tai-tiny --n-texts 100 --seeds 1 --no-full".split()


def test_table2_goes_on_where_it_stopped(run, coco, tmp_path):
    options = [*small(coco), "--methods", "zero-shot CLIP"]
    run("table2", tmp_path, *options)
    first = json.loads((tmp_path / "table2.json").read_text())
    assert [record["method"] for record in first] == ["zero-shot CLIP"]
    assert 0 < first[0]["map"] <= 1
    options += ["CoMC", "TaI-Adapter"]
    done = run("table2", tmp_path, *options)
    records = json.loads((tmp_path / "table2.json").read_text())
    assert records[0] == first[0]  # not measured again, seconds and all
    assert [record["method"] for record in records] == ["zero-shot CLIP", "CoMC", "TaI-Adapter"]
    text = (tmp_path / "table2.md").read_text()
    # every row, and what was published beside
    expected = f"| TaI-Adapter | {100 * records[2]['map']:.1f} (67.7 ["
    assert expected in text
    assert "| TaI-Adapter + zero-shot CLIP |" in text
    assert "arXiv:2312.04160" in text
    assert text.strip() in done


@pytest.mark.parametrize("command", ["table1", "table3"])
def test_settings_are_columns(run, command, coco, tmp_path):
    settings = ["--known", "30", "90"] if command == "table1" else ["--shots", "1", "2"]
    method = "TaI-Adapter, moved by label" if command == "table1" else None
    method = method or "TaI-Adapter, texts and shots"
    size = ["--image-size", "192"] if command == "table1" else []  # the bundled model's cells
    run(command, tmp_path, *small(coco), *settings, "--methods", method, *size)
    records = json.loads((tmp_path / f"{command}.json").read_text())
    assert [record["setting"] for record in records] == [int(s) for s in settings[1:]]
    assert all(record["n_images"] == 40 for record in records)
    head = (tmp_path / f"{command}.md").read_text().split("\n")[2]
    assert head.startswith(f"| data | method | {settings[1]} | {settings[2]} |")
    assert ("average" in head) == (command == "table1")


def test_fig5_compares_kinds_of_texts(run, tmp_path):
    run("fig5", tmp_path, "--sizes", "50", "--seeds", "1")
    records = json.loads((tmp_path / "fig5.json").read_text())
    assert [record["kind"] for record in records] == ["prompts", "captions", "half of each"]
    assert (tmp_path / "fig5.png").stat().st_size > 1000


def test_fig6_draws_the_radius(run, coco, tmp_path):
    run("fig6", tmp_path, *small(coco), "--parts", "a", "--radii", "0", "2.5")
    records = json.loads((tmp_path / "fig6a.json").read_text())
    by_kind = [(record["kind"], record["setting"]) for record in records]
    assert by_kind == [("surface", 0), ("surface", 2.5), ("interior", 0), ("interior", 2.5)]
    # the radius and the kind of noise come through
    assert len({record["map"] for record in records[:2]}) == 2
    assert records[1]["map"] != records[3]["map"]
    assert (tmp_path / "fig6a.png").stat().st_size > 1000


def test_fig10_measures_the_gap(run, tmp_path):
    run("fig10", tmp_path, "--n-texts", "300", "--combinations", "3")
    records = json.loads((tmp_path / "fig10.json").read_text())
    assert [record["offset_by"] for record in records] == ["combination", "label"]
    for record in records:
        assert record["gap_after"] < record["gap"]
    assert (tmp_path / "fig10_pictures.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "cifar=/x"], "expected 'pictures', or a name and a folder"),
        (["--data", "coco"], "expected 'pictures', or a name and a folder"),
        (["--data", "coco=/nowhere"], "/nowhere"),
    ],
)
def test_wrong_data(options, message, tmp_path):
    command = [sys.executable, "-m", "benchmarks.paper.table2", "--out", str(tmp_path), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
