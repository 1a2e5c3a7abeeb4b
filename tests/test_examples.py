"""The gallery. The documentation build runs it; these are quick checks."""

import ast
import hashlib
import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

EXAMPLES = Path(__file__).parents[1] / "examples"
STORIES = sorted(EXAMPLES.glob("plot_*.py"))
BUILT = EXAMPLES.parent / "docs" / "auto_examples"
each_story = pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)


@each_story
def test_story_uses_names_that_exist(path):
    """All names imported from the package exist, and accept the parameters given."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    known = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "sklearn_tai":
            for alias in node.names:
                found = getattr(importlib.import_module(node.module), alias.name)
                known[alias.asname or alias.name] = found
    assert known
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        *owner, name = ast.unparse(node.func).split(".")
        if owner and owner[0] in known and len(owner) == 1:
            function = getattr(known[owner[0]], name)
        elif not owner and name in known:
            function = known[name]
        else:
            continue
        positional = [a for a in node.args if not isinstance(a, ast.Starred)]
        named = {k.arg: None for k in node.keywords if k.arg}
        inspect.signature(function).bind_partial(*positional, **named)


@each_story
def test_story_ran_and_shows_pictures(path):
    """Needs a built gallery: .ci/run builds it, and stops at errors and warnings."""
    stamp = BUILT / f"{path.name}.md5"
    if not stamp.exists() or stamp.read_text() != hashlib.md5(path.read_bytes()).hexdigest():
        pytest.skip("the documentation was not built with this example")
    page = (BUILT / f"{path.stem}.rst").read_text(encoding="utf-8")
    assert ".. image-sg:: " in page
    assert ".. rst-class:: sphx-glr-script-out" in page  # it prints something
    left_behind = {file.name for file in EXAMPLES.iterdir()}
    assert all(name.endswith((".py", ".rst")) for name in left_behind - {"__pycache__"})


@each_story
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
    done = subprocess.run(
        [sys.executable, EXAMPLES / "quickstart.py"],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    assert done.stdout.splitlines()[-1] == "picture: emoji_scenes_predictions.png"
    assert (tmp_path / "emoji_scenes_predictions.png").stat().st_size > 10_000
