"""How things look: tables as Go's text/tabwriter lays them out, and sizes and times as docker/go-units says
them.
"""

from __future__ import annotations

from time import time

from sampan.cli import console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    Field = tuple[str, Callable[[Any, "View"], Any]]

_MIN_WIDTH = 10  # docker/cli, cli/command/formatter: tabwriter.NewWriter(out, 10, 1, 3, ' ', 0)
_PADDING = 3
_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")
# What a terminal would obey: C0 but for tab and newline, DEL, C1. Replaced where people read
# (CVE-2014-8179's kin).
_CONTROL = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "?")


class View:
    """How much of a row is shown."""

    __slots__ = ("now", "trunc")

    def __init__(self, *, trunc: bool = True) -> None:
        self.trunc = trunc
        self.now = time()


class Listing:
    """A kind of row.

    `type_name` is what Go calls it, for the words of template errors; `fields`: name in templates → (header,
    value of a row); `columns`: those of the plain table; `raw`: (label, field) of `--format raw`.
    """

    def __init__(
        self,
        type_name: str,
        fields: Mapping[str, Field],
        columns: Sequence[str],
        *,
        key: str = "ID",
        raw: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.type_name = type_name
        self.fields = fields
        self.columns = columns
        self.key = key
        self.raw = raw

    def show(self, rows: Sequence[Any], form: str, view: View, *, quiet: bool = False) -> None:
        """Print `rows` by `--format`; without one as a table, or `quiet`: the key alone."""
        text = self.text(rows, form, view, quiet=quiet)
        console.tell(console.STDOUT, text)

    def text(self, rows: Sequence[Any], form: str, view: View, *, quiet: bool = False) -> str:
        """What `show` prints."""
        if form in ("", "table") and quiet:
            value = self.fields[self.key][1]
            return "".join(f"{value(row, view)}\n" for row in rows)
        if form in ("", "table"):
            return self._table(rows, view)
        from sampan.cli import listing

        return listing.text(self, rows, form, view)

    def _table(self, rows: Sequence[Any], view: View) -> str:
        chosen = [self.fields[name] for name in self.columns]
        lines = [[header for header, _ in chosen]]
        lines += [[plain(str(value(row, view))) for _, value in chosen] for row in rows]
        return table(lines)


def plain(text: str) -> str:
    """`text` in a cell: nothing in it moves the cursor or the columns."""
    return text.translate(_CONTROL).replace("\t", " ").replace("\n", " ")


def table(lines: Sequence[Sequence[str]], least: int = _MIN_WIDTH) -> str:
    """Cells as columns, each as wide as its widest cell and three spaces, and at least `least`.

    As in text/tabwriter a column is a block of consecutive lines that have a cell there and
    another behind it.
    """
    widths = [[0] * (len(cells) - 1) for cells in lines]
    for column in range(max((len(cells) for cells in lines), default=0) - 1):
        _widen(lines, widths, column, least)
    pieces = []
    for cells, columns in zip(lines, widths, strict=True):
        for cell, width in zip(cells, columns, strict=False):
            pieces.append(cell.ljust(width))
        pieces.append(cells[-1] + "\n")
    return "".join(pieces)


def _widen(lines: Sequence[Sequence[str]], widths: list[list[int]], column: int, least: int) -> None:
    first = 0
    while first < len(lines):
        last = first
        width = least
        while last < len(lines) and column < len(widths[last]):
            width = max(width, len(lines[last][column]) + _PADDING)
            last += 1
        for columns in widths[first:last]:
            columns[column] = width
        first = max(last, first + 1)


def duration(seconds: float) -> str:  # noqa: PLR0911 (a table in words)
    """`5 seconds`, `About a minute`, `2 hours` (go-units, HumanDuration)."""
    whole = int(seconds)
    minutes, hours = whole // 60, int(seconds / 3600 + 0.5)
    if whole < 60:
        return "Less than a second" if whole < 1 else "1 second" if whole == 1 else f"{whole} seconds"
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    if hours < 24 * 7 * 2:
        return f"{hours // 24} days"
    if hours < 24 * 30 * 2:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{whole // 3600 // 24 // 365} years"


def size(count: float, digits: int = 4) -> str:
    """`1.98MB`: decimal units, so many significant digits."""
    return _scaled(count, 1000, _DECIMAL, digits)


def binary_size(count: float) -> str:
    """`23.54GiB`."""
    return _scaled(count, 1024, _BINARY, 4)


def _scaled(count: float, base: int, units: Sequence[str], digits: int) -> str:
    index = 0
    while count >= base and index < len(units) - 1:
        count /= base
        index += 1
    return f"{count:.{digits}g}{units[index]}"


def short_id(identity: str) -> str:
    """The first twelve digits, without the algorithm."""
    return identity.partition(":")[2][:12] if ":" in identity else identity[:12]


def natural(text: str) -> list[tuple[str, int, int]]:
    """A key that sorts web2 before web10, and web2 before web02 (fvbommel/sortorder)."""
    key: list[tuple[str, int, int]] = []
    word = digits = ""
    for letter in text + "\0":
        if letter.isascii() and letter.isdigit():
            digits += letter
            continue
        if digits:
            key.append((word, int(digits), len(digits)))
            word = digits = ""
        word += letter
    return [*key, (word.removesuffix("\0"), 0, 0)]


def ellipsis(text: str, width: int) -> str:
    """At most `width` characters, the last of them … if some are missing."""
    return text if len(text) <= width else text[: width - 1] + "…"


def local_time(seconds: float) -> str:
    """`2026-11-24 08:40:00 +0000 UTC`: a time of whole seconds as Go prints it."""
    from time import localtime, strftime

    return strftime("%Y-%m-%d %H:%M:%S %z %Z", localtime(seconds))


def quoted(text: str) -> str:
    """Go's strconv.Quote; the plain case here, the rest late."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    from sampan.cli.template import verbs

    return verbs.quote(text)
