"""The functions of templates: text/template's own, and those that Docker adds."""

from __future__ import annotations

from sampan.cli.template import verbs
from sampan.cli.template.errors import CallError
from sampan.cli.template.values import NIL, Methods, NullList, NullMap, Struct, is_list, truth, type_name
from sampan.wire import http, json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_HTML = {"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"}
_JS = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}
_SEPARATORS = {"\u2028": "\\u2028", "\u2029": "\\u2029"}


def to_json(value: Any, *, html: bool = False) -> str:
    """encoding/json; `html`: <, > and & are escaped, as Marshal does by default."""
    text = json.dumps(_plain(value))
    for letter, escape in _SEPARATORS.items():
        text = text.replace(letter, escape)
    if html:
        text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, (NullList, NullMap)) or value is NIL:
        return None
    if isinstance(value, Methods):
        raise CallError(f"json: unsupported type: {value.go_name}")
    if isinstance(value, Struct):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, dict):
        return {key: _plain(value[key]) for key in sorted(value)}
    if is_list(value):
        return [_plain(item) for item in value]
    return value


def _json(value: Any) -> str:
    if isinstance(value, Methods):
        row = {name: method() for name, method in sorted(value.methods.items()) if name != "Label"}
        return to_json(row, html=True)
    return to_json(value)


def _join(values: Any, separator: str) -> str:
    return separator.join(map(verbs.shown, values))


def _title(text: str) -> str:
    pieces, start = [], True
    for letter in text:
        pieces.append(letter.upper() if start else letter)
        start = not (letter.isalnum() or letter in "_'")
    return "".join(pieces)


def _split(text: str, separator: str) -> list[str]:
    return text.split(separator) if separator else list(text)


def _pad(text: str, before: int, after: int) -> str:
    return " " * before + text + " " * after if text else text


def _truncate(text: str, length: int) -> str:
    data = text.encode("utf-8", "surrogateescape")
    return data[:length].decode("utf-8", "surrogateescape") if len(data) >= length else text


def _index(item: Any, *keys: Any) -> Any:
    if item is None:
        raise CallError("index of untyped nil")
    for key in keys:
        if item is NIL:
            raise CallError("index of nil pointer")
        if isinstance(item, dict) and not isinstance(item, Struct):
            if not isinstance(key, str):
                raise CallError(_wrong_key(key))
            item = item[key] if key in item else _zero(item)
        elif is_list(item) or isinstance(item, str):
            item = _element(item, key)
        elif item is None:
            raise CallError("index of nil pointer")
        else:
            raise CallError(f"can't index item of type {type_name(item)}")
    return item


def _zero(item: dict[str, Any]) -> Any:
    """What Go's maps give for a key that is not there: of a map of strings the empty one."""
    return "" if all(isinstance(value, str) for value in item.values()) else None


def _wrong_key(key: Any) -> str:
    if key is None:
        return "value is nil; should be of type string"
    return f"value has type {type_name(key)}; should be string"


def _element(item: Any, key: Any) -> Any:
    if key is None:
        raise CallError("cannot index slice/array with nil")
    if not isinstance(key, int) or isinstance(key, bool):
        raise CallError(f"cannot index slice/array with type {type_name(key)}")
    sequence = item.encode("utf-8", "surrogateescape") if isinstance(item, str) else item
    if not 0 <= key < len(sequence):
        raise CallError(f"index out of range: {key}")
    return sequence[key]


def _slice(item: Any, *bounds: Any) -> Any:
    if item is None:
        raise CallError("slice of untyped nil")
    if len(bounds) > 3:
        raise CallError(f"too many slice indexes: {len(bounds)}")
    if not is_list(item) and not isinstance(item, str):
        raise CallError(f"can't slice item of type {type_name(item)}")
    if isinstance(item, str) and len(bounds) == 3:
        raise CallError("cannot 3-index slice a string")
    sequence = item.encode("utf-8", "surrogateescape") if isinstance(item, str) else item
    for bound in bounds:
        if not isinstance(bound, int) or isinstance(bound, bool):
            raise CallError(f"cannot index slice/array with type {type_name(bound)}")
        if not 0 <= bound <= len(sequence):
            raise CallError(f"index out of range: {bound}")
    first = bounds[0] if bounds else 0
    last = bounds[1] if len(bounds) > 1 else len(sequence)
    if first > last:
        raise CallError(f"invalid slice index: {first} > {last}")
    part = sequence[first:last]
    return part.decode("utf-8", "surrogateescape") if isinstance(item, str) else part


def _len(item: Any) -> int:
    if item is None:
        raise CallError("reflect: call of reflect.Value.Type on zero Value")
    if isinstance(item, str):
        return len(item.encode("utf-8", "surrogateescape"))
    if is_list(item) or (isinstance(item, dict) and not isinstance(item, Struct)):
        return len(item)
    raise CallError(f"len of type {type_name(item)}")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "int" if isinstance(value, int) else "float"
    if isinstance(value, str):
        return "string"
    return "nil" if value is None or value is NIL else "other"


def _eq(first: Any, *others: Any) -> bool:
    if not others:
        raise CallError("missing argument for comparison")
    kind = _kind(first)
    for other in others:
        if kind != _kind(other):
            if "nil" not in (kind, _kind(other)):
                raise CallError("incompatible types for comparison")
            continue
        if kind == "other" and not (isinstance(first, Struct) and isinstance(other, Struct)):
            raise CallError(f"non-comparable type {verbs.shown(first)}: {type_name(first)}")
        if first == other:
            return True
    return False


def _lt(first: Any, second: Any) -> bool:
    kind, other = _kind(first), _kind(second)
    if kind in ("bool", "other", "nil") or other in ("other", "nil"):
        raise CallError("invalid type for comparison")
    if kind != other:
        raise CallError("incompatible types for comparison")
    return bool(first < second)


def _le(first: Any, second: Any) -> bool:
    return _lt(first, second) or _eq(first, second)


def _escaped(table: dict[str, str]) -> Callable[..., str]:
    translation = str.maketrans(table)
    return lambda *values: _text(values).translate(translation)


def _text(values: tuple[Any, ...]) -> str:
    if len(values) == 1 and isinstance(values[0], str):
        return values[0]
    return verbs.sprint(values)


def _js(*values: Any) -> str:
    pieces = []
    for letter in _text(values):
        if letter in _JS:
            pieces.append(_JS[letter])
        elif letter < " " or not (letter.isprintable() or letter.isascii()):
            pieces.append(f"\\u{ord(letter):04X}")
        else:
            pieces.append(letter)
    return "".join(pieces)


def _urlquery(*values: Any) -> str:
    return http.quote(_text(values), " ").replace(" ", "+")


def _call(*values: Any) -> Any:
    raise CallError("call of nil")


class Function:
    """`kinds`: what each argument must be, "string", "int" or "any"; `more`: any number of further ones."""

    __slots__ = ("call", "kinds", "more")

    def __init__(self, call: Callable[..., Any], *kinds: str, more: bool = False) -> None:
        self.call = call
        self.kinds = kinds
        self.more = more


BUILTINS = {
    "and": Function(
        lambda *values: values[-1], "any", more=True
    ),  # `and` and `or` are evaluated argument by argument
    "or": Function(lambda *values: values[-1], "any", more=True),
    "not": Function(lambda value: not truth(value), "any"),
    "len": Function(_len, "any"),
    "index": Function(_index, "any", more=True),
    "slice": Function(_slice, "any", more=True),
    "call": Function(_call, "any", more=True),
    "print": Function(lambda *values: verbs.sprint(values), more=True),
    "printf": Function(lambda form, *values: verbs.sprintf(form, values), "string", more=True),
    "println": Function(lambda *values: " ".join(map(verbs.shown, values)) + "\n", more=True),
    "html": Function(_escaped(_HTML), more=True),
    "js": Function(_js, more=True),
    "urlquery": Function(_urlquery, more=True),
    "eq": Function(_eq, "any", more=True),
    "ne": Function(lambda first, second: not _eq(first, second), "any", "any"),
    "lt": Function(_lt, "any", "any"),
    "le": Function(_le, "any", "any"),
    "gt": Function(lambda first, second: not _le(first, second), "any", "any"),
    "ge": Function(lambda first, second: not _lt(first, second), "any", "any"),
}
DOCKER = {
    "json": Function(_json, "any"),
    "join": Function(_join, "[]string", "string"),
    "lower": Function(str.lower, "string"),
    "upper": Function(str.upper, "string"),
    "title": Function(_title, "string"),
    "split": Function(_split, "string", "string"),
    "pad": Function(_pad, "string", "int", "int"),
    "truncate": Function(_truncate, "string", "int"),
}
ALL = {**BUILTINS, **DOCKER}
# In the line of headers (`table …`) these leave the header as it is (docker/cli, templates.HeaderFunctions).
HEADER = {
    **ALL,
    "json": Function(lambda value: value if isinstance(value, str) else "", "any"),
    "join": Function(lambda value, separator: value, "any", "string"),
    "split": Function(lambda value, separator: value, "any", "string"),
    "title": Function(lambda value: value, "string"),
    "lower": Function(lambda value: value, "string"),
    "upper": Function(lambda value: value, "string"),
    "truncate": Function(lambda value, length: value, "string", "int"),
}
