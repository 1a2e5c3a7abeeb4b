"""Give public classes the name of their public module."""

from __future__ import annotations

from types import FunctionType
from typing import Any


def settle(room: dict[str, Any]) -> None:
    """Set the module of the public classes in a subpackage (its `globals()`) to the subpackage.

    Pickles, skops files and messages name classes by their module, and must not break when a
    private file is renamed or split. As doctest would then miss their methods, list these too.
    """
    room["__test__"] = {}
    for name, value in [(name, room[name]) for name in room["__all__"]]:
        if isinstance(value, type):
            value.__module__ = room["__name__"]
            for key, method in vars(value).items():
                method = getattr(method, "__func__", method)  # for a class method
                if isinstance(method, FunctionType):
                    room["__test__"][f"{name}.{key}"] = method
