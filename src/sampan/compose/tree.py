"""What a compose file says, with the place of each value: the form in which files are checked and merged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from sampan.errors import InvalidArgument

Plain: TypeAlias = "str | int | float | bool | None"
Path = tuple[str, ...]
RESET = "!reset"
OVERRIDE = "!override"


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a value stands: `line` from 1; 0 where no file said it."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(slots=True)
class Scalar:
    value: Plain
    mark: Mark
    tag: str = ""


@dataclass(slots=True)
class Sequence:
    items: list[Node]
    mark: Mark
    tag: str = ""


@dataclass(slots=True)
class Mapping:
    items: dict[str, Node]
    mark: Mark
    tag: str = ""
    keys: dict[str, Mark] = field(default_factory=dict)

    def get(self, key: str) -> Node | None:
        return self.items.get(key)

    def where(self, key: str) -> Mark:
        return self.keys.get(key, self.mark)

    def put(self, key: str, node: Node) -> None:
        self.items[key] = node
        self.keys.setdefault(key, node.mark)


Node: TypeAlias = "Scalar | Sequence | Mapping"


def wrong(mark: Mark, path: Path, text: str) -> InvalidArgument:
    """`compose.yaml:7: services.web.ports: …`."""
    where = ".".join(path)
    return InvalidArgument(f"{mark}: {where}: {text}" if where else f"{mark}: {text}")


def text_of(node: Node | None) -> str:
    """A scalar as the text that it was written for; "" for none."""
    if not isinstance(node, Scalar) or node.value is None:
        return ""
    return written(node.value)


def written(value: Plain) -> str:
    """As Go prints it: `true`, `1.5`, `3`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def mapping(mark: Mark, **items: Plain | Node) -> Mapping:
    """A mapping that stands for a short form; what is None is left out."""
    found: dict[str, Node] = {}
    for key, value in items.items():
        if isinstance(value, Scalar | Sequence | Mapping):
            found[key] = value
        elif value is not None:
            found[key] = Scalar(value, mark)
    return Mapping(found, mark)


def data(node: Node) -> object:
    """Without the places: what JSON can hold."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [data(item) for item in node.items]
    return {key: data(item) for key, item in node.items.items()}


def copy(node: Node) -> Node:
    """One of its own, for what an alias or a second service changes."""
    if isinstance(node, Scalar):
        return Scalar(node.value, node.mark, node.tag)
    if isinstance(node, Sequence):
        return Sequence([copy(item) for item in node.items], node.mark, node.tag)
    items = {key: copy(item) for key, item in node.items.items()}
    return Mapping(items, node.mark, node.tag, dict(node.keys))
