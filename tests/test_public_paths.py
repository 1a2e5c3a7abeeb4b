import inspect
import pickle
import re
from doctest import DocTestFinder
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
import skops.io
from sklearn.base import BaseEstimator

import sklearn_tai
from sklearn_tai.deploy import TRUSTED_TYPES

ROOMS = [
    import_module(f"sklearn_tai.{found.name}")
    for found in iter_modules(sklearn_tai.__path__)
    if not found.name.startswith("_") and found.name != "inputs"
]
CLASSES = {
    value
    for room in ROOMS
    for value in map(vars(room).get, getattr(room, "__all__", ()))
    if inspect.isclass(value)
}


@pytest.mark.parametrize("cls", sorted(CLASSES, key=str), ids=lambda cls: cls.__name__)
def test_classes_live_where_users_import_them(cls):
    assert not any(part.startswith("_") for part in cls.__module__.split("."))
    assert getattr(import_module(cls.__module__), cls.__name__) is cls
    assert pickle.loads(pickle.dumps(cls)) is cls


def test_every_public_part_can_be_saved():
    """A new encoder, perturbation or adapter need only be listed in its own folder."""
    parts = {"encoders", "perturbation", "adapters"}
    offered = {
        f"{cls.__module__}.{cls.__name__}"
        for cls in CLASSES
        if issubclass(cls, BaseEstimator) and cls.__module__.rpartition(".")[2] in parts
        if not inspect.isabstract(cls)
    }
    assert len(offered) > 6
    assert offered == set(TRUSTED_TYPES) - {"sklearn_tai.classifier.TextAsImageClassifier"}


def test_no_folder_imports_private_names_of_another():
    """`from ..room import name` is allowed; `from ..room._file import name` or `_name` is not."""
    root = Path(sklearn_tai.__path__[0])
    private = re.compile(r"^ *from \.\.(?:\w+\._\S+ import .*|[a-z]\w* import .*\b_\w+.*)$", re.M)
    found = {
        f"{file.relative_to(root)}: {line.strip()}"
        for file in root.rglob("*.py")
        for line in private.findall(file.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_skops_files_hold_public_paths():
    for path in TRUSTED_TYPES:
        module, _, name = path.rpartition(".")
        assert getattr(import_module(module), name).__name__ == name
    noise = sklearn_tai.RandomPerturbation()
    untrusted = skops.io.get_untrusted_types(data=skops.io.dumps(noise))
    assert untrusted == ["sklearn_tai.perturbation.RandomPerturbation"]


def test_examples_of_methods_are_found():
    finder = DocTestFinder()
    for room in ROOMS:
        found = {test.name.replace("__test__.", "") for test in finder.find(room)}
        for cls in CLASSES:
            if cls.__module__ == room.__name__:
                for name, method in vars(cls).items():
                    if ">>>" in (getattr(method, "__doc__", None) or ""):
                        assert f"{room.__name__}.{cls.__name__}.{name}" in found
