"""`tcp://` with TLS: the client gets one end of a socket pair, a thread speaks TLS with the daemon.

```
 client ── socketpair ── thread ── TLS ── daemon
```
So whoever streams has a socket that select(2) and shutdown(2) mean what they say for.
"""

from __future__ import annotations

import _socket
import _thread
import select
import ssl
from errno import EAGAIN, ECONNRESET, EPIPE

from sampan.errors import Unavailable
from sampan.wire import tls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sampan.client.hosts import Host

_READ_SIZE = 64 * 1024  # bytes
_AHEAD = 256 * 1024  # bytes that may wait in one direction


class Dialer:
    """`connect` opens the connection below."""

    def __init__(
        self, host: Host, context: ssl.SSLContext, connect: Callable[[Host], _socket.socket]
    ) -> None:
        self._host = host
        self._context = context
        self._connect = connect
        self._failure = ""

    def open(self) -> _socket.socket:
        """The plain end, when the handshake is over."""
        raw = self._connect(self._host)
        stream = tls.Stream(self._context, server=False, name=self._host.address)
        try:
            first = _shake(stream, raw)
        except OSError as error:
            raw.close()
            raise Unavailable(f"error during connect: {reason(error)}") from None
        ours, theirs = _pair()
        pump = _Pump(stream, raw, theirs, first)
        _thread.start_new_thread(self._run, (pump,))
        return ours

    def explain(self) -> str:
        """Why a connection ended early, if it was for TLS."""
        return self._failure

    def _run(self, pump: _Pump) -> None:
        try:
            pump.run()
        except OSError as error:  # the daemon wants another certificate: with TLS 1.3 that comes late
            self._failure = f"error during connect: {reason(error)}"
        finally:
            pump.close()


def reason(error: OSError) -> str:
    """In Go's words, where they are known."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"tls: failed to verify certificate: x509: {error.verify_message}"
    code = getattr(error, "reason", "") or ""
    if code in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"):
        return "http: server gave HTTP response to HTTPS client"
    if "ALERT" in code:
        words = code.partition("ALERT_")[2].replace("_", " ").lower() or code.lower()
        return f"remote error: tls: {words}"
    return str(error)


def _shake(stream: tls.Stream, raw: _socket.socket) -> bytes:
    stream.start()
    plain = b""
    while True:
        raw.sendall(stream.raw())
        if stream.established:
            return plain
        data = raw.recv(_READ_SIZE)
        if not data:
            raise OSError(ECONNRESET, "tls: the connection was closed in the middle of the handshake")
        plain += stream.receive(data)


def _pair() -> tuple[_socket.socket, _socket.socket]:
    kind = _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC
    return _socket.socketpair(_socket.AF_UNIX, kind)


class _Pump:
    """Both directions in one thread; neither waits for the other."""

    def __init__(self, stream: tls.Stream, raw: _socket.socket, plain: _socket.socket, first: bytes) -> None:
        self._stream = stream
        self._raw = raw
        self._plain = plain
        self._to_plain = first
        self._to_raw = b""
        self._plain_open = True  # our client may send more
        self._raw_open = True  # the daemon may send more
        raw.setblocking(False)
        plain.setblocking(False)

    def run(self) -> None:
        """Until both have said all, or our client has gone."""
        while self._raw_open or self._to_plain or self._to_raw:
            poll = select.poll()
            poll.register(self._plain.fileno(), self._plain_events())
            if events := self._raw_events():  # else it would be ready for ever, once it is closed
                poll.register(self._raw.fileno(), events)
            ready = dict(poll.poll())
            if ready.get(self._raw.fileno(), 0) & (select.POLLIN | select.POLLHUP | select.POLLERR):
                self._read_raw()
            events = ready.get(self._plain.fileno(), 0)
            if events & select.POLLIN:
                self._read_plain()
            elif events & (select.POLLHUP | select.POLLERR):
                return
            self._flush()

    def close(self) -> None:
        self._raw.close()
        self._plain.close()

    def _raw_events(self) -> int:
        read = select.POLLIN if self._raw_open and len(self._to_plain) < _AHEAD else 0
        return read | (select.POLLOUT if self._to_raw else 0)

    def _plain_events(self) -> int:
        read = select.POLLIN if self._plain_open and len(self._to_raw) < _AHEAD else 0
        return read | (select.POLLOUT if self._to_plain else 0)

    def _read_raw(self) -> None:
        try:
            data = self._raw.recv(_READ_SIZE)
        except BlockingIOError:
            return
        self._to_plain += self._stream.receive(data)
        if self._stream.ended or not data:
            self._raw_open = False

    def _read_plain(self) -> None:
        data = self._plain.recv(_READ_SIZE)
        if data:
            self._stream.send(data)
        else:
            self._plain_open = False
            self._stream.close()

    def _flush(self) -> None:
        self._to_raw = _send(self._raw, self._to_raw + self._stream.raw())
        self._to_plain = _send(self._plain, self._to_plain)
        if not self._raw_open and not self._to_plain:
            self._plain.shutdown(_socket.SHUT_WR)


def _send(socket: _socket.socket, data: bytes) -> bytes:
    """What is left of it. Who reads no more gets no more."""
    if not data:
        return data
    try:
        return data[socket.send(data, _socket.MSG_NOSIGNAL) :]
    except OSError as error:
        if error.errno == EAGAIN:
            return data
        if error.errno in (EPIPE, ECONNRESET):
            return b""
        raise
