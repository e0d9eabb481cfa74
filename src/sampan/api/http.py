"""HTTP/1.1 for the Engine API: an `asyncio.Protocol` over httptools.

The head of a request is gathered here up to its empty line and only then given to the parser, so that
its length is known: whatever follows is body, by Content-Length or by chunks, and after that either
the next request or, when the handler hijacks the connection, the caller's own byte stream. Requests
of one connection are answered one after the other (RFC 9112 section 9.3.2); a client that sends ahead
is held back by TCP, not by our memory.
"""

import asyncio
import os
import select
import socket
import ssl
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

import httptools

from sampan.api.messages import Answer, Hijacked, Request, Response, Stream
from sampan.api.tls import Outer
from sampan.errors import InvalidArgument

HEAD_LIMIT = 64 * 1024
HEAD_TIMEOUT = 30.0  # seconds from the first byte of a head to its last
_LEFT_LIMIT = 256 * 1024  # bytes of a body that nobody wanted, taken so that the connection can be used again
_LINGER = 2.0  # seconds for a client to read the last answer while it is still sending

REASONS = {
    100: "Continue", 101: "UPGRADED", 200: "OK", 201: "Created", 204: "No Content", 304: "Not Modified",
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    409: "Conflict", 413: "Request Entity Too Large", 415: "Unsupported Media Type",
    431: "Request Header Fields Too Large", 499: "Client Closed Request", 500: "Internal Server Error",
    501: "Not Implemented", 503: "Service Unavailable",
}  # fmt: skip


class _HeadParser:
    """Callbacks of httptools for one message."""

    def __init__(self, on_body: Callable[[bytes], None], on_complete: Callable[[], None]) -> None:
        self.on_body = on_body
        self.on_message_complete = on_complete
        self.method = ""
        self.path = ""
        self.query = ""
        self.http_version = "1.1"
        self.keep_alive = True
        self.headers: dict[str, str] = {}
        self._url = b""
        self.parser = httptools.HttpRequestParser(self)

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        self.method = self.parser.get_method().decode("ascii")
        self.http_version = self.parser.get_http_version()
        self.keep_alive = self.parser.should_keep_alive()
        url = httptools.parse_url(self._url)
        self.path = (url.path or b"/").decode("latin-1")
        self.query = (url.query or b"").decode("latin-1")


class Connection(asyncio.Protocol):
    """One client: bytes → Request → handler → bytes, until either side closes."""

    def __init__(self, server: "Server", *, check_origin: bool) -> None:
        self._server = server
        self._check_origin = check_origin
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._message: _HeadParser | None = None
        self._request: Request | None = None
        self._remaining = 0  # bytes of a body with Content-Length
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False
        self._writable: asyncio.Future[None] | None = None
        self._hijacked = False
        self._closing = False
        self._lingering = False

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        self._stop_timer()
        self._transport = None
        if self._writable is not None and not self._writable.done():
            self._writable.set_exception(ConnectionResetError("client went away"))
        if self._hijacked or self._request is None:
            return
        if not self._request.body.ended:
            self._request.body.fail(InvalidArgument("unexpected EOF"))
        if self._task is not None and self._request.cancellable:
            self._task.cancel()

    def eof_received(self) -> bool:
        """The client will send no more. One that is gone altogether (POLLHUP) ends the request; one that
        only shut down its sending side still gets its answer."""
        if self._request is None or self._transport is None:
            return False
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), 0)
        if any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0)):
            return False
        if not self._request.body.ended:
            self._request.body.fail(InvalidArgument("unexpected EOF"))
        self._request.keep_alive = False
        return True

    def data_received(self, data: bytes) -> None:
        if self._lingering:
            return
        if self._message is not None:
            self._feed_body(data)
            return
        self._buffer += data
        if self._request is None:
            self._next_head()
        elif len(self._buffer) > HEAD_LIMIT:
            self.pause()

    def pause_writing(self) -> None:
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    # Reading.

    def _next_head(self) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or end > HEAD_LIMIT:
            if len(self._buffer) > HEAD_LIMIT:
                self._refuse(431, "request header too large")
            elif self._buffer and self._timer is None:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(HEAD_TIMEOUT, self._abort)
            return
        self._stop_timer()
        head = bytes(self._buffer[: end + 4])
        del self._buffer[: end + 4]
        self._start_message(head)

    def _start_message(self, head: bytes) -> None:
        message = _HeadParser(self._on_body, self._on_complete)
        self._message = message
        try:
            message.parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            pass
        except (httptools.HttpParserError, httptools.HttpParserInvalidURLError):
            self._refuse(400, "malformed HTTP request")
            return
        if not message.method:  # the empty line belonged to something that is no head
            self._refuse(400, "malformed HTTP request")
            return
        request = Request(self, message)
        self._request = request
        self._remaining = int(message.headers.get("content-length") or 0)
        if self._check_origin and not _same_site(request):
            self._refuse(403, "requests from another site are refused")
            return
        if not self._remaining and "chunked" not in message.headers.get("transfer-encoding", "").lower():
            self._on_complete()
        early = bytes(self._buffer)
        self._buffer.clear()
        if early:
            self.data_received(early)
        self._task = asyncio.get_running_loop().create_task(self._serve(request))

    def _feed_body(self, data: bytes) -> None:
        """Everything that comes before the message is complete. A body by length is cut exactly; behind the
        last chunk nothing may follow, because the parser could not tell us where it stopped."""
        assert self._message is not None and self._request is not None
        if self._remaining:
            piece, rest = data[: self._remaining], data[self._remaining :]
            self._remaining -= len(piece)
            self._request.body.feed(piece)
            if not self._remaining:
                self._on_complete()
                self._buffer += rest
            return
        try:
            self._message.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._buffer += data[int(upgrade.args[0]) :]
        except httptools.HttpParserError:
            self._request.keep_alive = False
            self._request.body.fail(InvalidArgument("malformed chunked body"))
            self._message = None

    def _on_body(self, data: bytes) -> None:
        if self._request is not None:
            self._request.body.feed(data)

    def _on_complete(self) -> None:
        if self._request is not None and self._message is not None:
            self._message = None
            self._request.body.end()

    def pause(self) -> None:
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # Answering.

    async def _serve(self, request: Request) -> None:
        try:
            answer = await self._server.handler(request)
            if isinstance(answer, Response):
                await request.body.drop(_LEFT_LIMIT, _LINGER)
                self._send_whole(request, answer)
            elif isinstance(answer, Stream):
                await self._send_stream(request, answer)
        except (asyncio.CancelledError, ConnectionError):
            self._closing = True
        finally:
            self._finish(request)

    def _finish(self, request: Request) -> None:
        self._request = self._task = None
        if self._hijacked or self._transport is None:
            return
        if self._closing or not request.keep_alive or not request.body.ended or request.upgrade:
            if request.body.ended:
                self._transport.close()
            else:
                self._linger()
            return
        self.resume()
        if self._buffer:
            self._next_head()
        elif self._server.closing:
            self._transport.close()

    def _linger(self) -> None:
        """Close, but not on a client that is still sending: it would get EPIPE or a reset in place of the
        answer (RFC 9112 section 9.6)."""
        assert self._transport is not None
        self._lingering = True
        self._stop_timer()
        self._transport.write_eof()
        self.resume()
        self._timer = asyncio.get_running_loop().call_later(_LINGER, self._abort)

    def _head(self, request: Request, status: int, headers: list[tuple[str, str]]) -> bytes:
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in (*self._server.headers, *headers)]
        if not request.keep_alive or not request.body.ended or self._closing or request.upgrade:
            lines.append("Connection: close")
        elif request.http_version == "1.0":
            lines.append("Connection: keep-alive")
        lines.append(f"Date: {_http_date(int(time.time()))}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _send_whole(self, request: Request, answer: Response) -> None:
        headers = list(answer.headers)
        if answer.status not in (204, 304):
            if answer.body or request.method == "HEAD":
                headers.append(("Content-Type", answer.content_type))
            headers.append(("Content-Length", str(len(answer.body))))
        body = b"" if request.method == "HEAD" else answer.body
        self.write(self._head(request, answer.status, headers) + body)

    async def _send_stream(self, request: Request, answer: Stream) -> None:
        chunked = request.http_version != "1.0"
        if not chunked:
            request.keep_alive = False
        headers = [("Content-Type", answer.content_type), *answer.headers]
        if chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        self.write(self._head(request, answer.status, headers))
        try:
            async for piece in answer.chunks:
                if piece:
                    self.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                    await self.drain()
            if chunked:
                self.write(b"0\r\n\r\n")
        finally:
            if (close := getattr(answer.chunks, "aclose", None)) is not None:
                await close()

    def _refuse(self, status: int, message: str) -> None:
        """An answer to something that is no request; nothing behind it can be trusted."""
        self._message = None
        if self._transport is not None:
            body = b'{"message":"%b"}\n' % message.encode()
            head = (
                f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            self._transport.write(head.encode() + body)
            self._linger()
        self._request = None

    def write(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("client went away")
        self._transport.write(data)

    async def drain(self) -> None:
        if self._writable is not None:
            await self._writable

    async def hijack(self, request: Request, content_type: str, answer: str) -> Hijacked:
        if self._transport is None:
            raise ConnectionResetError("client went away")
        self.pause()
        if answer:
            head = answer
        elif request.upgrade:
            head = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        else:
            head = "HTTP/1.1 200 OK\r\n"
        if content_type:
            head += f"Content-Type: {content_type}\r\n"
        extra = "".join(f"{name}: {value}\r\n" for name, value in self._server.headers)
        self._transport.set_write_buffer_limits(high=0)
        self.write((head + extra + "\r\n").encode("latin-1"))
        await self.drain()
        # socket.socket.dup() sets O_CLOEXEC; closing the transport closes only its own descriptor and,
        # unlike shutdown(2), leaves the connection alone.
        own = self._transport.get_extra_info("socket")
        stream = socket.socket(own.family, own.type, own.proto, fileno=os.dup(own.fileno()))
        stream.setblocking(False)
        self._hijacked = True
        early = bytes(self._buffer)
        self._buffer.clear()
        self._transport.close()
        return Hijacked(stream, early)

    def peer(self) -> int | None:
        """The process at the other end of a unix socket (unix(7), SO_PEERCRED); None on TCP."""
        own = self._transport.get_extra_info("socket") if self._transport is not None else None
        if own is None or own.family != socket.AF_UNIX:
            return None
        credentials = own.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return int.from_bytes(credentials[:4], sys.byteorder)

    def close(self) -> None:
        """End an idle connection; one with a request ends after its answer."""
        if self._request is None:
            self._abort()
        elif self._request.cancellable and self._task is not None:
            self._task.cancel()
        self._closing = True


def _same_site(request: Request) -> bool:
    """False for what a browser sends on behalf of a page elsewhere, and for names that were rebound to
    us: DNS rebinding needs a name, so only localhost and address literals may be in Host."""
    if "origin" in request.headers or request.headers.get("sec-fetch-site", "none") == "cross-site":
        return False
    host = request.headers.get("host", "").lower()
    name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    return name in ("localhost", "") or all(part.isdigit() for part in name.split(".")) or ":" in name


_DATE: list[Any] = [0, ""]  # the last second that was spelled out


def _http_date(now: int) -> str:
    if _DATE[0] != now:
        _DATE[:] = [now, time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(now))]
    return str(_DATE[1])


class Server:
    """Listening sockets and their connections. `handler` answers a request and never raises."""

    def __init__(
        self,
        handler: Callable[[Request], Coroutine[Any, Any, Answer]],
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.handler = handler
        self.headers = headers
        self.connections: set[Connection] = set()
        self.closing = False
        self._listening: list[asyncio.Server] = []

    async def listen(self, listener: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Serve an already bound socket, on TCP with `tls`; there, requests of web pages are refused, unless
        every client has to have a certificate."""
        loop = asyncio.get_running_loop()
        tcp = listener.family != socket.AF_UNIX and (tls is None or tls.verify_mode != ssl.CERT_REQUIRED)

        def connection() -> Connection:
            return Connection(self, check_origin=tcp)

        tasks: set[asyncio.Task[Any]] = set()

        def decrypted(plain: socket.socket) -> None:
            task = loop.create_task(loop.connect_accepted_socket(connection, plain))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        if listener.family != socket.AF_UNIX:
            factory = connection if tls is None else (lambda: Outer(tls, decrypted))
            self._listening.append(await loop.create_server(factory, sock=listener, backlog=1024))
        else:
            self._listening.append(await loop.create_unix_server(connection, sock=listener, backlog=1024))

    async def close(self) -> None:
        """Take no more connections, drop idle ones, give running requests three seconds."""
        self.closing = True
        for server in self._listening:
            server.close()
        for connection in list(self.connections):
            connection.close()
        tasks = [task for c in list(self.connections) if (task := c._task) is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=3)
