"""Where public classes say that they live."""

from __future__ import annotations

from typing import Any


def settle(room: dict[str, Any]) -> None:
    """Give the public classes of a room, its `globals()`, the name of the room as module.

    Pickles, skops files and messages name classes by it, and must not break when a private
    file is renamed or split.
    """
    for value in map(room.get, room["__all__"]):
        if isinstance(value, type):
            value.__module__ = room["__name__"]
