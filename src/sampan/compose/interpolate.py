"""`${VARIABLE}` in values: ${V} ${V:-default} ${V-default} ${V:?message} ${V?message} ${V:+other} ${V+other},
nested to any depth, $V, and $$ for a dollar (compose specification, Interpolation)."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Lookup

from sampan.compose.tree import Mapping, Node, Path, Scalar, Sequence, wrong

_OPERATORS = (":-", ":?", ":+", "-", "?", "+")


class Invalid(Exception):
    """What was written is no interpolation."""


class Missing(Exception):
    """A variable that must be set is not: `${V:?message}`."""


def tree(node: Node, variables: Lookup[str, str], unset: Callable[[str], None], path: Path = ()) -> Node:
    """Every string in `node` with its variables in. `unset` hears each name that has no value.

    Keys stay as they are. Raises InvalidArgument with the place.
    """
    if isinstance(node, Scalar):
        if not isinstance(node.value, str) or "$" not in node.value:
            return node
        return Scalar(_scalar(node, node.value, variables, unset, path), node.mark, node.tag)
    if isinstance(node, Sequence):
        items = [tree(item, variables, unset, (*path, str(at))) for at, item in enumerate(node.items)]
        return Sequence(items, node.mark, node.tag)
    found = {key: tree(item, variables, unset, (*path, key)) for key, item in node.items.items()}
    return Mapping(found, node.mark, node.tag, node.keys)


def _scalar(
    node: Scalar, value: str, variables: Lookup[str, str], unset: Callable[[str], None], path: Path
) -> str:
    try:
        return text(value, variables, unset)
    except Invalid:
        message = (
            f'invalid interpolation format: "{value}". You may need to escape any $ with another $: "$$…"'
        )
        raise wrong(node.mark, path, message) from None
    except Missing as error:
        raise wrong(node.mark, path, str(error)) from None


def text(value: str, variables: Lookup[str, str], unset: Callable[[str], None]) -> str:
    """`value` with its variables in. Raises Invalid and Missing."""
    return _Scan(value, variables, unset).until(end="")


def names(node: Node) -> dict[str, tuple[str, str]]:
    """The variables that the strings in `node` mention: name → (operator, what stands behind it)."""
    found: dict[str, tuple[str, str]] = {}
    if isinstance(node, Scalar):
        if isinstance(node.value, str) and "$" in node.value:
            _Scan(node.value, {}, lambda name: None, found).until(end="")
        return found
    children = node.items if isinstance(node, Sequence) else list(node.items.values())
    for child in children:
        found |= names(child)
    return found


class _Scan:
    """Reads one value from the left. `mentioned` collects names, and lets `?` pass."""

    def __init__(
        self,
        value: str,
        variables: Lookup[str, str],
        unset: Callable[[str], None],
        mentioned: dict[str, tuple[str, str]] | None = None,
    ) -> None:
        self._text = value
        self._at = 0
        self._variables = variables
        self._unset = unset
        self._mentioned = mentioned

    def until(self, *, end: str) -> str:
        """Up to `end` ("": all of it), which is read as well."""
        pieces: list[str] = []
        while self._at < len(self._text):
            letter = self._text[self._at]
            self._at += 1
            if end and letter == end:
                return "".join(pieces)
            pieces.append(self._dollar() if letter == "$" else letter)
        if end:
            raise Invalid
        return "".join(pieces)

    def _dollar(self) -> str:
        following = self._text[self._at : self._at + 1]
        if following == "$":
            self._at += 1
            return "$"
        if following == "{":
            self._at += 1
            return self._braced()
        name = self._name()
        if not name:
            raise Invalid
        return self._value(name)

    def _name(self) -> str:
        first = self._at
        while self._at < len(self._text) and _in_name(self._text[self._at], begins=self._at == first):
            self._at += 1
        return self._text[first : self._at]

    def _braced(self) -> str:
        name = self._name()
        if not name:
            raise Invalid
        rest = self._text[self._at :]
        if rest.startswith("}"):
            self._at += 1
            return self._value(name)
        operator = next((operator for operator in _OPERATORS if rest.startswith(operator)), None)
        if operator is None:
            raise Invalid
        self._at += len(operator)
        return self._operate(name, operator)

    def _operate(self, name: str, operator: str) -> str:
        given = self._variables.get(name)
        present = bool(given) if operator[0] == ":" else given is not None
        wanted = present == (operator[-1] == "+")
        other = self._operand(evaluated=wanted)
        if self._mentioned is not None:
            self._mentioned.setdefault(name, (operator, other))
            return ""
        if operator[-1] == "?":
            if not present:
                raise Missing(
                    f"required variable {name} is missing a value" + (f": {other}" if other else "")
                )
            return given or ""
        if operator[-1] == "+":
            return other if present else ""
        return given or "" if present else other

    def _operand(self, *, evaluated: bool) -> str:
        """What stands behind an operator. Where it does not count, its own variables may be unset."""
        if evaluated or self._mentioned is not None:
            return self.until(end="}")
        unset, self._unset = self._unset, lambda name: None
        mentioned, self._mentioned = self._mentioned, {}
        try:
            return self.until(end="}")
        finally:
            self._unset, self._mentioned = unset, mentioned

    def _value(self, name: str) -> str:
        if self._mentioned is not None:
            self._mentioned.setdefault(name, ("", ""))
            return ""
        value = self._variables.get(name)
        if value is None:
            self._unset(name)
            return ""
        return value


def _in_name(letter: str, *, begins: bool) -> bool:
    return letter.isascii() and (letter == "_" or letter.isalpha() or (not begins and letter.isdigit()))
