"""HTTP/1.1 (RFC 9112), the client's side, without I/O: requests to bytes, bytes to responses.

Serves the Engine API over a socket: content-length, chunked, until-close, and `Upgrade`, after which
the bytes that came behind the head belong to another protocol and are handed back untouched.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HEAD_LIMIT = 64 * 1024  # bytes of status line and headers; Go's clients allow more, no daemon sends more
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_NO_BODY = (204, 205, 304)
_LINE_LIMIT = 4096  # of a chunk's size line and of a trailer


class ProtocolError(Exception):
    """The other side does not speak HTTP/1.1."""


def quote(text: str, safe: str = "") -> str:
    """Percent-encoding of RFC 3986, section 2.1, for a query value or a path segment."""
    keep = _UNRESERVED.union(safe.encode())
    return "".join(
        chr(byte) if byte in keep else f"%{byte:02X}" for byte in text.encode("utf-8", "surrogateescape")
    )


def query(pairs: Iterable[tuple[str, str]]) -> str:
    """`?a=b&c=d`, or nothing."""
    text = "&".join(f"{name}={quote(value)}" for name, value in pairs)
    return "?" + text if text else ""


def request(
    method: str,
    target: str,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes | None = None,
    host: str = "docker",
) -> bytes:
    """A request, whole. Without `body` the head alone: the caller streams the body behind it."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "User-Agent: sampan"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None and (body or method in ("POST", "PUT")):
        lines.append(f"Content-Length: {len(body)}")
    lines.append("\r\n")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + (body or b"")


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; of empty data, the last one."""
    return b"%x\r\n%s\r\n" % (len(data), data)


class Response:
    """One response, fed with bytes as they come.

    `status` is 0 until the head is complete. `complete` turns true at the end of the body, or, after
    101, at once; `rest` then holds what came behind.
    """

    __slots__ = ("_body", "_left", "_pending", "complete", "headers", "method", "reason", "rest", "status")

    def __init__(self, method: str) -> None:
        self.method = method
        self.status = 0
        self.reason = ""
        self.headers: dict[str, str] = {}
        self.complete = False
        self.rest = b""
        self._pending = b""
        self._body = ""  # "length" | "chunked" | "close"
        self._left = 0  # bytes still to come of the body, or of the current chunk and its line end

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the socket, return the part of the body in them."""
        if self.complete:
            self.rest += data
            return b""
        if not self.status:
            data = self._feed_head(self._pending + data)
            if not self.status or self.complete:
                return b""
        if self._body == "chunked":
            return self._feed_chunked(self._pending + data)
        if self._body == "close":
            return data
        return self._feed_length(data)

    def end(self) -> None:
        """The other side closed the connection. Raises ProtocolError when the response was not over."""
        if self.complete:
            return
        if self._body != "close":
            raise ProtocolError("the connection was closed in the middle of a response")
        self.complete = True

    def reusable(self) -> bool:
        """Whether another request may follow on the connection."""
        return (
            self.complete
            and self._body != "close"
            and self.status != 101
            and self.headers.get("connection", "").lower() != "close"
        )

    def _feed_head(self, data: bytes) -> bytes:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            if len(data) > HEAD_LIMIT:
                raise ProtocolError("the head of the response is too long")
            self._pending = data
            return b""
        self._pending = b""
        rest = data[end + 4 :]
        self._read_head(data[:end].decode("utf-8", "replace"))
        if 100 <= self.status < 200 and self.status != 101:  # interim (RFC 9110, section 15.2)
            self.status, self.headers = 0, {}
            return self._feed_head(rest) if rest else b""
        self._choose_body()
        if self.complete:
            self.rest = rest
            return b""
        return rest

    def _read_head(self, head: str) -> None:
        first, *lines = head.split("\r\n")
        version, _, status = first.partition(" ")
        code, _, self.reason = status.partition(" ")
        if not version.startswith("HTTP/1.") or len(code) != 3 or not code.isdigit():
            raise ProtocolError(f"not an HTTP response: {first[:80]!r}")
        self.status = int(code)
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon:
                raise ProtocolError(f"not a header: {line[:80]!r}")
            self.headers[name.lower()] = value.strip()

    def _choose_body(self) -> None:
        """RFC 9112, section 6.3."""
        if self.method == "HEAD" or self.status in _NO_BODY or self.status == 101:
            self.complete = True
        elif self.headers.get("transfer-encoding", "").lower().endswith("chunked"):
            self._body = "chunked"
        elif (length := self.headers.get("content-length")) is not None:
            if not (length.isascii() and length.isdigit()):
                raise ProtocolError(f"invalid Content-Length: {length!r}")
            self._body, self._left = "length", int(length)
            self.complete = not self._left
        else:
            self._body = "close"

    def _feed_length(self, data: bytes) -> bytes:
        body = data[: self._left]
        self._left -= len(body)
        if not self._left:
            self.complete = True
            self.rest = data[len(body) :]
        return body

    def _feed_chunked(self, data: bytes) -> bytes:
        pieces = []
        position = 0
        while True:
            if self._left > 2:
                piece = data[position : position + self._left - 2]
                pieces.append(piece)
                position += len(piece)
                self._left -= len(piece)
                if self._left > 2:
                    break
            if self._left:  # the line end that closes a chunk
                if len(data) - position < self._left:
                    break
                position += self._left
                self._left = 0
            end = data.find(b"\r\n", position)
            if end < 0:
                if len(data) - position > _LINE_LIMIT:
                    raise ProtocolError("a chunk's size line is too long")
                break
            size = _chunk_size(data[position:end])
            if not size:
                return self._end_chunked(data, position, end, pieces)
            position = end + 2
            self._left = size + 2
        self._pending = data[position:]
        return b"".join(pieces)

    def _end_chunked(self, data: bytes, start: int, end: int, pieces: list[bytes]) -> bytes:
        """Behind the last chunk: trailers (ignored), then an empty line."""
        stop = end if data.startswith(b"\r\n", end + 2) else data.find(b"\r\n\r\n", end + 2)
        if stop < 0 or len(data) < stop + 4:
            self._pending = data[start:]
        else:
            self._pending = b""
            self.complete = True
            self.rest = data[stop + 4 :]
        return b"".join(pieces)


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    try:
        return int(digits if digits.isalnum() else b"", 16)
    except ValueError:
        raise ProtocolError(f"invalid chunk size: {line[:20]!r}") from None
