"""text/template/parse/node.go. `str(node)` is what error messages quote."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Node:
    __slots__ = ("position",)

    def __init__(self, position: int) -> None:
        self.position = position


class Text(Node):
    __slots__ = ("text",)

    def __init__(self, position: int, text: str) -> None:
        super().__init__(position)
        self.text = text


class Pipe(Node):
    """`$a, $b := command | command`."""

    __slots__ = ("assigns", "commands", "names")

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.names: list[str] = []
        self.assigns = False
        self.commands: list[Command] = []

    def __str__(self) -> str:
        start = f"{', '.join(self.names)} {'=' if self.assigns else ':='} " if self.names else ""
        return start + " | ".join(map(str, self.commands))


class Command(Node):
    __slots__ = ("operands",)

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.operands: list[Node] = []

    def __str__(self) -> str:
        return " ".join(f"({item})" if isinstance(item, Pipe) else str(item) for item in self.operands)


class Action(Node):
    __slots__ = ("pipe",)

    def __init__(self, position: int, pipe: Pipe) -> None:
        super().__init__(position)
        self.pipe = pipe

    def __str__(self) -> str:
        return f"{{{{{self.pipe}}}}}"


class Field(Node):
    """`.A.B`, of dot."""

    __slots__ = ("names",)

    def __init__(self, position: int, names: list[str]) -> None:
        super().__init__(position)
        self.names = names

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.names)


class Variable(Node):
    """`$x.A.B`: the variable, then fields."""

    __slots__ = ("names",)

    def __init__(self, position: int, names: list[str]) -> None:
        super().__init__(position)
        self.names = names

    def __str__(self) -> str:
        return ".".join(self.names)


class Chain(Node):
    """`(pipeline).A.B`, or of a function without arguments."""

    __slots__ = ("names", "node")

    def __init__(self, position: int, node: Node, names: list[str]) -> None:
        super().__init__(position)
        self.node = node
        self.names = names

    def __str__(self) -> str:
        start = f"({self.node})" if isinstance(self.node, Pipe) else str(self.node)
        return start + "".join(f".{name}" for name in self.names)


class Identifier(Node):
    """A function's name."""

    __slots__ = ("name",)

    def __init__(self, position: int, name: str) -> None:
        super().__init__(position)
        self.name = name

    def __str__(self) -> str:
        return self.name


class Dot(Node):
    __slots__ = ()

    def __str__(self) -> str:
        return "."


class Nil(Node):
    __slots__ = ()

    def __str__(self) -> str:
        return "nil"


class Constant(Node):
    """A string, number, character or boolean; `text` as it was written."""

    __slots__ = ("text", "value")

    def __init__(self, position: int, text: str, value: Any) -> None:
        super().__init__(position)
        self.text = text
        self.value = value

    def __str__(self) -> str:
        return self.text


class Branch(Node):
    """if, with, range: `kind` says which."""

    __slots__ = ("body", "kind", "other", "pipe")

    def __init__(self, position: int, kind: str, pipe: Pipe) -> None:
        super().__init__(position)
        self.kind = kind
        self.pipe = pipe
        self.body: list[Node] = []
        self.other: list[Node] = []


class Jump(Node):
    """break, continue."""

    __slots__ = ("kind",)

    def __init__(self, position: int, kind: str) -> None:
        super().__init__(position)
        self.kind = kind


class Call(Node):
    """`{{template "name" pipeline}}`."""

    __slots__ = ("name", "pipe")

    def __init__(self, position: int, name: str, pipe: Pipe | None) -> None:
        super().__init__(position)
        self.name = name
        self.pipe = pipe

    def __str__(self) -> str:
        from sampan.cli.template.verbs import quote

        return f"{{{{template {quote(self.name)}{f' {self.pipe}' if self.pipe else ''}}}}}"
