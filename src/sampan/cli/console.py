"""The three standard streams, as file descriptors: what Go's os.Stdout is, without Python's encodings and
buffers.
"""

from __future__ import annotations

import posix
import sys

# What bin/sampan was called as: a path, or a word that was found on PATH.
CALLED = str(sys._xoptions.get("called", ""))
COMPOSE = CALLED.rpartition("/")[2] == "docker-compose"
PROGRAM = "docker" if COMPOSE or CALLED.rpartition("/")[2] == "docker" else "sampan"
STDIN = 0
STDOUT = 1
STDERR = 2


class ExitWith(Exception):
    """Leave with this exit status; `text`, if any, goes to stderr as it is."""

    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def out(text: str) -> None:
    """A line for stdout."""
    tell(STDOUT, text + "\n")


def error(text: str) -> None:
    """A line for stderr."""
    tell(STDERR, text + "\n")


def tell(descriptor: int, text: str) -> None:
    """Text with words of others in it: names, labels, commands, errors of registries. On a terminal they must
    not move the cursor, write to the clipboard or turn the line around (CVE-2021-25743's kind)."""
    if not text.isascii() or not text.replace("\n", "").replace("\t", "").isprintable():
        text = visible(text) if is_terminal(descriptor) else text
    write(descriptor, text.encode("utf-8", "surrogateescape"))


def visible(text: str) -> str:
    """Control characters (C0, C1) and those that set a direction, spelled out."""
    controls = (*range(9), *range(11, 32), *range(127, 160), 0x61C, 0x200E, 0x200F)
    directions = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
    table = {code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" for code in (*controls, *directions)}
    table |= {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(128, 160)}  # bytes that are no UTF-8
    return text.translate(table)


def write(descriptor: int, data: bytes) -> None:
    """All of `data`. Who reads our stdout no longer: then we die of SIGPIPE, as any filter does."""
    while data:
        try:
            data = data[posix.write(descriptor, data) :]
        except BlockingIOError:
            _wait_writable(descriptor)
        except BrokenPipeError:
            _die_of_sigpipe()


def is_terminal(descriptor: int) -> bool:
    return posix.isatty(descriptor)


def environment(name: str) -> str:
    """A variable of the environment, or nothing."""
    return posix.environ.get(name.encode(), b"").decode("utf-8", "surrogateescape")


def _wait_writable(descriptor: int) -> None:
    import select

    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    poll.poll()


def _die_of_sigpipe() -> None:
    import _signal

    _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
    posix.kill(posix.getpid(), _signal.SIGPIPE)
