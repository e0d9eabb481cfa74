"""A Dockerfile as text with places in it, and errors that show theirs."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sampan.errors import InvalidArgument

_AROUND = 2  # lines shown before and after
_SHOWN = 200  # characters of one line


class Span(NamedTuple):
    """Lines from `first` to `last`, counted from 1."""

    first: int
    last: int


class DockerfileError(InvalidArgument):
    """Wrong text in a Dockerfile. `offending`: the word that is wrong, "" for the whole instruction."""

    def __init__(self, message: str, span: Span | None = None, offending: str = "") -> None:
        super().__init__(message)
        self.span = span
        self.offending = offending

    def at(self, span: Span) -> "DockerfileError":
        """With the place, where it is not known yet."""
        if self.span is None:
            self.span = span
        return self


class Place(NamedTuple):
    line: int
    column: int  # in characters, from 1
    length: int


class Source:
    """`name`: as the user knows the file."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.lines = text.split("\n")

    def place(self, span: Span, offending: str) -> Place | None:
        """Where the offending text first stands within the span."""
        for number in range(span.first, min(span.last, len(self.lines)) + 1):
            column = self.lines[number - 1].find(offending) if offending else -1
            if column >= 0:
                return Place(number, column + 1, len(offending))
        return None

    def excerpt(self, span: Span, offending: str = "") -> str:
        """The lines around `span`, as BuildKit prints them, and a mark below the offending text."""
        place = self.place(span, offending)
        head = f"{self.name}:{span.first}" + (
            f":{place.column}" if place and place.line == span.first else ""
        )
        rule = "-" * 20
        return "\n".join([head, rule, *self._numbered(span, place), rule])

    def _numbered(self, span: Span, place: Place | None) -> Iterable[str]:
        first, last = max(1, span.first - _AROUND), min(len(self.lines), span.last + _AROUND)
        for number in range(first, last + 1):
            mark = ">>>" if span.first <= number <= span.last else "   "
            text = self.lines[number - 1].rstrip("\r")
            yield f"{number:4} | {mark} {text[:_SHOWN]}"
            if place is not None and place.line == number and place.column <= _SHOWN:
                indent = "".join("\t" if c == "\t" else " " for c in text[: place.column - 1])
                yield f"     |     {indent}{'^' * min(place.length, _SHOWN)}"


def suggestion(word: str, known: Sequence[str]) -> str:
    """ " (did you mean x?)", or nothing where no known word is near."""
    best, distance = "", min(3, 1 + len(word) // 3)
    for candidate in known:
        if abs(len(candidate) - len(word)) > distance:
            continue
        found = _distance(word.lower(), candidate.lower())
        if found and (found < distance or (not best and found <= distance)):
            best, distance = candidate, found
    return f" (did you mean {best}?)" if best else ""


def _distance(one: str, other: str) -> int:
    """Levenshtein's."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]
