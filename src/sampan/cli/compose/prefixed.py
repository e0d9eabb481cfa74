"""Output of many containers on one stream: whole lines, each behind its container's name."""

from __future__ import annotations

from sampan.cli import console
from sampan.wire.stdcopy import STDERR, Demultiplexer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# Compose's order: cyan, yellow, green, magenta, blue, then the intense ones.
_COLOURS = ("36", "33", "32", "35", "34", "36;1", "33;1", "32;1", "35;1", "34;1")


class Printer:
    """`names`: all that will write, for one width of the prefixes. `colour`, `prefix`: False for none."""

    def __init__(self, names: Sequence[str], *, colour: bool, prefix: bool = True) -> None:
        self._width = max((len(name) for name in names), default=0)
        self._colours: dict[str, str] = {}
        self._colour = colour
        self._prefix = prefix

    def line(self, name: str, line: bytes, *, error: bool = False) -> None:
        """A line without its end."""
        target = console.STDERR if error else console.STDOUT
        console.write(target, self._head(name) + line + b"\n")

    def notice(self, name: str, text: str) -> None:
        """`web-1 exited with code 0`."""
        shown = f"{name} {text}"
        if self._colour:
            shown = f"\x1b[{self._of(name)}m{shown}\x1b[0m"
        console.write(console.STDOUT, (shown + "\n").encode())

    def _head(self, name: str) -> bytes:
        if not self._prefix:
            return b""
        text = f"{name.ljust(self._width)}  | "
        return (f"\x1b[{self._of(name)}m{text}\x1b[0m" if self._colour else text).encode()

    def _of(self, name: str) -> str:
        return self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])


class Lines:
    """One container's bytes into lines. `tty`: they are not framed."""

    def __init__(self, printer: Printer, name: str, *, tty: bool) -> None:
        self._printer = printer
        self._name = name
        self._frames = None if tty else Demultiplexer()
        self._rest: dict[int, bytes] = {}

    def feed(self, data: bytes) -> None:
        pieces = [(1, data)] if self._frames is None else self._frames.feed(data)
        for stream, piece in pieces:
            *lines, rest = (self._rest.get(stream, b"") + piece).split(b"\n")
            self._rest[stream] = rest
            for line in lines:
                self._show(stream, line)

    def end(self) -> None:
        """What stands behind the last line end."""
        for stream, rest in self._rest.items():
            if rest:
                self._show(stream, rest)
        self._rest = {}

    def _show(self, stream: int, line: bytes) -> None:
        self._printer.line(self._name, line.removesuffix(b"\r"), error=stream == STDERR)


def colour_wanted(ansi: str, *, no_color: bool) -> bool:
    if no_color or ansi == "never" or console.environment("NO_COLOR"):
        return False
    return ansi == "always" or console.is_terminal(console.STDOUT)


def short_name(container: str, project: str) -> str:
    """`web-1` of `proj-web-1`; a name of its own stays."""
    for separator in ("-", "_"):
        if container.startswith(project + separator):
            return container[len(project) + 1 :]
    return container
