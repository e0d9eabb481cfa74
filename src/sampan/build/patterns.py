"""Patterns of `.dockerignore`, `--exclude` and of sources: Go's filepath.Match, and `**`.

The rules of moby/patternmatcher: a pattern matches a path or any of its parents; the last pattern that
matches decides; `!` takes back.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from sampan.errors import InvalidArgument

_LIMIT = 10_000  # patterns of one file
_STAR, _ANYTHING, _DIRECTORIES = "[^/]*", ".*", "(?:.*/)?"
_WILD = (_STAR, _ANYTHING, _DIRECTORIES)
_FEW = 2  # wildcards that a regular expression may try one after the other


class Pattern(NamedTuple):
    text: str  # cleaned
    matches: Callable[[str], object]
    negative: bool


def read_ignore(text: str) -> list[str]:
    """The patterns of a `.dockerignore`, cleaned as moby/patternmatcher/ignorefile does."""
    found = []
    for row in text.removeprefix("\ufeff").splitlines():
        if row.startswith("#") or not row.strip():
            continue
        pattern, negative = row.strip(), ""
        if pattern.startswith("!"):
            negative, pattern = "!", pattern[1:].strip()
        if pattern:
            pattern = clean(pattern)
            if len(pattern) > 1 and pattern.startswith("/"):
                pattern = pattern[1:]
        found.append(negative + pattern)
    if len(found) > _LIMIT:
        raise InvalidArgument(f"more than {_LIMIT} patterns to exclude")
    return found


def clean(path: str) -> str:
    """Go's filepath.Clean; posixpath keeps a doubled slash at the front."""
    found = posixpath.normpath(path) if path else "."
    return "/" + found.lstrip("/") if found.startswith("//") else found


class Matcher:
    """`excludes(path)`: whether the patterns take the path away."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = [compiled(text) for text in patterns if text.strip()]
        self.has_negative = any(pattern.negative for pattern in self._patterns)

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def excludes(self, path: str) -> bool:
        """`path`: relative, with slashes."""
        parents = _parents(path)
        excluded = False
        for pattern in self._patterns:
            if pattern.negative == excluded and any(pattern.matches(one) for one in parents):
                excluded = not pattern.negative
        return excluded

    def may_keep_below(self, path: str) -> bool:
        """An excluded directory: whether a `!` pattern can bring back something inside it."""
        if not self.has_negative:
            return False
        for pattern in self._patterns:
            if not pattern.negative:
                continue
            if "*" in pattern.text or "?" in pattern.text or "[" in pattern.text:
                if "**" in pattern.text or _head_fits(pattern.text, path):
                    return True
            elif pattern.text.startswith(path + "/"):
                return True
        return False


def _head_fits(pattern: str, path: str) -> bool:
    """Whether the first parts of `pattern` match the directory `path`."""
    parts, depth = pattern.split("/"), path.count("/") + 1
    if len(parts) <= depth:
        return False
    return bool(matcher("/".join(parts[:depth]))(path))


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def compiled(text: str) -> Pattern:
    """Raises InvalidArgument for a pattern that Go calls bad."""
    negative = text.startswith("!")
    cleaned = clean(text[1:].strip() if negative else text.strip())
    if negative and not text[1:].strip():
        raise InvalidArgument('illegal exclusion pattern: "!"')
    if len(cleaned) > 1:
        cleaned = cleaned.lstrip("/") or "/"
    return Pattern(cleaned, matcher(cleaned), negative)


def matcher(pattern: str) -> Callable[[str], object]:
    """Tells whether a whole path matches."""
    pieces = translate(pattern)
    if sum(piece in _WILD for piece in pieces) <= _FEW:
        return re.compile("".join(pieces), re.DOTALL).fullmatch
    return _Simulation(pieces).fullmatch


class _Simulation:
    """All places at once, so that many wildcards cost their number times the path's length, and not a power
    of it as going back would."""

    def __init__(self, pieces: list[str]) -> None:
        self._pieces = [piece if piece in _WILD else re.compile(piece, re.DOTALL) for piece in pieces]

    def fullmatch(self, path: str) -> bool:
        here = {0}
        for piece in self._pieces:
            here = {end for at in here for end in self._step(piece, path, at)} if here else here
        return len(path) in here

    @staticmethod
    def _step(piece: "str | re.Pattern[str]", path: str, at: int) -> Iterable[int]:
        if isinstance(piece, re.Pattern):
            match = piece.match(path, at)
            return (match.end(),) if match else ()
        if piece == _STAR:
            end = path.find("/", at)
            return range(at, (end if end >= 0 else len(path)) + 1)
        if piece == _ANYTHING:
            return range(at, len(path) + 1)
        return (at, *(end + 1 for end in range(at, len(path)) if path[end] == "/"))


def translate(pattern: str) -> list[str]:
    """Pieces of a regular expression for the whole of a path. `**` takes any number of directories."""
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "*":
            if pattern.startswith("**", position):
                position = _stars(pattern, position, parts)
                continue
            parts.append(_STAR)
        elif character == "?":
            parts.append("[^/]")
        elif character == "[":
            position = _class(pattern, position, parts)
            continue
        elif character == "\\":
            position += 1
            if position == len(pattern):
                raise _bad(pattern)
            parts.append(re.escape(pattern[position]))
        else:
            parts.append(re.escape(character))
        position += 1
    return parts


def _stars(pattern: str, position: int, parts: list[str]) -> int:
    """`**/` is any number of directories, none too; a `**` at the end is everything."""
    while pattern.startswith("*", position):
        position += 1
    if pattern.startswith("/", position):
        position += 1
        if not parts or parts[-1] != _DIRECTORIES:
            parts.append(_DIRECTORIES)
    else:
        parts.append(_ANYTHING)
    return position


def _class(pattern: str, position: int, parts: list[str]) -> int:
    """`[a-z]`, `[^a]`: as in Go, where `!` is an ordinary character."""
    end = position + 1
    negative = pattern.startswith("^", end)
    end += negative
    items: list[str] = []
    while end < len(pattern) and (pattern[end] != "]" or not items):
        if pattern[end] == "]":
            raise _bad(pattern)
        low, end = _class_character(pattern, end)
        high = low
        if pattern.startswith("-", end):
            high, end = _class_character(pattern, end + 1)
        if high < low:
            raise _bad(pattern)
        items.append(f"{re.escape(low)}-{re.escape(high)}")
    if end >= len(pattern) or not items:
        raise _bad(pattern)
    parts.append(f"(?!/)[{'^' if negative else ''}{''.join(items)}]")
    return end + 1


def _class_character(pattern: str, position: int) -> tuple[str, int]:
    if position < len(pattern) and pattern[position] == "\\":
        position += 1
    if position >= len(pattern) or pattern[position] in "-]":
        raise _bad(pattern)
    return pattern[position], position + 1


def _bad(pattern: str) -> InvalidArgument:
    return InvalidArgument(f"syntax error in pattern: {pattern}")


def has_wildcard(text: str) -> bool:
    """Whether Go's filepath.Match would find anything but the text itself."""
    position = 0
    while position < len(text):
        if text[position] == "\\":
            position += 1
        elif text[position] in "*?[":
            return True
        position += 1
    return False


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def matches(pattern: str, names: Sequence[str]) -> list[str]:
    """The names that one path component's `pattern` matches."""
    fits = matcher(pattern)
    return [name for name in names if fits(name)]
