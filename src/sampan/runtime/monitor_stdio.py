"""The file descriptors between monitor and process: pipes or the pty's master.

*Lonely.* All of ours are non-blocking and close-on-exec; the process's ends are blocking, as programs
expect, and closed here as soon as the process has them.
"""

import fcntl
import os
import termios
from collections.abc import Callable
from typing import NamedTuple

from sampan.runtime.monitor_loop import READ, WRITE, Loop
from sampan.runtime.streams import STDERR, STDOUT, Outbox

CHUNK = 64 * 1024  # bytes: what a pipe holds
_TIOCGPTPEER = 0x5441  # Linux 4.13; asm-generic/ioctls.h: the same on x86 and arm64


class Ends(NamedTuple):
    """`theirs`: the process's 0, 1 and 2. `ours`: stdin's writing end, {reading end: stream}."""

    theirs: tuple[int, int, int]
    stdin: int | None
    outputs: dict[int, int]


def ours(outputs: list[int], stdin: int | None) -> Ends:
    """Our ends of pipes that another process made; `outputs`: stdout and stderr, or nothing."""
    return Ends((-1, -1, -1), stdin, dict(zip(outputs, (STDOUT, STDERR), strict=False)))


def pipes(*, stdin: bool, output: bool) -> Ends:
    """What is not asked for is /dev/null."""
    ours_in: int | None = None
    if stdin:
        their_in, ours_in = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(ours_in, False)
    else:
        their_in = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    if not output:
        null = os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC)
        return Ends((their_in, null, os.dup(null)), ours_in, {})
    ours_out, their_out = os.pipe2(os.O_CLOEXEC)
    ours_err, their_err = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(ours_out, False)
    os.set_blocking(ours_err, False)
    return Ends((their_in, their_out, their_err), ours_in, {ours_out: STDOUT, ours_err: STDERR})


def set_size(console: int, height: int, width: int) -> None:
    termios.tcsetwinsize(console, (height, width))


def peer_of(console: int) -> int:
    """The pty's other end, held open: without a holder every read of the master fails with EIO between one
    process that closes the terminal and the next that opens it. Reading the master until EAGAIN
    still gets everything: it flushes the line discipline's queue first (n_tty_read)."""
    return fcntl.ioctl(console, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)


class Output:
    """One stream of a process. `deliver` returns whether to go on reading."""

    def __init__(self, loop: Loop, fd: int, stream: int, deliver: Callable[[int, bytes], bool]) -> None:
        self._loop = loop
        self._fd = fd
        self.stream = stream
        self._deliver = deliver
        self.open = True
        self._watched = False
        self.resume()

    def resume(self) -> None:
        if self.open and not self._watched:
            self._watched = True
            self._loop.watch(self._fd, READ, self._ready)

    def pause(self) -> None:
        if self._watched:
            self._watched = False
            self._loop.forget(self._fd)

    def _ready(self, _events: int) -> None:
        if self._read() and not self.open:
            self._deliver(self.stream, b"")

    def _read(self) -> bool:
        """One chunk to its receivers. False: nothing there (now, or ever)."""
        try:
            chunk = os.read(self._fd, CHUNK)
        except BlockingIOError:
            return False
        except OSError:  # EIO: the other end of the pty is closed by everybody
            chunk = b""
        if not chunk:
            self.close()
            return True
        if not self._deliver(self.stream, chunk):
            self.pause()
        return True

    def drain(self) -> None:
        """Everything that was written until now, whoever is slow."""
        while self.open and self._read():
            pass

    def close(self) -> None:
        if self.open:
            self.pause()
            self.open = False
            os.close(self._fd)


class Stdin:
    """The process's standard input: a pipe, or the pty's master (then borrowed)."""

    def __init__(self, loop: Loop, fd: int, emptied: Callable[[], None], *, owned: bool) -> None:
        self._loop = loop
        self._fd = fd
        self._emptied = emptied
        self._owned = owned
        self._outbox = Outbox()
        self._closing = False
        self._watched = -1
        self.open = True

    def write(self, data: bytes) -> bool:
        """Whether everything went; if not, the rest is kept and `emptied` will be called."""
        if not self.open or self._closing:
            return True
        if not self._outbox.size:
            data = data[self._try([data]) :]
        if not self.open or not data:
            return True
        self._outbox.push(data)
        self._watch()
        return False

    def close_when_written(self) -> None:
        self._closing = True
        if not self._outbox.size:
            self.close()

    def close(self) -> None:
        if not self.open:
            return
        self.open = False
        self._outbox.clear()
        self._unwatch()
        if self._owned:
            os.close(self._fd)

    def _try(self, parts: list[bytes] | list[bytes | memoryview]) -> int:
        try:
            return os.writev(self._fd, parts)
        except BlockingIOError:
            return 0
        except OSError:  # EPIPE: the process closed its stdin; EIO: its terminal
            self.close()
            return 0

    def _watch(self) -> None:
        if self._watched >= 0:
            return
        # The master of a pty is watched for reading as well, under its own number: wait on a duplicate.
        self._watched = os.dup(self._fd) if not self._owned else self._fd
        self._loop.watch(self._watched, WRITE, self._ready)

    def _unwatch(self) -> None:
        if self._watched < 0:
            return
        self._loop.forget(self._watched)
        if not self._owned:
            os.close(self._watched)
        self._watched = -1

    def _ready(self, _events: int) -> None:
        written = self._try(self._outbox.peek())
        if self.open:
            self._outbox.advance(written)
        if self.open and self._outbox.size:
            return
        if self.open:
            self._unwatch()
            if self._closing:
                self.close()
        self._emptied()
