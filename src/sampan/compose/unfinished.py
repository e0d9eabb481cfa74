"""Containers that were being made when their `up` was killed. Until everything is in its place a container
has a temporary name; the rename is what makes it one of the project's. Pure.

| found under a temporary name               | becomes                                   |
|--------------------------------------------|-------------------------------------------|
| a successor whose predecessor is gone      | renamed: it was complete before that went |
| a successor whose predecessor is there     | removed                                   |
| one that succeeds nobody                   | removed: something may be missing in it   |
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from sampan.compose.steps import RemoveContainer, RenameContainer, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sampan.compose.observe import Container

_DIGITS = 12
_CAUSE = "an up before was cut short"


def temporary(name: str, old: str = "") -> str:
    """Before the rename. `old`: the ID of the one that is replaced."""
    return f"{old[:_DIGITS] or os.urandom(_DIGITS // 2).hex()}_{name}"


def is_temporary(found: str, name: str) -> bool:
    prefix = found.removesuffix(f"_{name}")
    return prefix != found and len(prefix) == _DIGITS and not set(prefix) - set("0123456789abcdef")


def sorted_out(
    existing: Iterable[Container], name_of: Callable[[Container], str]
) -> tuple[list[Container], list[Step]]:
    """(those that count, what is done about the others). `name_of`: how a container should be called."""
    containers = list(existing)
    there = {item.name for item in containers}
    kept: list[Container] = []
    steps: list[Step] = []
    for item in containers:
        name = name_of(item)
        if not is_temporary(item.name, name):
            kept.append(item)
        elif item.replaces and not {item.replaces, name} & there:
            there.add(name)
            kept.append(replace(item, name=name))
            steps.append(RenameContainer(item.id, item.name, name, _CAUSE))
        else:
            steps.append(RemoveContainer(item.id, item.name, _CAUSE, volumes=True))
    return sorted(kept, key=lambda item: (item.number, item.name)), steps
