"""What passes between the HTTP server and the handlers: a request with its body, and three answers."""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple, Protocol

from sampan.errors import InvalidArgument, SampanError

JSON_LIMIT = 16 * 1024 * 1024
BODY_WINDOW = 512 * 1024  # bytes of a request body held in memory before reading pauses


class Head(Protocol):
    """A parsed request head; `path` is as it came, still percent-encoded."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    http_version: str
    keep_alive: bool


class Wire(Protocol):
    """The connection as a request sees it."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def write(self, data: bytes) -> None: ...
    async def hijack(self, request: "Request", content_type: str, answer: str) -> "Hijacked": ...
    def peer(self) -> int | None: ...


class TooLarge(SampanError):
    """A body over the limit: 413. Not one of the nine kinds, because only HTTP knows it."""


class Response(NamedTuple):
    """A whole answer. Content-Length is added."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class Stream(NamedTuple):
    """An answer that is sent piece by piece, as chunks; each piece leaves at once."""

    chunks: AsyncIterator[bytes]
    content_type: str = "application/json"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


class Hijacked(NamedTuple):
    """The caller's own connection, after the head of our answer. `early`: bytes already read from it."""

    stream: socket.socket
    early: bytes


class Body:
    """A request's body as it arrives; reading from the socket pauses while nobody takes it."""

    def __init__(self, connection: "Wire", *, expects_continue: bool) -> None:
        self._connection = connection
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._expects_continue = expects_continue

    @property
    def ended(self) -> bool:
        return self._ended

    def feed(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        if self._size > BODY_WINDOW:
            self._connection.pause()
        self._wake()

    def end(self) -> None:
        self._ended = True
        self._wake()

    def fail(self, error: Exception) -> None:
        self._failure = error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def read(self) -> bytes:
        """The next piece, of any length; b"" at the end. Raises InvalidArgument when the client broke off."""
        while not self._pieces:
            if self._failure is not None:
                raise self._failure
            if self._ended:
                return b""
            if self._expects_continue:
                self._expects_continue = False
                self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._connection.resume()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        piece = self._pieces.popleft()
        self._size -= len(piece)
        if self._size <= BODY_WINDOW:
            self._connection.resume()
        return piece

    async def whole(self, limit: int = JSON_LIMIT) -> bytes:
        """All of it. Raises TooLarge beyond `limit` bytes."""
        pieces: list[bytes] = []
        size = 0
        while piece := await self.read():
            size += len(piece)
            if size > limit:
                raise TooLarge(f"request body is larger than {limit} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    async def drop(self, limit: int, patience: float) -> None:
        """Take what is left of a body that nobody wanted, up to `limit` bytes and for `patience` seconds; a
        body that waits for "100 Continue" is not asked for."""
        taken = 0
        if self._ended or self._failure is not None or self._expects_continue:
            return
        with contextlib.suppress(TimeoutError, InvalidArgument):
            async with asyncio.timeout(patience):
                while taken <= limit and (piece := await self.read()):
                    taken += len(piece)


class Request:
    """One request. `version`, `parameters` and `cancellable` are filled in by the router."""

    __slots__ = (
        "body", "cancellable", "connection", "headers", "http_version", "keep_alive", "method",
        "parameters", "path", "query", "upgrade", "version",
    )  # fmt: skip

    def __init__(self, connection: "Wire", head: "Head") -> None:
        self.connection = connection
        self.method = head.method
        self.path = head.path
        self.query = head.query
        self.headers = head.headers
        self.http_version = head.http_version
        self.keep_alive = head.keep_alive
        self.upgrade = "upgrade" in self.headers and "upgrade" in self.headers.get("connection", "").lower()
        expects = self.headers.get("expect", "").lower() == "100-continue"
        self.body = Body(connection, expects_continue=expects)
        self.version = (1, 51)
        self.parameters: dict[str, str] = {}
        self.cancellable = True

    async def hijack(self, content_type: str = "", answer: str = "") -> Hijacked:
        """Answer 101 (or 200 to a client that did not ask for an upgrade) and take the connection away
        from HTTP. The caller owns the socket. `content_type` tells raw from multiplexed framing.

        `answer`: the head of another protocol's handshake, instead."""
        return await self.connection.hijack(self, content_type, answer)


Answer = Response | Stream | None  # None: the handler hijacked the connection
Handler = Callable[[Request], Awaitable[Answer]]
