"""One attached client: its own socket, written to directly.

*Lonely.* Output goes out as far as the socket takes it; the rest waits in an `Outbox`. When that holds
more than `SLOW` bytes the process's output is not read any more until the client has caught up (Docker
28: container/stream/bytespipe, blockThreshold); a client whose connection breaks is dropped.

That holds for clients that were there at the start: `docker run … | gzip` must lose nothing. Who attached
later is a `spectator` and holds nothing up: what does not fit is left out, and a line says how much it was.

At the end the writing half is shut down and the client gets `LINGER` seconds to close its own: closing a
unix socket with unread bytes in it would make the client see ECONNRESET in place of the end.
"""

from _socket import MSG_DONTWAIT, MSG_NOSIGNAL, SHUT_WR, socket

from sampan.runtime.monitor_loop import GONE, HALF_CLOSED, READ, WRITE, Loop, Timer
from sampan.runtime.protocol import Attach
from sampan.runtime.streams import STDERR, STDOUT, DetachScanner, Outbox, frame_header, parse_keys

SLOW = 1_000_000  # bytes
LINGER = 10.0  # seconds
CHUNK = 64 * 1024
_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL


class Owner:
    """What a session asks of the process that it is attached to."""

    def typed(self, data: bytes) -> bool:
        """Bytes for stdin. False: full; ask again after `drained`."""
        raise NotImplementedError

    def input_ended(self, session: "Session") -> None:
        """The client will not type any more."""
        raise NotImplementedError

    def caught_up(self) -> None:
        """A slow client is not slow any more."""
        raise NotImplementedError

    def left(self, session: "Session", *, by_keys: bool) -> None:
        """The client went away, or typed its detach keys, before the output ended."""
        raise NotImplementedError


class Session:
    def __init__(
        self,
        loop: Loop,
        attach: Attach,
        stream: int,
        owner: Owner,
        *,
        terminal: bool,
        spectator: bool = False,
    ) -> None:
        self.attach = attach
        self._spectator = spectator
        self._missed = 0  # bytes, since the last line that told
        self._loop = loop
        self._owner = owner
        self._socket = socket(fileno=stream)
        self._outbox = Outbox()
        self._scanner = DetachScanner(parse_keys(attach.detach_keys) if terminal else b"")
        self._plain = attach.framing == "raw"
        self._reading = True
        self._input_over = False
        self._ending: Timer | None = None  # set once the output has ended
        self.closed = False

    def begin(self) -> None:
        """Take what came early, and start to listen. Separate, since the owner must know us first."""
        if self.attach.early and self.attach.stdin:
            self._typed(self.attach.early.encode("latin-1"))
        self._rewatch()

    @property
    def slow(self) -> bool:
        return not self._spectator and self._crowded and not self.closed

    @property
    def _crowded(self) -> bool:
        return self._outbox.size > SLOW

    def wants(self, stream: int) -> bool:
        if stream == STDERR:
            return self.attach.stderr
        return self.attach.stdout if stream == STDOUT else False

    def deliver(self, stream: int, chunk: bytes) -> None:
        if self.closed or self._ending is not None:
            return
        if self._spectator and self._crowded:
            self._missed += len(chunk)
            return
        parts = [chunk] if self._plain else [frame_header(stream, len(chunk)), chunk]
        if self._outbox.size:
            for part in parts:
                self._outbox.push(part)
            return
        sent = self._send(parts)
        if self.closed:
            return
        for part in parts:
            if sent < len(part):
                self._outbox.push(memoryview(part)[sent:] if sent else part)
                sent = 0
            else:
                sent -= len(part)
        if self._outbox.size:
            self._rewatch()

    def finish(self) -> None:
        """The output has ended: drain, shut down, let the client close."""
        if self.closed or self._ending is not None:
            return
        self._tell_missed()
        self._ending = self._loop.after(LINGER, self.close)
        self._reading = not self._input_over
        self._settle()

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._loop.cancel(self._ending)
        self._loop.forget(self._socket.fileno())
        self._outbox.clear()
        self._socket.close()

    def abandon(self) -> None:
        """End now, telling the client: detached."""
        if not self.closed:
            self._shut_down()
            self.close()

    def pause(self) -> None:
        """Stdin is full: leave what the client types where it is."""
        self._reading = False
        self._rewatch()

    def resume(self) -> None:
        if not self.closed and not self._reading:
            self._reading = True
            self._rewatch()

    # -- events ------------------------------------------------------------------------------------

    def _rewatch(self) -> None:
        if self.closed:
            return
        events = (READ if self._reading else 0) | (WRITE if self._outbox.size else 0)
        if events:
            self._loop.watch(self._socket.fileno(), events, self._ready)
        else:
            self._loop.forget(self._socket.fileno())

    def _ready(self, events: int) -> None:
        if events & WRITE:
            self._flush()
        if not self.closed and self._reading and events & (READ | GONE | HALF_CLOSED):
            self._read(gone=bool(events & GONE))

    def _flush(self) -> None:
        was_slow = self.slow
        parts = self._outbox.peek()
        if parts:
            self._outbox.advance(self._send(parts))
        if self.closed:
            return
        if not self._outbox.size:
            self._tell_missed()
        if not self._outbox.size:
            self._settle()
        if was_slow and not self.slow:
            self._owner.caught_up()

    def _tell_missed(self) -> None:
        if not self._missed:
            return
        ending = b"\r\n" if self._plain else b"\n"
        told = b"%d bytes of output were skipped: they were read too slowly" % self._missed
        self._missed = 0
        line = ending + b"[sampan: " + told + b"]" + ending
        if not self._plain:
            self._outbox.push(frame_header(STDERR, len(line)))
        self._outbox.push(line)
        self._rewatch()

    def _read(self, *, gone: bool) -> None:
        try:
            data = self._socket.recv(CHUNK, MSG_DONTWAIT)
        except BlockingIOError:
            if gone:
                self._lost()
            return
        except OSError:
            self._lost()
            return
        if not data:
            self._input_ended(gone=gone)
        elif self._ending is None and self.attach.stdin:
            self._typed(data)

    def _typed(self, data: bytes) -> None:
        typed, detached = self._scanner.feed(data)
        if typed and not self._owner.typed(typed):
            self.pause()
        if detached:
            self.abandon()
            self._owner.left(self, by_keys=True)

    def _input_ended(self, *, gone: bool) -> None:
        """The client shut down its half, or closed: for a unix socket the latter shows as `gone`."""
        self._input_over = True
        self._reading = False
        if self._ending is None and self.attach.stdin:
            if rest := self._scanner.rest():
                self._owner.typed(rest)
            self._owner.input_ended(self)
        if gone:
            self._lost()
        else:
            self._settle()

    def _settle(self) -> None:
        """With nothing left to write after the end: say so, and close if the client has said so too."""
        if self._ending is not None and not self._outbox.size:
            self._shut_down()
            if self._input_over:
                self.close()
        self._rewatch()

    def _lost(self) -> None:
        if self.closed:
            return
        ending = self._ending
        self.close()
        if ending is None:
            self._owner.left(self, by_keys=False)
        self._owner.caught_up()

    def _send(self, parts: list[bytes | memoryview] | list[bytes]) -> int:
        try:
            return self._socket.sendmsg(parts, [], _FLAGS)
        except BlockingIOError:
            return 0
        except OSError:
            self._lost()
            return 0

    def _shut_down(self) -> None:
        try:
            self._socket.shutdown(SHUT_WR)
        except OSError:  # ENOTCONN: gone already
            self.close()
