"""The commands of benchmarks/paper on little data: images, and published layouts."""

import importlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from sklearn_tai import OpenCLIPEncoder, ScoreEnsemble

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks").is_dir(), reason="benchmarks are not installed with the package"
)


# warnings are shown, as users of the commands would see them
pytestmark = [pytestmark, pytest.mark.filterwarnings("default")]


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command in this process and return its output."""
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
    """The bundled images in the layout of MS-COCO."""
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
    assert records[0] == first[0]  # not measured again: the seconds are the same
    assert [record["method"] for record in records] == ["zero-shot CLIP", "CoMC", "TaI-Adapter"]
    text = (tmp_path / "table2.md").read_text()
    # every row, with the published figures
    expected = f"| TaI-Adapter | {100 * records[2]['map']:.1f} (67.7 ["
    assert expected in text
    assert "| TaI-DPT | (65.1 [" in text  # not run here
    assert "arXiv:2312.04160" in text
    assert text.strip() in done


@pytest.mark.parametrize("command", ["table1", "table3"])
def test_settings_are_columns(run, command, coco, tmp_path):
    settings = ["--known", "30", "90"] if command == "table1" else ["--shots", "1", "2"]
    method = "TaI-Adapter"
    size = ["--image-size", "192"] if command == "table1" else []  # a multiple of the model's 32
    run(command, tmp_path, *small(coco), *settings, "--methods", method, *size)
    records = json.loads((tmp_path / f"{command}.json").read_text())
    assert [record["setting"] for record in records] == [int(s) for s in settings[1:]]
    assert all(record["n_images"] == 40 for record in records)
    head = (tmp_path / f"{command}.md").read_text().split("\n")[2]
    assert head.startswith(f"| data | method | {settings[1]} | {settings[2]} |")
    assert ("average" in head) == (command == "table1")


@pytest.mark.parametrize("own_tower", [True, False])
def test_real_photos(run, own_tower, scenes, tmp_path, monkeypatch):
    testbeds = importlib.import_module("benchmarks.testbeds")
    monkeypatch.setattr(testbeds, "photo_encoder", lambda _: OpenCLIPEncoder("tai-tiny"))
    folder, rows = tmp_path / "photos", {}
    (folder / "images").mkdir(parents=True)
    for i, image in enumerate(scenes.images[:8]):
        image.save(folder / "images" / f"{i:012d}.jpg")
        rows[i] = {"labels": [n for n, has in zip(scenes.label_names, scenes.Y[i]) if has]}
    (folder / "labels.json").write_text(json.dumps(rows))
    if not own_tower:
        (tmp_path / "text_tower.npz").touch()
        through_clip = lambda self, X: self.clip.transform(X)  # noqa: E731
        monkeypatch.setattr(testbeds.FittedTower, "transform", through_clip)
    options = f"--data photos={tmp_path} --n-texts 100 --seeds 1 --shots 1 --methods".split()
    run("table3", tmp_path, *options, "CoOp", "our default", "our default*")
    records = json.loads((tmp_path / "table3.json").read_text())
    # prompt learning needs CLIP's text tower
    expected = ["CoOp", "our default", "our default*"] if own_tower else ["our default"]
    assert [record["method"] for record in records] == expected
    assert all(record["n_images"] == 8 and record["map"] > 0 for record in records)


def test_star_is_the_integration_of_section_8(run, coco, tmp_path):
    methods = ["CoOp", "TaI-Adapter", "TaI-Adapter*"]
    run("table3", tmp_path, *small(coco), "--shots", "2", "--methods", *methods)
    records = json.loads((tmp_path / "table3.json").read_text())
    assert [record["method"] for record in records] == methods
    text = (tmp_path / "table3.md").read_text()
    assert f"| coco | TaI-Adapter* | {100 * records[2]['map']:.1f} (70.7 [1]) |" in text


def test_integration_is_that_of_the_ensemble(run, encoder, corpus, scenes, image_embeddings):
    methods = importlib.import_module("benchmarks.paper._methods")
    few = [*range(20)]
    task = methods.Task(
        setting="few-shot",
        encoder=encoder,
        label_names=scenes.label_names,
        texts=list(corpus[0]),
        embedded_texts=encoder.transform(corpus[0]),
        Y_texts=corpus[1],
        test_images=scenes.images[20:],
        embedded_test=image_embeddings[20:],
        Y_test=scenes.Y[20:],
        seed=0,
        full=False,
        train_images=[scenes.images[i] for i in few],
        embedded_train=image_embeddings[few],
        Y_train=scenes.Y[few],
    )
    found = methods.run("our default*", task)["map"]
    parts = [(name, FrozenEstimator(task.fitted(name)[0])) for name in ("our default", "CoOp")]
    ensemble = ScoreEnsemble(parts, scaling=[None, "minmax"]).fit(scenes.images[20:])
    assert found == pytest.approx(ensemble.score(scenes.images[20:], scenes.Y[20:]), abs=1e-6)


def test_fig5_compares_corpora(run, tmp_path):
    bundled = ROOT / "benchmarks" / "data" / "captions_qwen2.5-coder-1.5b.jsonl"
    corpora = [f"Instruction-1={bundled}", f"Instruction-2={bundled}"]
    run("fig5", tmp_path, "--sizes", "50", "--seeds", "1", "--corpora", *corpora)
    records = json.loads((tmp_path / "fig5.json").read_text())
    assert [r["kind"] for r in records] == ["templates", "Instruction-1", "Instruction-2"]
    assert records[0]["map"] != records[1]["map"] == records[2]["map"]
    assert (tmp_path / "fig5.png").stat().st_size > 1000


def test_fig6_draws_the_radius(run, coco, tmp_path):
    run("fig6", tmp_path, *small(coco), "--parts", "a", "--radii", "0", "2.5")
    records = json.loads((tmp_path / "fig6a.json").read_text())
    by_kind = [(record["kind"], record["setting"]) for record in records]
    noisy = [(kind, 2.5) for kind in ("surface", "interior", "interior, by volume")]
    assert by_kind == [("surface", 0), *noisy]
    # radius and kind of noise matter
    assert len({record["map"] for record in records}) == 4
    assert (tmp_path / "fig6a.png").stat().st_size > 1000


def test_the_papers_count_of_table4(run, tmp_path, monkeypatch, capsys):
    module = importlib.import_module("benchmarks.paper.table4")
    monkeypatch.setattr(sys, "argv", ["table4"])
    module.main()
    rows = [line.split(" | ") for line in capsys.readouterr().out.split("\n")]
    counted = {row[0].strip("| "): row[1:] for row in rows if len(row) == 5}
    for method in ("TaI-DPT", "TaI-Adapter"):
        for cell in counted[method]:
            ours, paper = map(float, re.findall(r"[\d.]+", cell))
            assert ours == pytest.approx(paper, rel=0.03)
        for cell in counted[method][::2]:  # parameters, to the last digit in print
            ours, paper = map(float, re.findall(r"[\d.]+", cell))
            assert ours == pytest.approx(paper, abs=0.051)


def test_fig10_measures_the_gap(run, tmp_path):
    run("fig10", tmp_path, "--n-texts", "300", "--combinations", "3", "--known", "10", "90")
    records = json.loads((tmp_path / "fig10.json").read_text())
    kinds = ["combination", "label"]
    assert [(r["known"], r["offset_by"]) for r in records] == [
        (k, o) for k in (10, 90) for o in kinds
    ]
    for record in records:
        assert record["gap_after"] < record["gap"]
    # the more labels are known, the better the centroids
    assert records[2]["centroid_error"] < records[0]["centroid_error"]
    assert (tmp_path / "fig10_pictures.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "cifar=/x"], "expected 'pictures', or a name and a folder"),
        (["--data", "coco"], "expected 'pictures', or a name and a folder"),
        (["--data", "coco=/nowhere"], "/nowhere"),
    ],
)
def test_wrong_data(run, options, message, tmp_path):
    with pytest.raises(SystemExit, match=message):  # a message without a traceback
        run("table2", tmp_path, *options)


NAMES = {"VOC 2007": "voc2007", "MS-COCO": "coco", "NUS-WIDE": "nuswide", "CLIP": "zero-shot CLIP"}


def printed_tables():
    """The tables in the paper's text: (table, data, method, column) -> number."""
    lines = Path(__file__).with_name("paper_tables.txt").read_text().splitlines()
    found, rows = {}, []
    for line in lines:
        cells = [re.sub(r" \[\d+\]$", "", cell) for cell in line.split("\t")]
        if not line.startswith("Table"):
            rows += [cells] if len(cells) > 1 else []
            continue
        table = f"table{line[6]}"
        data, n_of_method = None, {}
        for first, *rest in rows:
            numbers = re.findall(r"\t([\d.]+)[MG]?(?=\t|$)", "\t" + "\t".join([first, *rest]))
            if not numbers or not re.fullmatch(r"[\d.]+[MG]?", rest[-1]):
                continue  # a header
            method = first
            if table == "table1":
                data, method = first or data, rest[0]
            elif table == "table3":  # VOC 2007 above, MS-COCO below
                data = ["VOC 2007", "MS-COCO"][n_of_method.setdefault(method, 0)]
                n_of_method[method] += 1
            place = (NAMES.get(data, data), NAMES.get(method, method))
            for column, number in enumerate(numbers):
                found[(table, *place, column)] = float(number)
        rows = []
    return found


def test_published_is_what_the_paper_prints():
    printed = printed_tables()
    by_table = {t: sum(key[0] == t for key in printed) for t in sorted({k[0] for k in printed})}
    assert by_table == {"table1": 110, "table2": 9, "table3": 30, "table4": 8}
    known = json.loads((ROOT / "benchmarks" / "paper" / "published.json").read_text())
    typed = {
        (table, row.get("data"), row["method"], column): number
        for table in by_table
        for row in known[table]["rows"]
        if row["source"] == "paper"
        for column, number in enumerate(row.get("map", row.get("cost")))
    }
    assert typed == printed
    for row in known["table1"]["rows"]:  # the paper's averages fit its numbers
        assert np.mean(row["map"][:-1]) == pytest.approx(row["map"][-1], abs=0.051)


def test_other_papers_are_marked():
    known = json.loads((ROOT / "benchmarks" / "paper" / "published.json").read_text())
    rows = [row for name, table in known.items() if name != "sources" for row in table["rows"]]
    assert {row["source"] for row in rows} == set(known["sources"])
    assert {"CoMC", "SPARC", "TagCLIP", "PIAA"} <= {
        r["method"] for r in rows if r["source"] != "paper"
    }
    columns = {name: len(t["columns"]) for name, t in known.items() if name != "sources"}
    for name, n in columns.items():
        assert all(len(r.get("map", r.get("cost"))) == n for r in known[name]["rows"])
