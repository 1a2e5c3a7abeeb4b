"""The documentation lists everything public, and its code runs."""

import re
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import sklearn_tai

DOCS = Path(__file__).parent.parent / "docs"
# programs, not libraries; they have their own pages
PROGRAMS = ("sklearn_tai.cli",)
# shared between the package's folders, not meant for users
INTERNAL = (
    "sklearn_tai.base",
    "sklearn_tai.inputs",
)


def public_names():
    """All names in ``__all__`` of the modules without a leading underscore."""
    for info in [None, *walk_packages(sklearn_tai.__path__, "sklearn_tai.")]:
        module = "sklearn_tai" if info is None else info.name
        if "._" in module or module.startswith((*PROGRAMS, *INTERNAL)):
            continue
        for name in getattr(import_module(module), "__all__", ()):
            yield f"{module}.{name}"


def documented_names():
    page = (DOCS / "api" / "index.rst").read_text(encoding="utf-8")
    return re.findall(r"^(?:   |\.\. py:data:: )(sklearn_tai\.[\w.]+)$", page, flags=re.M)


def load(full_name):
    module, _, name = full_name.rpartition(".")
    return getattr(import_module(module), name)


def test_api_page_has_every_public_name():
    documented = documented_names()
    assert len(documented) > 30
    objects = [load(name) for name in documented]
    missing = [
        name for name in public_names() if not any(load(name) is known for known in objects)
    ]
    assert missing == []


def test_api_page_has_no_name_twice():
    ids = [id(load(name)) for name in documented_names()]
    assert len(ids) == len(set(ids))


def test_command_line_page_has_every_command():
    from sklearn_tai.cli import cli

    page = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    assert set(re.findall(r"_generated/cli/([\w-]+)\.txt", page)) == {"sklearn-tai", *cli.commands}


def code_of(page):
    """The Python blocks of a page that need neither the network nor the user's photos."""
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.S)
    return [block for block in blocks if "photos" not in block]


@pytest.mark.parametrize(("name", "n_blocks"), [("index.md", 1), ("getting_started.md", 5)])
def test_first_steps_run_as_written(name, n_blocks):
    blocks = code_of(DOCS / name)
    assert len(blocks) == n_blocks
    namespace = {}
    for block in blocks:
        exec(block, namespace)
    clf, scenes = namespace["clf"], namespace["scenes"]
    assert clf.score(scenes.images, scenes.Y) > 0.5
    for code, printed in re.findall(r"print\((.*)\)  # (.*)\n", "".join(blocks)):
        assert str(eval(code, namespace)) == printed


@pytest.mark.parametrize(
    "name",
    ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "benchmarks/README.md"],
)
def test_links_outside_the_site_lead_to_files(name):
    page = DOCS.parent / name
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_citation_has_the_current_version():
    citation = (DOCS.parent / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {sklearn_tai.__version__}\n" in citation
