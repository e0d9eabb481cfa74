"""The user's terminal while a container's terminal is shown on it: raw, resized along, and put back on
every way out.
"""

from __future__ import annotations

import _signal
import posix
import termios

from sampan.cli import console
from sampan.cli.console import ExitWith
from sampan.errors import SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_ENDING = (_signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGTERM)


def size() -> tuple[int, int] | None:
    """(height, width) of the terminal that shows our output, in characters; None if it is none."""
    for descriptor in (console.STDOUT, console.STDIN):
        try:
            width, height = posix.get_terminal_size(descriptor)
        except OSError:
            continue
        if width and height:
            return height, width
    return None


class Terminal:
    """A context: inside it stdin is raw (if it is a terminal), and `resize` is called at each change of
    size.
    """

    def __init__(self, resize: Callable[[int, int], None]) -> None:
        self._resize = resize
        self._saved: list[Any] | None = None

    def __enter__(self) -> Terminal:
        if console.is_terminal(console.STDIN):
            self._saved = termios.tcgetattr(console.STDIN)
            for number in _ENDING:
                _signal.signal(number, _leave)
            termios.tcsetattr(console.STDIN, termios.TCSANOW, _raw(termios.tcgetattr(console.STDIN)))
        _signal.signal(_signal.SIGWINCH, lambda number, frame: self.fit())
        return self

    def __exit__(self, *exception: object) -> None:
        _signal.signal(_signal.SIGWINCH, _signal.SIG_DFL)
        if self._saved is not None:
            termios.tcsetattr(console.STDIN, termios.TCSANOW, self._saved)
            self._saved = None

    def fit(self) -> None:
        """Give the container's terminal the size of ours. It may be gone: then it does not matter."""
        current = size()
        if current is None:
            return
        try:  # noqa: SIM105 (contextlib costs milliseconds to import)
            self._resize(*current)
        except (SampanError, OSError):
            pass


def _leave(number: int, frame: object) -> None:
    raise ExitWith(128 + number)


def _raw(mode: list[Any]) -> list[Any]:
    """cfmakeraw(3)."""
    iflag, oflag, cflag, lflag, ispeed, ospeed, cc = mode
    iflag &= ~(
        termios.IGNBRK
        | termios.BRKINT
        | termios.PARMRK
        | termios.ISTRIP
        | termios.INLCR
        | termios.IGNCR
        | termios.ICRNL
        | termios.IXON
    )
    oflag &= ~termios.OPOST
    lflag &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    cflag = cflag & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    cc[termios.VMIN], cc[termios.VTIME] = 1, 0
    return [iflag, oflag, cflag, lflag, ispeed, ospeed, cc]
