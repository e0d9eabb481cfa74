"""What a key may hold: each kind checks a value, brings it into its long form, and knows how a later file's
value joins an earlier one's (compose specification, Merge)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from collections.abc import Mapping as Table
from collections.abc import Sequence as Several
from dataclasses import dataclass, replace
from typing import Protocol

from sampan.compose import places, quantities
from sampan.compose.tree import (
    OVERRIDE,
    RESET,
    Mapping,
    Mark,
    Node,
    Path,
    Scalar,
    Sequence,
    data,
    text_of,
    written,
    wrong,
)
from sampan.errors import InvalidArgument

_TRUE = ("true", "yes", "y", "on", "1", "t")
_FALSE = ("false", "no", "n", "off", "0", "f")


@dataclass(frozen=True, slots=True)
class At:
    """Where the reading is. `raw`: variables were left in, so a word may stand for anything; `directory`:
    what relative paths start from ("": they stay relative); `home`: what `~` is."""

    path: Path = ()
    raw: bool = False
    directory: str = ""
    home: str = ""

    def key(self, name: str) -> At:
        return replace(self, path=(*self.path, name))

    def wrong(self, mark: Mark, text: str) -> InvalidArgument:
        return wrong(mark, self.path, text)


class Kind(Protocol):
    def read(self, node: Node, at: At) -> Node: ...

    def merge(self, base: Node, over: Node) -> Node: ...


class _Plain:
    """A single value: the later one counts."""

    wanted = "a string"

    def read(self, node: Node, at: At) -> Node:
        if not isinstance(node, Scalar):
            raise at.wrong(node.mark, f"must be {self.wanted}")
        if at.raw and isinstance(node.value, str) and "$" in node.value:
            return node
        return self.cast(node, at)

    def cast(self, node: Scalar, at: At) -> Scalar:
        if not isinstance(node.value, str):
            shown = written(node.value) or "null"
            raise at.wrong(node.mark, f'must be {self.wanted}: write "{shown}" in quotes')
        return node

    def merge(self, base: Node, over: Node) -> Node:
        return over


class Text(_Plain):
    """Words; `pattern`: what they have to look like, `example`: what would be right."""

    def __init__(self, pattern: str = "", example: str = "") -> None:
        self._pattern = re.compile(pattern) if pattern else None
        self._example = example

    def cast(self, node: Scalar, at: At) -> Scalar:
        found = super().cast(node, at)
        if self._pattern and not self._pattern.fullmatch(str(found.value)):
            raise at.wrong(node.mark, f'invalid value "{found.value}": it should look like {self._example}')
        return found


class Loose(_Plain):
    """A word, a number, a boolean: kept as the word. `null`: nothing is a value, too."""

    wanted = "a string, number, boolean or null"

    def __init__(self, *, null: bool = False) -> None:
        self._null = null

    def cast(self, node: Scalar, at: At) -> Scalar:
        if node.value is None:
            if not self._null:
                raise at.wrong(node.mark, "must be a string or a number")
            return node
        return Scalar(written(node.value), node.mark, node.tag)


class Choice(_Plain):
    def __init__(self, *words: str) -> None:
        self._words = words

    def cast(self, node: Scalar, at: At) -> Scalar:
        found = super().cast(node, at)
        if found.value not in self._words:
            near = near_miss(str(found.value), self._words)
            raise at.wrong(node.mark, f'"{found.value}" must be one of {", ".join(self._words)}{near}')
        return found


class Flag(_Plain):
    wanted = "a boolean"

    def cast(self, node: Scalar, at: At) -> Scalar:
        if isinstance(node.value, bool):
            return node
        word = written(node.value).lower()
        if isinstance(node.value, str) and word in (*_TRUE, *_FALSE):
            return Scalar(word in _TRUE, node.mark, node.tag)
        raise at.wrong(node.mark, f'"{written(node.value)}" is no boolean: write true or false')


class Whole(_Plain):
    """An integer, perhaps in quotes."""

    wanted = "an integer"

    def __init__(self, least: int | None = None, most: int | None = None) -> None:
        self._least = least
        self._most = most

    def cast(self, node: Scalar, at: At) -> Scalar:
        value = node.value
        if isinstance(value, bool) or value is None or (isinstance(value, float) and not value.is_integer()):
            raise at.wrong(node.mark, "must be an integer")
        try:
            number = int(value)
        except ValueError:
            raise at.wrong(node.mark, f'"{value}" is not an integer') from None
        if self._least is not None and number < self._least:
            raise at.wrong(node.mark, f"must be greater than or equal to {self._least}")
        if self._most is not None and number > self._most:
            raise at.wrong(node.mark, f"must be less than or equal to {self._most}")
        return Scalar(number, node.mark, node.tag)


class Number(_Plain):
    wanted = "a number"

    def cast(self, node: Scalar, at: At) -> Scalar:
        value = node.value
        if isinstance(value, bool) or value is None:
            raise at.wrong(node.mark, "must be a number")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise at.wrong(node.mark, f'"{value}" is not a number')
        return Scalar(int(number) if number.is_integer() else number, node.mark, node.tag)


class Size(_Plain):
    """Bytes: 512m, 1.5gb, 100. Its long form is the number of bytes, as a word."""

    wanted = "a size such as 512m or 2gb"

    def cast(self, node: Scalar, at: At) -> Scalar:
        value = node.value
        if isinstance(value, bool) or value is None:
            raise at.wrong(node.mark, f"must be {self.wanted}")
        try:
            number = quantities.size(written(value))
        except ValueError:
            raise at.wrong(node.mark, f'invalid size "{written(value)}": write 512m or 2gb') from None
        return Scalar(str(number), node.mark, node.tag)


class Duration(_Plain):
    wanted = 'a duration such as "10s" or "1m30s"'

    def cast(self, node: Scalar, at: At) -> Scalar:
        found = super().cast(node, at)
        try:
            nanoseconds = quantities.duration(str(found.value))
        except ValueError:
            raise at.wrong(node.mark, f'invalid duration "{found.value}": write 10s, 1m30s or 2h') from None
        return Scalar(quantities.duration_text(nanoseconds), node.mark, node.tag)


class File(Text):
    """A path, absolute in its long form. `urls`: it may be an address, too."""

    def __init__(self, *, urls: bool = False) -> None:
        super().__init__()
        self._urls = urls

    def cast(self, node: Scalar, at: At) -> Scalar:
        found = super().cast(node, at)
        value = str(found.value)
        if not at.directory or (self._urls and places.is_remote(value)):
            return found
        return Scalar(places.absolute(value, at.directory, at.home), node.mark, node.tag)


class Anything:
    def read(self, node: Node, at: At) -> Node:
        return node

    def merge(self, base: Node, over: Node) -> Node:
        if isinstance(base, Mapping) and isinstance(over, Mapping):
            return merge_items(base, over, lambda key: self)
        if isinstance(base, Sequence) and isinstance(over, Sequence):
            return Sequence([*base.items, *over.items], over.mark)
        return over


class Null:
    """Nothing, or something of a kind."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def read(self, node: Node, at: At) -> Node:
        if isinstance(node, Scalar) and node.value is None:
            return node
        return self._kind.read(node, at)

    def merge(self, base: Node, over: Node) -> Node:
        for node, other in ((base, over), (over, base)):
            if isinstance(node, Scalar) and node.value is None:
                return other
        return self._kind.merge(base, over)


class List:
    """A list. `single`: one value alone is a list of it. `key`: items with the same key are one, the later
    one counts; None: all are kept. `replaces`: a later file's list stands in place of the earlier one."""

    def __init__(
        self,
        item: Kind,
        *,
        single: bool = False,
        key: Callable[[Node], object] | None = None,
        replaces: bool = False,
        unique: bool = False,
    ) -> None:
        self._item = item
        self._single = single
        self._key = key
        self._replaces = replaces
        self._unique = unique

    def read(self, node: Node, at: At) -> Node:
        if self._single and isinstance(node, Scalar) and node.value is not None:
            node = Sequence([node], node.mark, node.tag)
        if not isinstance(node, Sequence):
            raise at.wrong(node.mark, "must be a list")
        items = [self._item.read(item, at.key(str(place))) for place, item in enumerate(node.items)]
        if self._unique:
            self._check_unique(items, at)
        return Sequence(items, node.mark, node.tag)

    def _check_unique(self, items: Several[Node], at: At) -> None:
        seen: dict[object, int] = {}
        for place, item in enumerate(items):
            first = seen.setdefault(repr(data(item)), place)
            if first != place:
                raise at.wrong(item.mark, f"items at {first} and {place} are equal")

    def merge(self, base: Node, over: Node) -> Node:
        if self._replaces or not isinstance(base, Sequence) or not isinstance(over, Sequence):
            return over
        items = [*base.items, *over.items]
        if self._key is not None:
            chosen: dict[object, Node] = {}
            for item in items:
                chosen[self._key(item)] = item
            items = list(chosen.values())
        return Sequence(items, over.mark)


def by_value(node: Node) -> object:
    return repr(data(node))


def words(*, single: bool = False) -> List:
    """A list of words, each once."""
    return List(Text(), single=single, key=by_value, unique=True)


class Map:
    """Names of the user's own, each with a value of one kind."""

    def __init__(self, item: Kind, pattern: str = "") -> None:
        self._item = item
        self._pattern = re.compile(pattern) if pattern else None

    def read(self, node: Node, at: At) -> Node:
        if not isinstance(node, Mapping):
            raise at.wrong(node.mark, "must be a mapping")
        found: dict[str, Node] = {}
        for key, item in node.items.items():
            if key.startswith("x-") and self._pattern:
                found[key] = item
                continue
            if self._pattern and not self._pattern.fullmatch(key):
                raise at.wrong(
                    node.where(key), f'invalid name "{key}": use letters, digits, ".", "_" and "-"'
                )
            found[key] = item if item.tag == RESET else self._item.read(item, at.key(key))
        return Mapping(found, node.mark, node.tag, node.keys)

    def merge(self, base: Node, over: Node) -> Node:
        if not isinstance(base, Mapping) or not isinstance(over, Mapping):
            return over
        return merge_items(base, over, lambda key: self._item)


class Pairs:
    """`NAME=value` in a list, or a mapping: always a mapping then. `empty`: a name without a value has the
    value "", else none."""

    def __init__(self, *, empty: bool = True, separators: str = "=") -> None:
        self._empty = empty
        self._separators = separators

    def read(self, node: Node, at: At) -> Node:
        found: dict[str, Node] = {}
        keys: dict[str, Mark] = {}
        if isinstance(node, Sequence):
            for place, item in enumerate(node.items):
                name, value = self._pair(item, at.key(str(place)))
                found[name], keys[name] = value, item.mark
        elif isinstance(node, Mapping):
            keys = node.keys
            for name, item in node.items.items():
                found[name] = self._value(item, at.key(name))
        else:
            raise at.wrong(node.mark, "must be a mapping, or a list of NAME=value")
        return Mapping(found, node.mark, node.tag, keys)

    def _pair(self, item: Node, at: At) -> tuple[str, Node]:
        if not isinstance(item, Scalar) or not isinstance(item.value, str):
            raise at.wrong(item.mark, 'must be a string, "NAME=value"')
        text = item.value
        cut = min((text.find(mark) for mark in self._separators if mark in text), default=-1)
        if cut < 0:
            return text, Scalar("" if self._empty else None, item.mark)
        return text[:cut], Scalar(text[cut + 1 :], item.mark)

    def _value(self, item: Node, at: At) -> Node:
        if item.tag == RESET:
            return item
        if isinstance(item, Scalar) and item.value is None:
            return Scalar("" if self._empty else None, item.mark, item.tag)
        return Loose().read(item, at)

    def merge(self, base: Node, over: Node) -> Node:
        if not isinstance(base, Mapping) or not isinstance(over, Mapping):
            return over
        return merge_items(base, over, lambda key: Loose(null=True))


class Object:
    """The keys of the specification. `x-…` may hold anything."""

    def __init__(
        self, keys: Table[str, Kind], *, required: Several[str] = (), extensions: bool = True
    ) -> None:
        self.keys = keys
        self._required = required
        self._extensions = extensions

    def read(self, node: Node, at: At) -> Node:
        if not isinstance(node, Mapping):
            raise at.wrong(node.mark, "must be a mapping")
        found: dict[str, Node] = {}
        for name, item in node.items.items():
            kind = self._kind(name)
            if kind is None:
                near = near_miss(name, self.keys)
                raise at.wrong(node.where(name), f"additional properties '{name}' not allowed{near}")
            found[name] = item if item.tag == RESET else kind.read(item, at.key(name))
        for name in self._required:
            if name not in found:
                raise at.wrong(node.mark, f"missing property '{name}'")
        return Mapping(found, node.mark, node.tag, node.keys)

    def _kind(self, name: str) -> Kind | None:
        if self._extensions and name.startswith("x-"):
            return Anything()
        return self.keys.get(name)

    def merge(self, base: Node, over: Node) -> Node:
        if not isinstance(base, Mapping) or not isinstance(over, Mapping):
            return over
        return merge_items(base, over, lambda key: self._kind(key) or Anything())


class Short:
    """Something with a short form: `expand` makes the long one of a word, a list or a number, and leaves
    what is long already."""

    def __init__(self, kind: Kind, expand: Callable[[Node, At], Node]) -> None:
        self.kind = kind
        self._expand = expand

    def read(self, node: Node, at: At) -> Node:
        expanded = self._expand(node, at)
        expanded.tag = expanded.tag or node.tag
        return self.kind.read(expanded, at)

    def merge(self, base: Node, over: Node) -> Node:
        return self.kind.merge(base, over)


def merge_items(base: Mapping, over: Mapping, kind_of: Callable[[str], Kind]) -> Mapping:
    """Key by key. `!reset` takes a key away, `!override` puts the later value in place of the earlier."""
    found = dict(base.items)
    keys = dict(base.keys)
    for key, item in over.items.items():
        if item.tag == RESET:
            found.pop(key, None)
            continue
        earlier = found.get(key)
        if earlier is None or item.tag == OVERRIDE:
            found[key] = item
        else:
            found[key] = kind_of(key).merge(earlier, item)
        keys[key] = over.where(key)
    return Mapping(found, over.mark, base.tag, keys)


def without_resets(node: Node) -> Node:
    """`!reset` in a first file: there is nothing to take away."""
    if isinstance(node, Mapping):
        items = {key: without_resets(item) for key, item in node.items.items() if item.tag != RESET}
        return Mapping(items, node.mark, node.tag, node.keys)
    if isinstance(node, Sequence):
        return Sequence([without_resets(item) for item in node.items], node.mark, node.tag)
    return node


def near_miss(word: str, known: Table[str, object] | Several[str]) -> str:
    """`; did you mean 'ports'?`, or nothing."""
    from difflib import get_close_matches

    found = get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f"; did you mean '{found[0]}'?" if found else ""


def named(key: str) -> Callable[[Node], object]:
    """A key of lists: what stands under `key` in each item."""
    return lambda node: text_of(node.get(key)) if isinstance(node, Mapping) else by_value(node)
