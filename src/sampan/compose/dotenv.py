"""`.env` and `env_file`: NAME=value lines with quotes, comments, `export` and interpolation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sampan.compose import interpolate
from sampan.errors import InvalidArgument

_NAME = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*([=:]|(?=\n|\Z|#))[ \t]*")
_BLANK = re.compile(r"[ \t\r]*(#[^\n]*)?(\n|\Z)")
_UNQUOTED = re.compile(r"[^\n]*")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "$": "$$", "'": "'"}


def parse(
    text: str, file: str, known: Mapping[str, str], unset: Callable[[str], None]
) -> dict[str, str | None]:
    """name → value; None: the line names a variable and gives it none.

    `known` comes before what the file itself set, where a value mentions a variable. Raises
    InvalidArgument with the line.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    found: dict[str, str | None] = {}
    at = 0
    while at < len(text):
        blank = _BLANK.match(text, at)
        if blank:
            at = blank.end()
            continue
        name = _NAME.match(text, at)
        line = text.count("\n", 0, at) + 1
        if not name:
            shown = text[at:].partition("\n")[0]
            raise InvalidArgument(f'{file}:{line}: unexpected character in variable name "{shown}"')
        at = name.end()
        if not name[2]:
            found[name[1]] = None
            continue
        raw, at, literal = _value(text, at, f"{file}:{line}")
        values = {key: value for key, value in found.items() if value is not None} | dict(known)
        found[name[1]] = raw if literal else _expanded(raw, values, unset, f"{file}:{line}")
    return found


def raw(text: str) -> dict[str, str | None]:
    """`format: raw`: nothing in a value has a meaning, as for `docker run --env-file`."""
    found: dict[str, str | None] = {}
    for line in text.removeprefix("\ufeff").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            name, equals, value = line.lstrip().partition("=")
            found[name] = value if equals else None
    return found


def _value(text: str, at: int, where: str) -> tuple[str, int, bool]:
    """(the value, where the next line begins, whether it is to be taken as it is)."""
    quote = text[at : at + 1]
    if quote not in ("'", '"'):
        line = _UNQUOTED.match(text, at)
        found = line[0] if line else ""
        comment = re.search(r"(^|[ \t])#", found)
        return (found[: comment.start()] if comment else found).strip(), at + len(found), False
    end = at + 1
    while end < len(text) and text[end] != quote:
        end += 2 if text[end] == "\\" and (quote == '"' or text[end + 1 : end + 2] == "'") else 1
    if end >= len(text):
        raise InvalidArgument(f"{where}: unterminated quoted value {text[at:].partition(chr(10))[0]}")
    inside, at = text[at + 1 : end], end + 1
    rest = _BLANK.match(text, at)
    if not rest:
        shown = text[at:].partition("\n")[0]
        raise InvalidArgument(f'{where}: unexpected "{shown}" behind the closing quote')
    if quote == "'":
        return inside.replace("\\'", "'"), rest.end(), True
    return re.sub(r"\\(.)", _escape, inside, flags=re.DOTALL), rest.end(), False


def _escape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], match[0])


def _expanded(raw: str, values: Mapping[str, str], unset: Callable[[str], None], where: str) -> str:
    if "$" not in raw:
        return raw
    try:
        return interpolate.text(raw, values, unset)
    except interpolate.Invalid:
        raise InvalidArgument(f'{where}: invalid template: "{raw}"') from None
    except interpolate.Missing as error:
        raise InvalidArgument(f"{where}: {error}") from None
