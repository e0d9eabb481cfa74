"""Lines of a Dockerfile: directives, comments, continuations, heredocs.

The rules are BuildKit's (frontend/dockerfile/parser): a line that ends in the escape character goes on in the
next one, comments in between vanish, and RUN, COPY and ADD may be followed by heredocs.
"""

import re
from typing import NamedTuple

from sampan.build.source import DockerfileError, Span
from sampan.build.words import split_words

LIMIT = 1 << 20  # bytes of a Dockerfile that is read at all
_LINES = 100_000
_DIRECTIVE = re.compile(r"\s*#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*")
_HEREDOC = re.compile(r"(\d*)<<(-?)([^<]*)")
_HAS_HEREDOC = frozenset(("RUN", "COPY", "ADD"))
_DIRECTIVES = ("syntax", "escape", "check")


class Heredoc(NamedTuple):
    name: str
    content: str
    expand: bool  # its name is not quoted
    chomp: bool  # `<<-`: leading tabs go
    descriptor: str = ""

    @property
    def text(self) -> str:
        """As the file or script that it becomes."""
        return chomped(self.content) if self.chomp else self.content


class Line(NamedTuple):
    """One instruction, its continuations joined. `rest`: what follows the word and the flags."""

    word: str  # upper case
    written: str  # as it was written
    flags: tuple[str, ...]
    rest: str
    original: str
    heredocs: tuple[Heredoc, ...]
    span: Span


class Finding(NamedTuple):
    """Something that works, and that its author may not have meant."""

    rule: str
    message: str
    span: Span


class Document(NamedTuple):
    lines: tuple[Line, ...]
    directives: dict[str, str]
    escape: str
    warnings: tuple[Finding, ...]


def chomped(text: str) -> str:
    return "".join(line.lstrip("\t") for line in text.splitlines(keepends=True))


def read(text: str) -> Document:
    """Raises DockerfileError."""
    if len(text) > LIMIT:
        raise DockerfileError(f"dockerfile larger than maximum allowed size of {LIMIT} bytes")
    rows = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    if len(rows) > _LINES:
        raise DockerfileError(f"dockerfile has more than {_LINES} lines")
    directives = _directives(rows)
    escape = directives.get("escape", "\\")
    if escape not in ("\\", "`"):
        raise DockerfileError(f"invalid escape token '{escape}' does not match ` or \\", Span(1, 1), escape)
    reader = _Reader(rows, escape)
    lines = tuple(reader.lines())
    if not lines:
        raise DockerfileError("file with no instructions")
    return Document(lines, directives, escape, tuple(reader.warnings))


def _directives(rows: list[str]) -> dict[str, str]:
    """They stand before everything else; the first line that is none ends them."""
    found: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        if number == 1 and row.startswith("#!"):
            continue
        match = _DIRECTIVE.fullmatch(row)
        if match is None:
            break
        name = match[1].lower()
        if name not in _DIRECTIVES:
            continue
        if name in found:
            raise DockerfileError(
                f"only one {name} parser directive can be used", Span(number, number), row.strip()
            )
        found[name] = match[2]
    return found


class _Reader:
    def __init__(self, rows: list[str], escape: str) -> None:
        self._rows = rows
        self._next = 0  # index
        self._escape = escape
        token = re.escape(escape)
        self._continued = re.compile(rf"(^|.*[^{token}]){token}[ \t]*", re.DOTALL)
        self.warnings: list[Finding] = []

    def lines(self) -> "list[Line]":
        found = []
        while self._next < len(self._rows):
            row = self._take()
            if row.strip() and not _is_comment(row):
                found.append(self._line(row.lstrip()))
        return found

    def _take(self) -> str:
        row = self._rows[self._next]
        self._next += 1
        return row

    def _line(self, row: str) -> Line:
        first = self._next
        text, blank = self._joined(row)
        word, flags, rest = self._divided(text, Span(first, self._next))
        heredocs = self._heredocs(rest, first) if word.upper() in _HAS_HEREDOC else ()
        span = Span(first, self._next)
        if blank:
            told = "Empty continuation line found in: " + text
            self.warnings.append(Finding("NoEmptyContinuation", told, Span(blank, blank)))
        return Line(word.upper(), word, flags, rest, text, heredocs, span)

    def _joined(self, row: str) -> tuple[str, int]:
        """The whole line, and the number of an empty line inside it."""
        parts, blank = [], 0
        match = self._continued.fullmatch(row)
        while match is not None:
            parts.append(match[1])
            match = None
            while self._next < len(self._rows):
                row = self._take()
                if not row.strip():
                    blank = blank or self._next
                    row = ""
                elif not _is_comment(row):
                    match = self._continued.fullmatch(row)
                    break
            else:
                row = ""
        parts.append(row)
        return "".join(parts).strip(), blank

    def _divided(self, text: str, span: Span) -> tuple[str, tuple[str, ...], str]:
        parts = text.split(None, 1)
        if not parts:
            raise DockerfileError("an escape character continues nothing", span)
        if len(parts) < 2:
            return parts[0], (), ""
        flags, rest = _flags(parts[1], self._escape)
        return parts[0], flags, rest.strip()

    def _heredocs(self, rest: str, first: int) -> tuple[Heredoc, ...]:
        if rest.startswith("[") or "<<" not in rest:
            return ()
        found = []
        for word in split_words(rest, self._escape):
            opened = heredoc(word, self._escape)
            if opened is not None:
                found.append(opened._replace(content=self._content(opened, first)))
        return tuple(found)

    def _content(self, opened: Heredoc, first: int) -> str:
        rows: list[str] = []
        while self._next < len(self._rows):
            row = self._take()
            if (row.lstrip("\t") if opened.chomp else row) == opened.name:
                return "".join(rows)
            rows.append(row + "\n")
        span = Span(first, first)
        raise DockerfileError(f"unterminated heredoc {opened.name}", span, opened.name)


def _is_comment(row: str) -> bool:
    return row.lstrip().startswith("#")


def heredoc(word: str, escape: str = "\\") -> Heredoc | None:
    """The heredoc that the whole `word` opens, still without its content."""
    match = _HEREDOC.fullmatch(word)
    if match is None or not match[3]:
        return None
    raw = match[3]
    name = raw.replace('"', "").replace("'", "").replace(escape, "")
    if not name or "\n" in name or any(c.isspace() for c in name):
        return None
    return Heredoc(name, "", raw == name, match[2] == "-", match[1])


def _flags(text: str, escape: str) -> tuple[tuple[str, ...], str]:
    """The words at the front that begin with `--`, and the rest. A lone `--` ends them."""
    found: list[str] = []
    position = 0
    while True:
        while position < len(text) and text[position].isspace():
            position += 1
        if not text.startswith("--", position):
            return tuple(found), text[position:]
        word, position = _flag(text, position, escape)
        if word == "--":
            return tuple(found), text[position:]
        found.append(word)


def _flag(text: str, position: int, escape: str) -> tuple[str, int]:
    """One flag without its quotes, and where it ends."""
    word, quote = [], ""
    while position < len(text):
        character = text[position]
        if character == escape and position + 1 < len(text) and quote != "'":
            position += 1
            word.append(text[position])
        elif quote:
            if character == quote:
                quote = ""
            else:
                word.append(character)
        elif character in "'\"":
            quote = character
        elif character.isspace():
            break
        else:
            word.append(character)
        position += 1
    return "".join(word), position
