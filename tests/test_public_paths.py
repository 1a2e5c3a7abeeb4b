import inspect
import pickle
from doctest import DocTestFinder
from importlib import import_module
from pkgutil import iter_modules

import pytest
import skops.io

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
