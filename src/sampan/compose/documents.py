"""YAML 1.2 into trees. The parser is ruamel.yaml's; what a plain word means is decided here, as the YAML
library of Docker's compose decides it (yes, no, on, off are words; 0644 is octal, and 22:22 a string)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sampan.compose.tree import OVERRIDE, RESET, Mapping, Mark, Node, Plain, Scalar, Sequence
from sampan.errors import InvalidArgument

if TYPE_CHECKING:
    from typing import Any

    Parsed = Any  # ruamel.yaml.nodes.Node, whose fields its types do not show

_DEPTH = 200
_LIMIT = 200_000  # nodes: aliases of aliases multiply
_INTEGER = re.compile(r"[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[1-9][0-9_]*|0)\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, Plain] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_STRING = "tag:yaml.org,2002:str"
_OURS = (RESET, OVERRIDE)


def parse(text: str, file: str) -> list[Mapping]:
    """The documents of a file. Raises InvalidArgument with the line of what is wrong."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    reader = YAML(typ="safe", pure=True)
    try:
        documents = list(reader.compose_all(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 0
        raise InvalidArgument(f"{Mark(file, line)}: yaml: {error.problem or error.context}") from None
    except YAMLError as error:
        raise InvalidArgument(f"{file}: yaml: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise InvalidArgument(f"{file}: yaml: nested more than {_DEPTH} deep") from None
    found = []
    for document in documents:
        node = _Reading(file).node(document, 0)
        if isinstance(node, Scalar) and node.value is None:
            continue
        if not isinstance(node, Mapping):
            raise InvalidArgument(f"{node.mark}: top-level object must be a mapping")
        found.append(node)
    return found


class _Reading:
    """One document."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._count = 0

    def node(self, parsed: Parsed, depth: int) -> Node:
        mark = Mark(self._file, parsed.start_mark.line + 1)
        self._count += 1
        if depth > _DEPTH or self._count > _LIMIT:
            raise InvalidArgument(f"{mark}: yaml: document contains excessive aliasing")
        tag = str(parsed.tag or "")
        ours = tag if tag in _OURS else ""
        if tag.startswith("!") and not ours and tag != "!":
            raise InvalidArgument(f"{mark}: unknown tag {tag}: only !reset and !override have a meaning here")
        if parsed.id == "scalar":
            if "\0" in parsed.value:
                raise InvalidArgument(f"{mark}: yaml: a value must not contain a NUL character")
            explicit = tag == _STRING or parsed.style is not None
            return Scalar(parsed.value if explicit else _plain(parsed.value), mark, ours)
        if parsed.id == "sequence":
            return Sequence([self.node(item, depth + 1) for item in parsed.value], mark, ours)
        return self._mapping(parsed, mark, ours, depth)

    def _mapping(self, parsed: Parsed, mark: Mark, tag: str, depth: int) -> Mapping:
        items: dict[str, Node] = {}
        keys: dict[str, Mark] = {}
        inherited: list[Mapping] = []
        for key, value in parsed.value:
            where = Mark(self._file, key.start_mark.line + 1)
            if key.id != "scalar":
                raise InvalidArgument(f"{where}: a key must be a word")
            if key.value == "<<" and key.style is None:
                inherited += self._merged(value, depth)
                continue
            if key.value in items:
                first = keys[key.value].line
                raise InvalidArgument(f'{where}: mapping key "{key.value}" already defined at line {first}')
            items[key.value] = self.node(value, depth + 1)
            keys[key.value] = where
        for source in inherited:
            for name, item in source.items.items():
                if name not in items:
                    items[name] = item
                    keys[name] = source.where(name)
        return Mapping(items, mark, tag, keys)

    def _merged(self, parsed: Parsed, depth: int) -> list[Mapping]:
        sources = parsed.value if parsed.id == "sequence" else [parsed]
        found = []
        for source in sources:
            node = self.node(source, depth + 1)
            if not isinstance(node, Mapping):
                raise InvalidArgument(f"{node.mark}: map merge requires map or sequence of maps as the value")
            found.append(node)
        return found


def _plain(text: str) -> Plain:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text):
        digits = text.lstrip("+-").replace("_", "")
        octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
        try:
            value = int(digits, 8 if octal else 0)
        except ValueError:  # 0x_, or more digits than Python reads
            return text
        return -value if text[0] == "-" else value
    if _FLOAT.match(text):
        return float(text)
    return text
