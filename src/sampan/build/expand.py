"""Variables in words: `$x`, `${x}`, and the operators of a POSIX shell, quotes taken away.

    ${x:-word} ${x-word}    ${x:+word} ${x+word}    ${x:?word} ${x?word}
    ${x#pattern} ${x##pattern} ${x%pattern} ${x%%pattern} ${x/pattern/word} ${x//pattern/word}

In a pattern `*` and `?` stand for any characters, and are matched without going back, so that no pattern
takes more than the product of the two lengths.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sampan.build.source import DockerfileError

_LIMIT = 1 << 20  # characters that one word may grow to
_WORK = 4_000_000  # steps of matching that one expansion may take
_SPECIAL = frozenset("@*#?-$!0123456789")
_DEPTH = 64


class Expanded(NamedTuple):
    text: str
    unset: tuple[str, ...]  # names that had no value, and no default


def expand(word: str, values: Mapping[str, str], escape: str = "\\", *, quotes: bool = True) -> Expanded:
    """One word, however many spaces its values bring. `quotes` False: they stay, as in a heredoc."""
    reader = _Reader(word, values, escape, quotes=quotes)
    return Expanded(reader.whole(), tuple(dict.fromkeys(reader.unset)))


def expand_words(
    text: str, values: Mapping[str, str], escape: str = "\\"
) -> tuple[list[str], tuple[str, ...]]:
    """`text` as words: what is not quoted splits at whitespace, values too."""
    reader = _Reader(text, values, escape)
    reader.whole()
    return reader.words(), tuple(dict.fromkeys(reader.unset))


class _Reader:
    """`_breaks`: positions in the result at which an unquoted space stood."""

    def __init__(
        self, text: str, values: Mapping[str, str], escape: str, depth: int = 0, *, quotes: bool = True
    ) -> None:
        self._text = text
        self._values = values
        self._escape = escape
        self._depth = depth
        self._quotes = quotes
        self._position = 0
        self._parts: list[str] = []
        self._size = 0
        self._marks: list[bool] = []  # for each part: whether its spaces separate words
        self.unset: list[str] = []
        if depth > _DEPTH:
            raise DockerfileError("variable expansion is nested too deeply")

    def whole(self) -> str:
        while self._position < len(self._text):
            self._one()
        return "".join(self._parts)

    def words(self) -> list[str]:
        words: list[str] = []
        current: list[str] | None = None
        for part, splits in zip(self._parts, self._marks, strict=True):
            if not splits:
                current = [*(current or []), part]
                continue
            pieces = part.split()
            if not pieces:
                if part and current is not None:
                    words.append("".join(current))
                    current = None
                continue
            if part[0].isspace() and current is not None:
                words.append("".join(current))
                current = None
            for index, piece in enumerate(pieces):
                if index and current is not None:
                    words.append("".join(current))
                    current = None
                current = [*(current or []), piece]
            if part[-1].isspace() and current is not None:
                words.append("".join(current))
                current = None
        return words if current is None else [*words, "".join(current)]

    def _put(self, text: str, *, splits: bool) -> None:
        self._size += len(text)
        if self._size > _LIMIT:
            raise DockerfileError(f"variable expansion exceeds {_LIMIT} characters")
        if self._parts and self._marks[-1] == splits and len(self._parts[-1]) < 4096:
            self._parts[-1] += text
        else:
            self._parts.append(text)
            self._marks.append(splits)

    def _one(self) -> None:
        character = self._text[self._position]
        if character == "'" and self._quotes:
            self._single()
        elif character == '"' and self._quotes:
            self._double()
        elif character == "$":
            self._put(self._dollar(), splits=True)
        elif character == self._escape:
            self._escaped()
        else:
            self._put(character, splits=True)
            self._position += 1

    def _escaped(self) -> None:
        self._position += 1
        if self._position == len(self._text):  # at the end it stands for itself
            if not self._quotes:
                self._put(self._escape, splits=False)
            return
        following = self._text[self._position]
        if not self._quotes and following not in ("$", self._escape):
            self._put(self._escape, splits=True)
        self._put(following, splits=False)
        self._position += 1

    def _single(self) -> None:
        end = self._text.find("'", self._position + 1)
        if end < 0:
            raise DockerfileError("unexpected end of statement while looking for matching single-quote")
        self._put(self._text[self._position + 1 : end], splits=False)
        self._position = end + 1

    def _double(self) -> None:
        self._position += 1
        self._put("", splits=False)
        while self._position < len(self._text):
            character = self._text[self._position]
            if character == '"':
                self._position += 1
                return
            if character == "$":
                self._put(self._dollar(), splits=False)
                continue
            self._position += 1
            if character == self._escape:
                if self._position == len(self._text):
                    break
                following = self._text[self._position]
                if following not in ('"', "$", self._escape):
                    self._put(character, splits=False)
                self._put(following, splits=False)
                self._position += 1
            else:
                self._put(character, splits=False)
        raise DockerfileError("unexpected end of statement while looking for matching double-quote")

    # Behind a dollar

    def _dollar(self) -> str:
        self._position += 1
        if self._position == len(self._text):
            return "$"
        if self._text[self._position] != "{":
            name = self._name()
            return self._value(name) if name else "$"
        self._position += 1
        return self._braced()

    def _name(self) -> str:
        start = self._position
        if start < len(self._text) and self._text[start] in _SPECIAL:
            self._position += 1
            return self._text[start]
        while self._position < len(self._text):
            character = self._text[self._position]
            if not (character == "_" or (character.isascii() and character.isalnum())):
                break
            self._position += 1
        return self._text[start : self._position]

    def _value(self, name: str) -> str:
        found = self._values.get(name)
        if found is None:
            self.unset.append(name)
        return found or ""

    def _braced(self) -> str:
        name = self._name()
        if self._position == len(self._text):
            raise DockerfileError("syntax error: missing '}'")
        if not name:
            raise DockerfileError("syntax error: bad substitution")
        operator = self._take()
        if operator == "}":
            return self._value(name)
        if operator == ":":
            operator += self._take()
        if operator in (":-", ":+", ":?", "-", "+", "?"):
            return self._conditional(name, operator)
        if operator in ("#", "%"):
            return self._trimmed(name, operator)
        if operator == "/":
            return self._replaced(name)
        raise DockerfileError(f"unsupported modifier ({operator}) in substitution")

    def _take(self) -> str:
        if self._position == len(self._text):
            raise DockerfileError("syntax error: missing '}'")
        self._position += 1
        return self._text[self._position - 1]

    def _conditional(self, name: str, operator: str) -> str:
        word = self._inner("}")
        value = self._values.get(name)
        given = value is not None and (value != "" or operator[0] != ":")
        if operator[-1] == "+":
            return self._nested(word) if given else ""
        if given:
            return value or ""
        if operator[-1] == "-":
            return self._nested(word)
        default = "is not allowed to be empty" if operator[0] == ":" else "is not allowed to be unset"
        raise DockerfileError(f"{name}: {self._nested(word) or default}", offending="${" + name)

    def _trimmed(self, name: str, operator: str) -> str:
        greedy = self._text.startswith(operator, self._position)
        self._position += greedy
        pattern = _pattern(self._nested(self._inner("}"), keep_escapes=True), self._escape)
        value = self._value(name)
        if operator == "#":
            ends = _ends(pattern, value, 0)
            return value[(max(ends) if greedy else min(ends)) :] if ends else value
        backwards = value[::-1]
        ends = _ends(pattern[::-1], backwards, 0)
        return backwards[(max(ends) if greedy else min(ends)) :][::-1] if ends else value

    def _replaced(self, name: str) -> str:
        everywhere = self._text.startswith("/", self._position)
        self._position += everywhere
        pattern = _pattern(self._nested(self._inner("/"), keep_escapes=True), self._escape)
        replacement = self._nested(self._inner("}"))
        return _replace(self._value(name), pattern, replacement, everywhere=everywhere)

    def _inner(self, end: str) -> str:
        """Up to the `end` that belongs to this level, which is taken too."""
        start, depth, quote = self._position, 0, ""
        while self._position < len(self._text):
            character = self._text[self._position]
            if character == self._escape:
                self._position += 1
            elif quote:
                quote = "" if character == quote else quote
            elif character in "'\"" and self._quotes:
                quote = character
            elif character == "{" and self._text[self._position - 1] == "$":
                depth += 1
            elif depth and character == "}":
                depth -= 1
            elif not depth and character == end:
                self._position += 1
                return self._text[start : self._position - 1]
            self._position += 1
        if end == "/":
            raise DockerfileError("syntax error: missing '/' in ${}")
        raise DockerfileError("syntax error: missing '}'")

    def _nested(self, text: str, *, keep_escapes: bool = False) -> str:
        if keep_escapes:  # an escape in a pattern is the pattern's
            text = text.replace(self._escape, self._escape * 2)
        reader = _Reader(text, self._values, self._escape, self._depth + 1, quotes=self._quotes)
        result = reader.whole()
        self.unset += reader.unset
        return result


# Patterns: a list of one-character strings; "*" and "?" as None and "" stand for any

_Pattern = list[str | None]


def _pattern(text: str, escape: str) -> _Pattern:
    found: _Pattern = []
    position = 0
    while position < len(text):
        character = text[position]
        if character == escape and position + 1 < len(text):
            position += 1
            found.append(text[position])
        elif character == "*":
            if not found or found[-1] is not None:
                found.append(None)
        else:
            found.append("" if character == "?" else character)
        position += 1
    return found


def _ends(pattern: _Pattern, value: str, start: int) -> set[int]:
    """Where a match that begins at `start` can end."""
    if len(pattern) * (len(value) - start + 1) > _WORK:
        raise DockerfileError("pattern in variable expansion is too expensive")
    here = {start}
    for token in pattern:
        if token is None:
            here = set(range(min(here), len(value) + 1))
        else:
            here = {at + 1 for at in here if at < len(value) and token in ("", value[at])}
        if not here:
            break
    return here


def _replace(value: str, pattern: _Pattern, replacement: str, *, everywhere: bool) -> str:
    """The leftmost matches, each as long as can be."""
    if not pattern:
        return value
    if all(pattern):
        literal = "".join(token or "" for token in pattern)
        return value.replace(literal, replacement, -1 if everywhere else 1)
    if len(pattern) * (len(value) + 1) ** 2 > _WORK * 4:
        raise DockerfileError("pattern in variable expansion is too expensive")
    parts, position = [], 0
    while position < len(value):
        ends = _ends(pattern, value, position)
        if ends and max(ends) > position:
            parts.append(replacement)
            position = max(ends)
            if not everywhere:
                break
        else:
            parts.append(value[position])
            position += 1
    return "".join(parts) + value[position:]
