"""One daemon, spoken to over its socket: requests out, answers in, streams taken over.

Requests go without a version prefix unless DOCKER_API_VERSION asks for one: every daemon then
answers in its own newest version, and nothing has to be negotiated. `_socket` is the C module below
`socket`, whose import costs as much as the whole of a `ps` (it needs enum, selectors and os).
"""

from __future__ import annotations

import _socket
from errno import EACCES, ECONNREFUSED, ECONNRESET, EINTR, ENOENT, EPERM, EPIPE

from sampan.client import errors
from sampan.errors import Forbidden, InvalidArgument, Unavailable
from sampan.wire import http, json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any, Protocol

    from sampan.client.hosts import Host

    class Dialer(Protocol):
        """Another way to a daemon than its plain socket."""

        def open(self) -> _socket.socket: ...

        def explain(self) -> str:
            """Why the last connection ended without an answer; "": nobody knows."""

    Headers = Sequence[tuple[str, str]]

READ_SIZE = 64 * 1024  # bytes
_JSON = ("Content-Type", "application/json")
_UPGRADE = (("Connection", "Upgrade"), ("Upgrade", "tcp"))


class Client:
    """A daemon. Holds at most one idle connection; any number may be in use.

    `start` is called once when nobody listens; it starts a daemon or raises. `headers` go with every
    request.
    """

    def __init__(
        self,
        host: Host,
        version: str = "",
        start: Callable[[], None] | None = None,
        *,
        dialer: Dialer | None = None,
        headers: Headers = (),
    ) -> None:
        self.host = host
        self._dialer = dialer
        self._headers = headers
        self._version = version
        self._prefix = f"/v{version.removeprefix('v')}" if version else ""
        self._start = start
        self._idle: _socket.socket | None = None

    def call(self, method: str, target: str, body: Any = None, headers: Headers = ()) -> Any:
        """Send a request with a JSON body, wait for the whole answer, return it decoded (None: it was
        empty).
        """
        return self.send(method, target, body, headers).result()

    def send(self, method: str, target: str, body: Any = None, headers: Headers = ()) -> Exchange:
        """Send a request; the answer is read through the Exchange, now or later."""
        data = b"" if body is None else json.dumpb(body)
        if body is not None:
            headers = (_JSON, *headers)
        socket = self._connect()
        _send(socket, http.request(method, self._prefix + target, (*self._headers, *headers), data))
        return Exchange(self, socket, method)

    def upload(self, method: str, target: str, body: Iterable[bytes], headers: Headers = ()) -> Exchange:
        """Send a request whose body comes in pieces, chunked."""
        socket = self._connect()
        chunked = ("Transfer-Encoding", "chunked")
        head = http.request(method, self._prefix + target, (*self._headers, *headers, chunked))
        try:
            socket.sendall(head)
            for piece in body:
                if piece:
                    socket.sendall(http.chunk(piece))
            socket.sendall(http.chunk(b""))
        except OSError as error:
            if error.errno not in (EPIPE, ECONNRESET):  # else the daemon gave up reading; its answer says why
                raise
        return Exchange(self, socket, method)

    def upgrade(self, target: str, body: Any = None) -> Exchange:
        """Ask the daemon to turn the connection into a byte stream: `Exchange.hijack` gives it."""
        return self.send("POST", target, body, _UPGRADE)

    def another(self) -> Client:
        """The same daemon, for what happens in the middle of another request: a signal, a resize."""
        return Client(self.host, self._version, dialer=self._dialer, headers=self._headers)

    def open(self) -> _socket.socket:
        """A connection for the caller's own bytes."""
        return self._connect()

    def silence(self) -> str:
        """What is said of a connection that ended without an answer."""
        known = self._dialer.explain() if self._dialer is not None else ""
        return known or f"the daemon at {self.host.url} closed the connection without an answer"

    def keep(self, socket: _socket.socket) -> None:
        """Take a connection back for the next request."""
        if self._idle is not None:
            socket.close()
            return
        self._idle = socket

    def _connect(self) -> _socket.socket:
        socket, self._idle = self._idle, None
        if socket is not None:
            if _still_open(socket):
                return socket
            socket.close()
        if self._dialer is not None:
            return self._dial(self._dialer)
        try:
            return open_host(self.host)
        except OSError as error:
            if self._start is None or error.errno not in (ENOENT, ECONNREFUSED):
                raise _no_daemon(self.host, error) from error
        start, self._start = self._start, None
        start()
        return self._connect()

    def _dial(self, dialer: Dialer) -> _socket.socket:
        try:
            return dialer.open()
        except OSError as error:
            raise _no_daemon(self.host, error) from error


class Exchange:
    """The answer to one request, on the connection that it came by."""

    __slots__ = ("_client", "_first", "_response", "_socket")

    def __init__(self, client: Client, socket: _socket.socket, method: str) -> None:
        self._client = client
        self._socket = socket
        self._response = http.Response(method)
        self._first = b""  # the part of the body that came with the head

    @property
    def headers(self) -> dict[str, str]:
        return self._response.headers

    @property
    def pending(self) -> bool:
        """Part of the body came with the head: the first read will not wait."""
        return bool(self._first)

    def fileno(self) -> int:
        return self._socket.fileno()

    def head(self) -> int:
        """Wait for the head; its status. Raises the daemon's error for 400 and above."""
        response = self._response
        while not response.status:
            data = self._receive()
            if not data:
                self._socket.close()
                raise Unavailable(self._client.silence())
            self._first += response.feed(data)
        if response.status >= 400:
            raise errors.from_response(response.status, b"".join(self._body()), response.reason)
        return response.status

    def chunks(self) -> Iterator[bytes]:
        """The body, piece by piece, as it comes."""
        self.head()
        return self._body()

    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.chunks())

    def result(self) -> Any:
        """The whole body, decoded; None if it is empty or not JSON (`OK` of _ping)."""
        body = self.body()
        if not body.strip() or not self.headers.get("content-type", "json").endswith("json"):
            return None
        return json.loads(body)

    def hijack(self) -> tuple[_socket.socket, bytes]:
        """The connection as a byte stream, and what has already come of it. The caller owns it.

        Old daemons answer 200 with a raw stream where newer ones answer 101.
        """
        self.head()
        return self._socket, self._first + self._response.rest

    def close(self) -> None:
        """Give up: whatever the daemon is doing for us, we do not wait for it."""
        self._socket.close()

    def _body(self) -> Iterator[bytes]:
        response = self._response
        first, self._first = self._first, b""
        if first:
            yield first
        while not response.complete:
            data = self._receive()
            if not data:
                self._end()
                break
            piece = response.feed(data)
            if piece:
                yield piece
        if response.reusable() and not response.rest:
            self._client.keep(self._socket)
        else:
            self._socket.close()

    def _end(self) -> None:
        try:
            self._response.end()
        except http.ProtocolError:
            self._socket.close()
            raise Unavailable(
                "unexpected EOF: the daemon closed the connection in the middle of its answer"
            ) from None

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(READ_SIZE)
        except OSError as error:
            if error.errno == ECONNRESET:
                return b""
            raise


def name(kind: str, value: str) -> str:
    """A name or ID as part of a path. `kind` is for the error: container, image, volume, network."""
    if not value.strip():
        raise InvalidArgument(f"invalid {kind} name or ID: value is empty")
    return http.quote(value, "/:@")


def filters(values: dict[str, list[str]] | None) -> list[tuple[str, str]]:
    """The query parameter for filters, if there are any."""
    return [("filters", json.dumps(values))] if values else []


def open_host(host: Host) -> _socket.socket:
    """A connection to a path or an address."""
    if host.path:
        socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        return _connected(socket, host.path.encode("utf-8", "surrogateescape"))
    last: OSError | None = None
    for family, kind, protocol, _, address in _socket.getaddrinfo(
        host.address, host.port, 0, _socket.SOCK_STREAM
    ):
        try:
            return _connected(_socket.socket(family, kind | _socket.SOCK_CLOEXEC, protocol), address)
        except OSError as error:
            last = error
    raise last or OSError(ENOENT, "no address")


def _connected(socket: _socket.socket, address: Any) -> _socket.socket:
    try:
        socket.connect(address)
    except OSError:
        socket.close()
        raise
    return socket


def _send(socket: _socket.socket, data: bytes) -> None:
    try:
        socket.sendall(data)
    except OSError as error:
        if error.errno not in (
            EPIPE,
            ECONNRESET,
        ):  # what the daemon said before it hung up is still to be read
            raise


def _still_open(socket: _socket.socket) -> bool:
    """An idle connection has nothing to say; bytes or an end of file mean that the daemon is done with it."""
    try:
        socket.recv(1, _socket.MSG_PEEK | _socket.MSG_DONTWAIT)
    except BlockingIOError:
        return True
    except OSError as error:
        return error.errno == EINTR
    return False


def _no_daemon(host: Host, error: OSError) -> Exception:
    if error.errno in (EACCES, EPERM):
        return Forbidden(
            f"permission denied while trying to connect to the Docker daemon socket at {host.url}: "
            f"dial unix {host.path}: connect: permission denied"
        )
    if isinstance(error, _socket.gaierror):
        return Unavailable(f"error during connect: dial tcp: lookup {host.address}: {error.strerror}")
    return Unavailable(f"Cannot connect to the Docker daemon at {host.url}. Is the docker daemon running?")
