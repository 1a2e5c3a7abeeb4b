import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

EXAMPLES = Path(__file__).parents[1] / "examples"
STORIES = sorted(EXAMPLES.glob("plot_*.py"))
NEEDS = {
    "plot_bulk_tagging": ["pandas", "pyarrow"],
    "plot_export_onnx": ["onnx", "onnxruntime"],
}

# as the gallery runs them: in their own folder, and what counts is the figures they leave
RUNNER = """
import runpy, sys
import matplotlib.pyplot as plt
runpy.run_path(sys.argv[1], run_name="__main__")
print("figures:", len([n for n in plt.get_fignums() if plt.figure(n).axes]))
"""


def run(arguments, folder):
    environment = {**os.environ, "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    # no server of the user's own has a part in this
    environment["OLLAMA_HOST"] = "http://127.0.0.1:9"
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_story_runs_and_shows_pictures(path):
    for module in NEEDS.get(path.stem, []):
        pytest.importorskip(module)
    before = {file.name for file in EXAMPLES.iterdir()}
    output = run(["-c", RUNNER, path], EXAMPLES).splitlines()
    assert int(output[-1].removeprefix("figures:")) > 0
    assert len(output) > 1  # numbers of its own
    left_behind = {file.name for file in EXAMPLES.iterdir()} - before - {"__pycache__"}
    assert not left_behind


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_story_is_a_page_of_the_gallery(path):
    source = path.read_text(encoding="utf-8")
    quotes, title, underline, *_ = source.splitlines()
    assert quotes == '"""'
    assert title
    assert underline == "=" * len(title)
    assert source.count("\n# %%\n") > 2
    assert "savefig" not in source
    assert ".show()" not in source


def test_first_command_of_the_readme(tmp_path):
    output = run([EXAMPLES / "quickstart.py"], tmp_path)
    assert output.splitlines()[-1] == "picture: emoji_scenes_predictions.png"
    assert (tmp_path / "emoji_scenes_predictions.png").stat().st_size > 10_000
