"""The copy loop of run, attach, start and exec: our standard streams to and from a hijacked connection.

```
 stdin ──► pending ──► socket ──► (raw | 8-byte frames) ──► stdout, stderr
```
Neither direction may wait for the other: a container that is not read from stops reading.
"""

from __future__ import annotations

import posix
import select
from _socket import MSG_DONTWAIT, SHUT_WR
from errno import ECONNRESET, EIO, ENOTCONN, EPIPE

from sampan.cli import console
from sampan.errors import Internal
from sampan.wire import stdcopy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket

_READ_SIZE = 128 * 1024  # bytes
_GONE = (ECONNRESET, EPIPE, ENOTCONN)


class Streams:
    """One session. `tty`: the connection carries a terminal's bytes, else framed ones. `stdin`: ours is
    sent.
    """

    def __init__(
        self, connection: socket, *, tty: bool, stdin: bool, watch: DetachKeys | None = None
    ) -> None:
        self._socket = connection
        self._frames = None if tty else stdcopy.Demultiplexer()
        self._stdin = stdin
        self._watch = watch
        self._pending = b""

    def run(self, first: bytes = b"") -> None:
        """Copy until the other side ends; `first` are bytes that came with the head of the response."""
        if first:
            self._show(first)
        if not self._stdin:
            self._receive_all()
            return
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLIN)
        poll.register(console.STDIN, select.POLLIN)
        while True:
            for descriptor, events in poll.poll():
                if descriptor == console.STDIN:
                    self._read_stdin(poll)
                elif events & select.POLLOUT and not events & ~select.POLLOUT:
                    self._send(poll)
                elif not self._receive():
                    return

    def _receive_all(self) -> None:
        while self._receive():
            pass

    def _receive(self) -> bool:
        try:
            data = self._socket.recv(_READ_SIZE)
        except OSError as error:
            if error.errno in _GONE:
                return False
            raise
        if data:
            self._show(data)
        return bool(data)

    def _show(self, data: bytes) -> None:
        if self._frames is None:
            console.write(console.STDOUT, data)
            return
        try:
            show_frames(self._frames, data)
        except stdcopy.FramingError as error:
            raise Internal(str(error)) from None

    def _read_stdin(self, poll: select.poll) -> None:
        try:
            data = posix.read(console.STDIN, _READ_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != EIO:  # the terminal hung up, or we are in its background
                raise
            data = b""
        poll.unregister(console.STDIN)
        if not data:
            self._stdin = False
        elif self._watch is not None:
            self._watch.feed(data)
        self._pending = data
        self._send(poll)

    def _send(self, poll: select.poll) -> None:
        """Send what is pending; then listen to stdin again, or tell the other side that nothing more will
        come.
        """
        try:
            while self._pending:
                self._pending = self._pending[self._socket.send(self._pending, MSG_DONTWAIT) :]
            if not self._stdin:
                self._socket.shutdown(SHUT_WR)
        except BlockingIOError:
            poll.modify(self._socket.fileno(), select.POLLIN | select.POLLOUT)
            return
        except OSError as error:
            if error.errno not in _GONE:
                raise
            self._stdin = False  # nobody reads; what was written is still to come
            self._pending = b""
        poll.modify(self._socket.fileno(), select.POLLIN)
        if self._stdin:
            poll.register(console.STDIN, select.POLLIN)


def show_frames(frames: stdcopy.Demultiplexer, data: bytes) -> None:
    """Write framed output to stdout and stderr; neighbours of one stream in one go."""
    stream = stdcopy.STDOUT
    run: list[bytes] = []
    for kind, piece in frames.feed(data):
        if kind == stdcopy.SYSTEM_ERROR:
            raise Internal(f"error from daemon in stream: {piece.decode('utf-8', 'replace')}")
        if kind != stream and run:
            console.write(stream, b"".join(run))
            run = []
        stream = kind
        run.append(piece)
    if run:
        console.write(stream, run[0] if len(run) == 1 else b"".join(run))


class DetachKeys:
    """Remembers whether the detach keys were the last thing typed. The daemon acts on them; we only
    have to know, when the stream ends, that the container lives on."""

    DEFAULT = "ctrl-p,ctrl-q"

    def __init__(self, keys: str) -> None:
        self._sequence = bytes(_key(name) for name in (keys or self.DEFAULT).split(","))
        self._tail = b""

    def feed(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-len(self._sequence) :]

    def typed(self) -> bool:
        return self._tail == self._sequence


def _key(name: str) -> int:
    """`a`, or `ctrl-x` with x in a-z and @[\\]^_ (moby/term, ToBytes)."""
    if len(name) == 1:
        return ord(name) & 0x7F
    letter = name.lower().removeprefix("ctrl-")
    if len(letter) != 1 or letter == name or not ("a" <= letter <= "z" or letter in "@[\\]^_"):
        raise Internal(f"invalid detach keys: Unknown character: '{name}'")
    return ord(letter.upper()) & 0x1F
