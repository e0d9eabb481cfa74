"""A container's output on its way to syslog or journald.

*Lonely.* A server may be slow, or gone; so a child of the monitor does the talking, and may block. Between
them is a socket pair and a bounded buffer. When that is full, the container's output waits (`blocking`, as
in Docker), or what it writes meanwhile is counted and not sent. A child that died is replaced with the next
line.
"""

import os
import select
import time
from _socket import MSG_DONTWAIT, MSG_NOSIGNAL, socket
from collections.abc import Callable

from sampan.runtime import channel, syslog
from sampan.runtime.monitor_loop import WRITE, Loop
from sampan.runtime.protocol import Forward
from sampan.runtime.streams import STDERR, STDOUT, Outbox, frame_header

_LINE_LIMIT = 16 * 1024  # bytes (moby copier.go)
_AGAIN = 1.0  # seconds between two attempts to replace the child
_LAST = 2.0  # seconds for what is left when the container has ended


class Forwarder:
    """`resumed`: called when a full buffer has room again."""

    def __init__(self, loop: Loop, forward: Forward, resumed: Callable[[], None]) -> None:
        self._loop = loop
        self._forward = forward
        self._resumed = resumed
        self._rest = {STDOUT: b"", STDERR: b""}
        self._outbox = Outbox()
        self._socket: socket | None = None
        self._watched = False
        self._tried = -_AGAIN
        self._children: list[int] = []
        self._lost = 0  # messages that there was no room for

    @property
    def full(self) -> bool:
        """The container has to wait."""
        return self._forward.blocking and self._crowded and self._socket is not None

    @property
    def _crowded(self) -> bool:
        return self._outbox.size >= self._forward.limit

    def write(self, stream: int, chunk: bytes) -> None:
        """An empty chunk: that stream has ended."""
        text = self._rest[stream] + chunk
        if chunk:
            lines = text.split(b"\n")
            self._rest[stream] = lines.pop()
        else:
            lines, self._rest[stream] = [text], b""
        for line in lines:
            self._line(stream, line)
        while len(self._rest[stream]) >= _LINE_LIMIT:
            self._line(stream, self._rest[stream][:_LINE_LIMIT])
            self._rest[stream] = self._rest[stream][_LINE_LIMIT:]
        self._send()

    def close(self) -> None:
        """The container has ended: what the child has it sends, with some patience of its own."""
        for stream, rest in self._rest.items():
            if rest:
                self._line(stream, rest)
        self._send()
        deadline = time.monotonic() + _LAST
        while self._socket is not None and self._outbox.size and (left := deadline - time.monotonic()) > 0:
            poll = select.poll()
            poll.register(self._socket, select.POLLOUT)
            poll.poll(left * 1000)
            self._send()
        self._end()

    def _line(self, stream: int, line: bytes) -> None:
        for start in range(0, len(line), _LINE_LIMIT):
            self._put(stream, line[start : start + _LINE_LIMIT])

    def _put(self, stream: int, message: bytes) -> None:
        if (self._socket is None and not self._begin()) or (self._crowded and not self._forward.blocking):
            self._lost += 1
        else:
            if self._lost:
                note = b"%d messages were not sent: the log server is too slow, or gone" % self._lost
                self._outbox.push(frame_header(STDERR, len(note)) + note)
                self._lost = 0
            self._outbox.push(frame_header(stream, len(message)) + message)

    def _begin(self) -> bool:
        now = time.monotonic()
        if now - self._tried < _AGAIN:
            return False
        self._tried = now
        ours, theirs = channel.pair()
        self._reap()
        pid = os.fork()
        if pid == 0:
            syslog.send_and_exit(theirs, self._forward)
        self._children.append(pid)
        theirs.close()
        self._socket = ours
        return True

    def _send(self) -> None:
        was_full = self.full
        while self._socket is not None and (parts := self._outbox.peek()):
            try:
                # One packet is one message: SOCK_SEQPACKET keeps them apart.
                self._socket.send(parts[0], MSG_DONTWAIT | MSG_NOSIGNAL)
            except BlockingIOError:
                break
            except OSError:  # EPIPE: the child has ended
                self._end()
                break
            self._outbox.advance(len(parts[0]))
        self._watch()
        if was_full and not self.full:
            self._resumed()

    def _watch(self) -> None:
        wanted = self._socket is not None and self._outbox.size > 0
        if self._socket is not None and wanted is not self._watched:
            self._watched = wanted
            if wanted:
                self._loop.watch(self._socket.fileno(), WRITE, lambda _events: self._send())
            else:
                self._loop.forget(self._socket.fileno())

    def _end(self) -> None:
        if self._socket is not None:
            self._loop.forget(self._socket.fileno())
            self._socket.close()
        self._socket, self._watched = None, False
        self._outbox.clear()
        self._reap()

    def _reap(self) -> None:
        self._children = [pid for pid in self._children if os.waitpid(pid, os.WNOHANG)[0] == 0]
