"""text/template/parse/lex.go: a template as tokens. The list ends with an `eof` or an `error`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    class Token(NamedTuple):
        kind: str
        position: int
        text: str
        line: int

else:
    from collections import namedtuple

    Token = namedtuple("Token", "kind position text line")

LEFT, RIGHT = "{{", "}}"
_SPACE = " \t\r\n"
_KEYWORDS = ("block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with")
_TERMINATORS = _SPACE + ".,|:()"
_NUMBER_DIGITS = {"x": "0123456789abcdefABCDEF_", "o": "01234567_", "b": "01_"}


class Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._depth = 0
        self.tokens: list[Token] = []

    def run(self) -> list[Token]:
        while self._lex_text():
            if not self._lex_action():
                break
        return self.tokens

    def _emit(self, kind: str, start: int) -> bool:
        line = 1 + self._text.count("\n", 0, start)
        self.tokens.append(Token(kind, start, self._text[start : self._position], line))
        return True

    def _fail(self, message: str, start: int | None = None) -> bool:
        line = 1 + self._text.count("\n", 0, self._position if start is None else start)
        self.tokens.append(Token("error", self._position, message, line))
        return False

    def _lex_text(self) -> bool:
        """Text up to the next `{{`. False at the end."""
        start = self._position
        found = self._text.find(LEFT, start)
        end = len(self._text) if found < 0 else found
        stop = end
        if found >= 0 and self._trims_before(found):
            stop = start + len(self._text[start:end].rstrip(_SPACE))
        if stop > start:
            self._position = stop
            self._emit("text", start)
        self._position = end
        if found < 0:
            return not self._emit("eof", end)
        return True

    def _trims_before(self, position: int) -> bool:
        return self._text[position + 2 : position + 3] == "-" and self._text[position + 3 : position + 4] in (
            *_SPACE,
        )

    def _lex_action(self) -> bool:
        """`{{ … }}`. False after an error."""
        start = self._position
        self._position += 4 if self._trims_before(start) else 2
        if self._text.startswith("/*", self._position):
            return self._lex_comment()
        self._position, after = start + 2, self._position
        self._emit("left", start)
        self._position = after
        self._depth = 0
        while True:
            trim = self._at_right()
            if trim is not None:
                if self._depth:
                    return self._fail("unclosed left paren")
                self._lex_right(trim=trim)
                return True
            if not self._lex_inside():
                return False

    def _at_right(self) -> bool | None:
        """None: not at `}}`; else whether it trims what follows."""
        if self._text.startswith(RIGHT, self._position):
            return False
        here = self._text[self._position : self._position + 4]
        return True if len(here) == 4 and here[0] in _SPACE and here[1:] == "-}}" else None

    def _lex_right(self, *, trim: bool) -> None:
        self._position += 2 if trim else 0
        start = self._position
        self._position += 2
        self._emit("right", start)
        if trim:
            self._skip_space()

    def _skip_space(self) -> None:
        rest = self._text[self._position :]
        self._position += len(rest) - len(rest.lstrip(_SPACE))

    def _lex_comment(self) -> bool:
        end = self._text.find("*/", self._position)
        if end < 0:
            return self._fail("unclosed comment")
        self._position = end + 2
        trim = self._at_right()
        if trim is None:
            return self._fail("comment ends before closing delimiter")
        self._position += 4 if trim else 2
        if trim:
            self._skip_space()
        return True

    def _lex_inside(self) -> bool:  # noqa: PLR0911 (one for each kind of token)
        start = self._position
        letter = self._text[start : start + 1]
        if not letter:
            return self._fail("unclosed action")
        self._position += 1
        if letter in _SPACE:
            while self._peek() in (*_SPACE,) and self._at_right() is None:
                self._position += 1
            return self._emit("space", start)
        if letter == ":":
            if self._peek() != "=":
                return self._fail("expected :=")
            self._position += 1
            return self._emit("declare", start)
        if letter in "=|":
            return self._emit("assign" if letter == "=" else "pipe", start)
        if letter in "\"'`":
            return self._lex_quoted(letter, start)
        if letter == "$" or (letter == "." and not _is_digit(self._peek())):
            return self._lex_field("variable" if letter == "$" else "field", start)
        if letter in "+-." or _is_digit(letter):
            return self._lex_number(start)
        if _is_word(letter):
            return self._lex_word(start)
        return self._lex_other(letter, start)

    def _lex_other(self, letter: str, start: int) -> bool:
        if letter == "(":
            self._depth += 1
            return self._emit("(", start)
        if letter == ")":
            self._depth -= 1
            if self._depth < 0:
                return self._fail("unexpected right paren")
            return self._emit(")", start)
        if letter.isascii() and letter.isprintable():
            return self._emit("char", start)
        return self._fail(f"unrecognized character in action: {described(letter)}")

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def _lex_quoted(self, quote: str, start: int) -> bool:
        names = {'"': "quoted string", "'": "character constant", "`": "raw quoted string"}
        kinds = {'"': "string", "'": "character", "`": "raw"}
        while True:
            letter = self._peek()
            self._position += 1
            if not letter or (letter == "\n" and quote != "`"):
                return self._fail(f"unterminated {names[quote]}", start)
            if letter == "\\" and quote != "`":
                self._position += 1
            elif letter == quote:
                return self._emit(kinds[quote], start)

    def _lex_field(self, kind: str, start: int) -> bool:
        if self._at_terminator():
            return self._emit("variable" if kind == "variable" else "dot", start)
        while _is_word(self._peek()):
            self._position += 1
        if not self._at_terminator():
            return self._fail(f"bad character {described(self._peek())}")
        return self._emit(kind, start)

    def _lex_word(self, start: int) -> bool:
        while _is_word(self._peek()):
            self._position += 1
        word = self._text[start : self._position]
        if not self._at_terminator():
            return self._fail(f"bad character {described(self._peek())}")
        if word in _KEYWORDS:
            return self._emit(word, start)
        return self._emit("bool" if word in ("true", "false") else "identifier", start)

    def _lex_number(self, start: int) -> bool:
        if self._text[start] in "+-" and self._peek():
            first = self._peek()
            self._position += 1
        else:
            first = self._text[start]
        base = self._peek().lower() if first == "0" else ""
        if base and base in _NUMBER_DIGITS:
            self._position += 1
            self._accept(_NUMBER_DIGITS[base] + "." * (base == "x"))
            if base == "x" and self._peek() in ("p", "P"):
                self._position += 1
                self._position += self._peek() in ("+", "-")
                self._accept("0123456789_")
        else:
            self._accept("0123456789_")
            if first != "." and self._peek() == ".":
                self._position += 1
                self._accept("0123456789_")
            if self._peek() in ("e", "E"):
                self._position += 1
                self._position += self._peek() in ("+", "-")
                self._accept("0123456789_")
        text = self._text[start : self._position]
        if _is_word(self._peek()) or not text.strip("+-."):
            self._position += bool(self._peek()) and _is_word(self._peek())
            shown = self._text[start : self._position]
            return self._fail(f'bad number syntax: "{shown}"')
        return self._emit("number", start)

    def _accept(self, letters: str) -> None:
        while self._peek() and self._peek() in letters:
            self._position += 1

    def _at_terminator(self) -> bool:
        letter = self._peek()
        return not letter or letter in _TERMINATORS or self._text.startswith(RIGHT, self._position)


def described(letter: str) -> str:
    """Go's %#U: `U+0023 '#'`."""
    code = ord(letter) if letter else 0xFFFD
    shown = f" '{letter}'" if letter and letter.isprintable() else ""
    return f"U+{code:04X}{shown}"


def _is_digit(letter: str) -> bool:
    return letter.isascii() and letter.isdigit()


def _is_word(letter: str) -> bool:
    return letter == "_" or letter.isalnum()
