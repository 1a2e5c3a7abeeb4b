"""Sphinx settings: ``python -m sphinx -W --keep-going -b html docs docs/_build/html``."""

from __future__ import annotations

import os
import sys
from functools import reduce
from importlib import import_module
from importlib.metadata import metadata
from inspect import isfunction
from pathlib import Path
from types import GetSetDescriptorType
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a build never uses the network

import click
import latex2mathml.converter
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.ext.autosummary import autosummary_table

import sklearn_tai

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for gallery_order

project = "sklearn-tai"
author = "the sklearn-tai developers"
copyright = "2026, the sklearn-tai developers"
version = release = sklearn_tai.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = [
    "_build",
    "_templates",
    "_generated",
    "auto_examples/*.ipynb",
    "images/README.md",  # included by about/licence
]
smartquotes = False  # keep quotes in parameters and messages as in the code
default_role = "literal"  # single backticks name parameters in the docstrings

# Broken links are errors; links to other projects are plain code, because their inventories
# would have to be downloaded.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(sklearn|skorch|torch|numpy|pandas|matplotlib|pathlib|joblib)\..*")
]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # types are in numpydoc's Parameters
numpydoc_show_class_members = False  # the template of classes does it
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "parallel": 2,
    "ignore_pattern": r"(^|/)quickstart\.py",  # a script that writes a file
    "within_subsection_order": "gallery_order.StoryOrder",
    "reset_modules": ("matplotlib", "gallery_order.refuse_warnings"),
    "reset_modules_order": "both",
    "doc_module": ("sklearn_tai",),
    "backreferences_dir": "api/generated/backreferences",
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,  # its page loads scripts from other hosts
}


def repository_links() -> list[dict[str, str]]:
    """The link to the repository, once pyproject.toml has its address."""
    urls = metadata("sklearn-tai").get_all("Project-URL") or []
    return [
        {"name": name, "url": url, "icon": "fa-solid fa-code-branch"}
        for name, _, url in (entry.partition(", ") for entry in urls)
        if name == "Repository"
    ]


html_theme = "pydata_sphinx_theme"
html_title = "sklearn-tai"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_logo = html_favicon = "_static/logo.svg"
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"index": [], "getting_started": []}
html_theme_options = {
    "logo": {"text": "sklearn-tai"},
    "header_links_before_dropdown": 7,
    "navbar_end": ["theme-switcher", "navbar-icon-links"],
    "icon_links": repository_links(),
    "footer_start": ["copyright"],
    "footer_center": ["about-links"],
    "footer_end": ["theme-version"],
    "show_toc_level": 2,
    "use_edit_page_button": False,
    "back_to_top_button": True,
}


def _math(self: Any, node: nodes.Node, display: str) -> None:
    """Write formulas as MathML, so that pages need no scripts for them."""
    mathml = latex2mathml.converter.convert(node.astext(), display=display)
    self.body.append(f'<div class="formula">{mathml}</div>' if display == "block" else mathml)
    raise nodes.SkipNode


def _resolve_short_name(app: Sphinx, env: Any, node: Any, contnode: Any) -> Any:
    """Resolve links to public names without their modules, as in "See Also"."""
    if node.get("refdomain") != "py":
        return None
    name = node["reftarget"].rpartition(".")[2]
    domain = env.domains["py"]
    found = [
        full
        for full, entry in domain.objects.items()
        if full.rpartition(".")[2] == name and not entry.aliased
    ]
    if len(found) != 1 or not found[0].startswith("sklearn_tai."):
        return None
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", found[0], node, contnode)


def _skip_inherited(app: Any, what: str, name: str, member: Any, skip: bool, options: Any) -> Any:
    """Skip members inherited from scikit-learn, numpy and others."""
    if isinstance(member, GetSetDescriptorType):  # attributes of arrays
        return True
    if (member.__doc__ or "").startswith("Alias for field number"):  # fields of named tuples
        return True
    module = getattr(member, "__module__", None) or ""
    return True if callable(member) and not module.startswith("sklearn_tai") else None


def _written_in(app: Sphinx, module: str | None, name: str) -> str | None:
    """The module with a class's source, for viewcode: its ``__module__`` is only the folder."""
    if module is None:
        return None
    member = reduce(getattr, name.split("."), import_module(module))
    functions = filter(isfunction, vars(member).values()) if isinstance(member, type) else ()
    modules = (function.__module__ or "" for function in functions)
    return next((m for m in modules if m.startswith("sklearn_tai")), None)


def _drop_citations(app: Sphinx, doctree: nodes.document) -> None:
    """Remove citations from the summaries in API tables, as they would be broken links."""
    for table in doctree.findall(autosummary_table):
        for citation in [n for n in table.findall(nodes.Element) if _is_citation(n)]:
            before = citation.parent[citation.parent.index(citation) - 1]
            if isinstance(before, nodes.Text):
                citation.parent.replace(before, nodes.Text(before.rstrip()))
            citation.parent.remove(citation)


def _is_citation(node: nodes.Element) -> bool:
    return node.get("refdomain") == "citation"


def _write_command_help(app: Sphinx) -> None:
    """Write the output of ``--help``, for the command line's page."""
    from sklearn_tai.cli import cli as group

    folder = HERE / "_generated" / "cli"
    folder.mkdir(parents=True, exist_ok=True)
    parent = click.Context(group, info_name="sklearn-tai", max_content_width=88)
    helps = {"sklearn-tai": group.get_help(parent)}
    for name, command in group.commands.items():
        context = click.Context(command, info_name=name, parent=parent, max_content_width=88)
        helps[name] = command.get_help(context)
    for name, text in helps.items():
        (folder / f"{name}.txt").write_text(text + "\n", encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Register the functions above."""
    app.add_html_math_renderer(
        "mathml",
        inline_renderers=(lambda self, node: _math(self, node, "inline"), None),
        block_renderers=(lambda self, node: _math(self, node, "block"), None),
    )
    app.config.html_math_renderer = "mathml"
    app.connect("viewcode-follow-imported", _written_in)
    app.connect("missing-reference", _resolve_short_name)
    app.connect("doctree-read", _drop_citations)
    app.connect("autodoc-skip-member", _skip_inherited)
    app.connect("builder-inited", _write_command_help)
