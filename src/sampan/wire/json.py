"""JSON without the `json` package: its import takes as long as a whole `ps` may (it compiles regular
expressions).

The scanner and the string escaper are CPython's own C functions in `_json`. Other interpreters
have no such module; there the standard package does the same work, only later.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_INFINITY = float("inf")
_LITERALS = {True: "true", False: "false", None: "null"}
_WHITESPACE = " \t\n\r"


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON (RFC 8259, section 6)")


class _Rules:
    """What `_json.make_scanner` asks its context for (Lib/json/decoder.py, JSONDecoder.__init__)."""

    strict = False  # a control byte inside a string is let through, as Go's decoder is not asked here
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_refuse)


def _functions() -> tuple[Callable[[str, int], tuple[Any, int]], Callable[[str], str]]:
    """(scanner, escaper)."""
    try:
        import _json
    except ImportError:
        from json import decoder, encoder

        scanner: Any = decoder.JSONDecoder(strict=False, parse_constant=_refuse)
        return scanner.scan_once, encoder.py_encode_basestring
    rules: Any = _Rules
    return _json.make_scanner(rules), _json.encode_basestring


_scan, _quote = _functions()


def loads(data: bytes | bytearray | str) -> Any:
    """The value in `data` (UTF-8). Raises ValueError, also for NaN, for Infinity and for anything behind
    the value.
    """
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    text = text.strip(_WHITESPACE)
    try:
        value, end = _scan(text, 0)
    except StopIteration as stop:
        raise ValueError(f"no JSON value at character {stop.value}") from None
    except SystemError:  # CPython <= 3.11 takes the exception from json.decoder, which is not imported
        raise ValueError("invalid or incomplete JSON") from None
    if end != len(text):
        raise ValueError(f"unexpected data after the JSON value at character {end}")
    return value


def dumps(value: Any) -> str:
    """`value` as compact JSON: None, bool, int, float, str, and lists, tuples and string-keyed dicts of
    them.
    """
    pieces: list[str] = []
    _write(value, pieces.append)
    return "".join(pieces)


def dumpb(value: Any) -> bytes:
    """The same as UTF-8. A lone surrogate (of an argument that was not UTF-8) is U+FFFD."""
    return dumps(value).encode("utf-8")


def _write(value: Any, put: Callable[[str], None]) -> None:
    if isinstance(value, str):
        put(quote(value))
    elif value is None or value is True or value is False:
        put(_LITERALS[value])
    elif isinstance(value, int):
        put(int.__repr__(value))
    elif isinstance(value, float):
        put(_number(value))
    elif isinstance(value, dict):
        _write_object(value, put)
    elif isinstance(value, (list, tuple)):
        _write_array(value, put)
    else:
        raise TypeError(f"a {type(value).__name__} has no JSON form")


def _write_object(value: dict[str, Any], put: Callable[[str], None]) -> None:
    separator = "{"
    for key, item in value.items():
        put(separator)
        put(quote(key))
        put(":")
        _write(item, put)
        separator = ","
    put("}" if separator == "," else "{}")


def _write_array(value: list[Any] | tuple[Any, ...], put: Callable[[str], None]) -> None:
    separator = "["
    for item in value:
        put(separator)
        _write(item, put)
        separator = ","
    put("]" if separator == "," else "[]")


def _number(value: float) -> str:
    if value != value or value in (_INFINITY, -_INFINITY):  # noqa: PLR0124 (NaN alone differs from itself)
        raise ValueError("a number that is not finite has no JSON form")
    return float.__repr__(value)


def quote(text: str) -> str:
    """A JSON string. Surrogates that do not form a pair are replaced, so that the result encodes."""
    quoted = _quote(text)
    if quoted.isascii():
        return quoted
    return quoted.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
