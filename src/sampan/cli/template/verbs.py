"""fmt and strconv: Go's printing of values."""

from __future__ import annotations

from sampan.cli.template.values import NIL, Struct, is_list, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
}
_UNESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    "'": "'",
    '"': '"',
}
_EXPONENT = 6  # from here on the shortest form takes an exponent
_DIGITS = {"x": 2, "u": 4, "U": 8}

_WIDEST = 1_000_000  # of a width or a precision (Go's fmt/print.go, tooLarge)


def quote(text: str, mark: str = '"') -> str:
    """strconv.Quote."""
    pieces = [mark]
    for letter in text:
        if letter == mark:
            pieces.append("\\" + letter)
        elif letter in _ESCAPES:
            pieces.append(_ESCAPES[letter])
        elif letter.isprintable():
            pieces.append(letter)
        else:
            pieces.append(_numeric(ord(letter)))
    return "".join(pieces) + mark


def _numeric(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8 (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def unquote(text: str) -> str:
    """strconv.Unquote of a string, a raw string or a character constant. Raises ValueError."""
    mark, body = text[0], text[1:-1]
    if mark == "`":
        return body.replace("\r", "")
    pieces = bytearray()
    position = 0
    while position < len(body):
        if body[position] != "\\":
            pieces += body[position].encode("utf-8", "surrogateescape")
            position += 1
            continue
        kind = body[position + 1 : position + 2]
        position += 2
        if kind in _DIGITS:
            digits = body[position : position + _DIGITS[kind]]
            position += _DIGITS[kind]
            code = int(digits, 16)
            pieces += bytes((code,)) if kind == "x" else chr(code).encode("utf-8")
        elif kind and kind in "01234567":
            pieces.append(int(body[position - 1 : position + 2], 8))
            position += 2
        elif kind in _UNESCAPES and not (kind in "'\"" and kind != mark):
            pieces += _UNESCAPES[kind].encode()
        else:
            raise ValueError("invalid syntax")
    return pieces.decode("utf-8", "surrogateescape")


def shown(value: Any) -> str:  # noqa: PLR0911 (one for each kind of value)
    """%v."""
    if isinstance(value, str):
        return value
    if value is None or value is NIL:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Struct):
        return "{" + " ".join(shown(item) for item in value.values()) + "}"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{shown(value[key])}" for key in sorted(value)) + "]"
    if is_list(value):
        return "[" + " ".join(map(shown, value)) + "]"
    return str(value)


def number(value: float) -> str:
    """%v of a float64: the shortest digits that mean it (strconv.FormatFloat, 'g', -1)."""
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[str(value)]
    sign = "-" if repr(value)[0] == "-" else ""
    digits, exponent = _shortest(abs(value))
    if exponent < -4 or exponent >= _EXPONENT:
        mantissa = digits[0] + (f".{digits[1:]}" if digits[1:] else "")
        return f"{sign}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    rest = digits[exponent + 1 :]
    return sign + whole + (f".{rest}" if rest else "")


def _shortest(value: float) -> tuple[str, int]:
    """The digits of repr, and the exponent of the first."""
    mantissa, _, power = repr(value).partition("e")
    whole, _, rest = mantissa.partition(".")
    digits = whole + rest
    exponent = len(whole) - 1 + (int(power) if power else 0)
    zeros = len(digits) - len(digits.lstrip("0"))
    digits = digits.strip("0") or "0"
    return digits, 0 if digits == "0" else exponent - zeros


def sprint(values: Sequence[Any]) -> str:
    """fmt.Sprint: a space between two operands neither of which is a string."""
    pieces = []
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            pieces.append(" ")
        pieces.append(shown(value))
    return "".join(pieces)


def sprintf(form: str, values: Sequence[Any]) -> str:
    """fmt.Sprintf."""
    return _Formatter(form, values).run()


class _Formatter:
    def __init__(self, form: str, values: Sequence[Any]) -> None:
        self._form = form
        self._values = values
        self._used = 0
        self._position = 0
        self._reordered = False

    def run(self) -> str:
        pieces = []
        while self._position < len(self._form):
            percent = self._form.find("%", self._position)
            if percent < 0:
                pieces.append(self._form[self._position :])
                break
            pieces.append(self._form[self._position : percent])
            self._position = percent + 1
            pieces.append(self._directive())
        if not self._reordered and self._used < len(self._values):
            extra = ", ".join(_described(value) for value in self._values[self._used :])
            pieces.append(f"%!(EXTRA {extra})")
        return "".join(pieces)

    def _directive(self) -> str:
        flags = self._while("+-# 0")
        self._index()
        width, bad_width = self._measure()
        precision: int | None = None
        bad_precision = False
        if self._here() == ".":
            self._position += 1
            self._index()
            precision, bad_precision = self._measure()
            precision = precision or 0
        self._index()
        verb = self._here()
        self._position += 1
        problem = "%!(BADWIDTH)" if bad_width else ""
        problem += "%!(BADPREC)" if bad_precision else ""
        if not verb:
            return problem + "%!(NOVERB)"
        if verb == "%":
            return problem + "%"
        if self._used >= len(self._values):
            return f"{problem}%!{verb}({'BADINDEX' if self._reordered else 'MISSING'})"
        value = self._values[self._used]
        self._used += 1
        if width is not None and width < 0:
            flags, width = flags + "-", -width
        return problem + formatted(value, verb, flags, width, precision)

    def _here(self) -> str:
        return self._form[self._position : self._position + 1]

    def _while(self, letters: str) -> str:
        start = self._position
        while self._here() and self._here() in letters:
            self._position += 1
        return self._form[start : self._position]

    def _index(self) -> None:
        """`[2]`: the operand to go on with."""
        if self._here() != "[":
            return
        end = self._form.find("]", self._position)
        digits = self._form[self._position + 1 : end]
        if end > 0 and digits.isdecimal() and len(digits) <= len(str(_WIDEST)):
            self._used = int(digits) - 1
            self._reordered = True
            self._position = end + 1

    def _measure(self) -> tuple[int | None, bool]:
        if self._here() == "*":
            self._position += 1
            value = self._values[self._used] if self._used < len(self._values) else None
            self._used += 1
            if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _WIDEST:
                return value, False
            return None, True
        digits = self._while("0123456789")
        if len(digits) > len(str(_WIDEST)) or int(digits or "0") > _WIDEST:
            self._position = len(self._form)  # as Go's parsenum has it: no verb comes any more
            return None, False
        return (int(digits) if digits else None), False


def formatted(value: Any, verb: str, flags: str, width: int | None, precision: int | None) -> str:
    """One operand by one verb."""
    text = _by_verb(value, verb, flags, precision)
    if text is None:
        return f"%!{verb}({_described(value)})"
    return _padded(text, value, verb, flags, width)


def _padded(text: str, value: Any, verb: str, flags: str, width: int | None) -> str:
    if width is None or len(text) >= width:
        return text
    if "-" in flags:
        return text.ljust(width)
    if "0" in flags:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and text[0] in "+-":
            return text[0] + text[1:].rjust(width - 1, "0")
        return text.rjust(width, "0")
    return text.rjust(width)


def _by_verb(value: Any, verb: str, flags: str, precision: int | None) -> str | None:  # noqa: PLR0911
    if verb == "T":
        return type_name(value)
    if verb == "v":
        return _syntax(value) if "#" in flags else _signed(value, flags, precision)
    if value is None or value is NIL:
        return None
    if isinstance(value, bool):
        return shown(value) if verb == "t" else None
    if isinstance(value, int):
        return _integer(value, verb, flags, precision)
    if isinstance(value, float):
        return _float(value, verb, flags, precision)
    if isinstance(value, str):
        return _string(value, verb, flags, precision)
    return _composite(value, verb, flags, precision)


def _signed(value: Any, flags: str, precision: int | None) -> str:
    if isinstance(value, str) and precision is not None:
        return value[:precision]
    if isinstance(value, float) and precision is not None:
        return _float(value, "g", flags, precision) or ""
    if isinstance(value, Struct) and "+" in flags:
        return "{" + " ".join(f"{name}:{_signed(item, flags, None)}" for name, item in value.items()) + "}"
    text = shown(value)
    if "+" in flags and isinstance(value, (int, float)) and not isinstance(value, bool) and text[0] != "-":
        return "+" + text
    return text


def _integer(value: int, verb: str, flags: str, precision: int | None) -> str | None:
    sign = "-" if value < 0 else "+" if "+" in flags else " " if " " in flags else ""
    if verb in "dbox" or verb in "XO":
        letters = {"d": "d", "b": "b", "o": "o", "O": "o", "x": "x", "X": "X"}[verb]
        digits = format(abs(value), letters).rjust(precision or 0, "0")
        prefixes = {"x": "0x", "X": "0X", "o": "0", "b": "0b"}
        prefix = "0o" if verb == "O" else prefixes.get(verb, "") if "#" in flags else ""
        return sign + prefix + digits
    if verb == "c":
        return chr(value) if 0 <= value < 0x110000 else "\ufffd"
    if verb == "q":
        return quote(chr(value) if 0 <= value < 0x110000 else "\ufffd", "'")
    if verb == "U":
        return f"U+{value:04X}" + (f" '{chr(value)}'" if "#" in flags else "")
    return None


def _float(value: float, verb: str, flags: str, precision: int | None) -> str | None:
    if verb not in "eEfFgG":
        return None
    if verb in "gG" and precision is None:
        text = number(value) if verb == "g" else number(value).upper()
    else:
        text = f"{value:.{6 if precision is None else precision}{verb}}"
    if value >= 0 and ("+" in flags or " " in flags):
        return ("+" if "+" in flags else " ") + text
    return text


def _string(value: str, verb: str, flags: str, precision: int | None) -> str | None:
    if precision is not None:
        value = value[:precision]
    if verb == "s":
        return value
    if verb == "q":
        return f"`{value}`" if "#" in flags and "`" not in value and value.isprintable() else quote(value)
    if verb in "xX":
        digits = value.encode("utf-8", "surrogateescape").hex(*(" " if " " in flags else ()))
        return digits.upper() if verb == "X" else digits
    return None


def _composite(value: Any, verb: str, flags: str, precision: int | None) -> str | None:
    """A verb goes to each part of a list, a map, a struct."""

    def part(item: Any) -> str:
        return formatted(item, verb, flags, None, precision)

    if isinstance(value, Struct):
        return "{" + " ".join(part(item) for item in value.values()) + "}"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{part(key)}:{part(value[key])}" for key in sorted(value)) + "]"
    if is_list(value):
        return "[" + " ".join(map(part, value)) + "]"
    return None


def _syntax(value: Any) -> str:
    """%#v."""
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, dict):
        inside = ", ".join(f"{_syntax(key)}:{_syntax(value[key])}" for key in sorted(value))
        return f"{type_name(value)}{{{inside}}}"
    if is_list(value):
        return f"{type_name(value)}{{{', '.join(map(_syntax, value))}}}"
    return shown(value)


def _described(value: Any) -> str:
    if value is None:
        return "<nil>"
    return f"{type_name(value)}={shown(value)}"
