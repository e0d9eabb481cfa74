"""TLS in front of a connection: what comes by TCP is decrypted into a socket pair, whose other end is served
like a client on the unix socket. So a hijacked connection is a plain socket for the monitor, as ever:

```
 client ── TLS ── Outer ── Inner ── socketpair ── Connection, later the monitor
```
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable

from sampan.wire.tls import Stream

HANDSHAKE_TIMEOUT = 10.0  # seconds
_log = logging.getLogger("sampan.api")


class _Half(asyncio.Protocol):
    """One of the two ends, which stops reading while the other cannot write."""

    _transport: asyncio.Transport | None = None

    def pause(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()


class Outer(_Half):
    """The client's side. `serve` gets the plain end as soon as the handshake is over."""

    def __init__(self, context: ssl.SSLContext, serve: Callable[[socket.socket], None]) -> None:
        self._stream = Stream(context, server=True)
        self._serve = serve
        self._inner = Inner(self)
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._timer = asyncio.get_running_loop().call_later(HANDSHAKE_TIMEOUT, transport.abort)

    def data_received(self, data: bytes) -> None:
        shaking = not self._stream.established
        try:
            plain = self._stream.receive(data)
        except ssl.SSLError as error:
            self._refuse(data if shaking else b"", error)
            return
        if shaking and self._stream.established:
            self._open()
        self._inner.write(plain)
        self.flush()
        if self._stream.ended:
            self._inner.end()

    def eof_received(self) -> bool:
        self._inner.end()
        return True  # what the daemon still has to say is sent

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._transport = None
        self._inner.close()

    def pause_writing(self) -> None:
        self._inner.pause()

    def resume_writing(self) -> None:
        self._inner.resume()

    def send(self, plain: bytes) -> None:
        self._stream.send(plain)
        self.flush()

    def end(self) -> None:
        """Nothing more will come from our side."""
        self._stream.close()
        self.flush()
        if self._transport is not None:
            self._transport.close()

    def flush(self) -> None:
        raw = self._stream.raw()
        if raw and self._transport is not None:
            self._transport.write(raw)

    def _open(self) -> None:
        self._stop_timer()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)
        theirs.setblocking(False)
        self._serve(theirs)
        self._task = asyncio.get_running_loop().create_task(self._join(ours))

    async def _join(self, ours: socket.socket) -> None:
        await asyncio.get_running_loop().connect_accepted_socket(lambda: self._inner, ours)

    def _refuse(self, first: bytes, error: ssl.SSLError) -> None:
        """The alert goes out. A client that speaks HTTP is told in HTTP, as Go's server does."""
        if first[:5].split(b" ")[0] in (b"GET", b"POST", b"HEAD", b"PUT", b"DELET"):
            text = "Client sent an HTTP request to an HTTPS server.\n"
            head = f"HTTP/1.0 400 Bad Request\r\nContent-Length: {len(text)}\r\n\r\n"
            if self._transport is not None:
                self._transport.write((head + text).encode())
        else:
            _log.info("TLS: %s", error)
            self.flush()
        if self._transport is not None:
            self._transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Inner(_Half):
    """Our end of the socket pair."""

    def __init__(self, outer: Outer) -> None:
        self._outer = outer
        self._early = b""
        self._ended = self._closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._closed:
            transport.abort()
            return
        if self._early:
            transport.write(self._early)
            self._early = b""
        if self._ended:
            transport.write_eof()

    def data_received(self, data: bytes) -> None:
        self._outer.send(data)

    def eof_received(self) -> bool:
        self._outer.end()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._outer.end()

    def pause_writing(self) -> None:
        self._outer.pause()

    def resume_writing(self) -> None:
        self._outer.resume()

    def write(self, plain: bytes) -> None:
        if self._transport is None:
            self._early += plain
        elif plain and not self._transport.is_closing():
            self._transport.write(plain)

    def end(self) -> None:
        """The client sends no more."""
        if not self._ended:
            self._ended = True
            if self._transport is not None and not self._transport.is_closing():
                self._transport.write_eof()

    def close(self) -> None:
        """The client is gone; what was written for the daemon is still delivered."""
        self._closed = True
        if self._transport is not None:
            self._transport.close()
