"""One request to a registry: TLS, time limits, redirects. What is sent where is decided here.

Redirects are followed by hand, since each decides who sees the credentials: to another scheme, host or port
goes no Authorization; from https to http goes nothing; the link-local addresses of cloud metadata services,
and this machine as seen from outside, are never asked on behalf of somebody else.
"""

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from sampan.errors import Cancelled, Forbidden, Unavailable
from sampan.registry.hosts import Endpoint, is_loopback
from sampan.registry.retry import Patience, Transient

if TYPE_CHECKING:
    import urllib3

AGENT = "sampan/0.1.0"
_REDIRECTS = 10
_MOVED = (301, 302, 303, 307, 308)
_PIECE = 1 << 18


class Http:
    """The connections of one operation. Thread-safe; `abort` ends what waits for the network."""

    def __init__(self, endpoint: Endpoint, patience: Patience) -> None:
        self._endpoint = endpoint
        self._patience = patience
        self._pool: urllib3.PoolManager | None = None
        self._lock = threading.Lock()
        self._active: set[Any] = set()
        self._aborted = False

    def get(self, url: str, headers: Mapping[str, str], method: str = "GET") -> "Response":
        """The response after redirects, its body unread; the caller closes it. Raises Transient,
        Unavailable."""
        authority = _origin(url)
        for _ in range(_REDIRECTS + 1):
            sent = {"User-Agent": AGENT, "Accept-Encoding": "identity", **headers}
            if _origin(url) != authority:
                sent.pop("Authorization", None)
            response = self._once(method, url, sent, None)
            location = response.headers.get("Location")
            if response.status not in _MOVED or not location:
                return response
            response.close()
            target = urljoin(url, location)
            check_redirect(url, target)
            url = target
        raise Unavailable(f'Get "{url}": stopped after {_REDIRECTS} redirects')

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> "Response":
        """A request that changes something: never repeated elsewhere by a redirect."""
        return self._once(method, url, {"User-Agent": AGENT, **headers}, body or b"")

    def post(self, url: str, body: bytes, content_type: str) -> "Response":
        return self._once("POST", url, {"User-Agent": AGENT, "Content-Type": content_type}, body)

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> "Response":
        import urllib3

        try:
            raw = self._connections().request(
                method,
                url,
                headers=dict(headers),
                body=body,
                redirect=False,
                retries=False,
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            self._check_aborted()
            raise _told(f'{method.capitalize()} "{url}"', error) from error
        return Response(self, url, raw)

    def _connections(self) -> "urllib3.PoolManager":
        import urllib3

        with self._lock:
            if self._pool is None:
                timeout = urllib3.Timeout(connect=self._patience.connect, read=self._patience.silence)
                context = _tls(self._endpoint)
                # Whoever is not verified is so by configuration, or on loopback: no line for each request.
                urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
                self._pool = urllib3.PoolManager(4, timeout=timeout, ssl_context=context, maxsize=4)
            return self._pool

    def enter(self, raw: Any) -> None:
        with self._lock:
            self._active.add(raw)
        self._check_aborted()

    def leave(self, raw: Any) -> None:
        with self._lock:
            self._active.discard(raw)

    def _check_aborted(self) -> None:
        if self._aborted:
            raise Cancelled("context canceled")

    def abort(self) -> None:
        """Whoever reads gets Cancelled at once."""
        with self._lock:
            self._aborted = True
            active = list(self._active)
        for raw in active:
            connection = getattr(raw, "connection", None)
            with contextlib.suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]

    def close(self) -> None:
        with self._lock:
            if self._pool is not None:
                # clear() alone leaves the sockets to the collector, and an error's traceback holds them.
                for key in self._pool.pools.keys():  # noqa: SIM118
                    self._pool.pools[key].close()
                self._pool.clear()


class Response:
    def __init__(self, http: Http, url: str, raw: Any) -> None:
        self._http = http
        self._raw = raw
        self.url = url
        self.status: int = raw.status
        self.headers: Mapping[str, str] = raw.headers

    @property
    def encoded(self) -> bool:
        return self.headers.get("Content-Encoding", "identity").lower() not in ("", "identity")

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes. Raises Transient when the connection breaks or falls silent."""
        import urllib3

        try:
            self._http.enter(self._raw)
            while piece := self._raw.read1(_PIECE, decode_content=True):
                yield piece
            self._http._check_aborted()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            self._http._check_aborted()
            raise _told(f'Get "{self.url}"', error, begun=True) from error
        finally:
            self._http.leave(self._raw)
            self.close()

    def body(self, limit: int) -> bytes:
        """The whole body, cut off behind `limit` + 1 bytes: longer than `limit` means that it was longer."""
        parts, size = [], 0
        for piece in self.pieces():
            parts.append(piece)
            size += len(piece)
            if size > limit:
                break
        return b"".join(parts)[: limit + 1]

    def close(self) -> None:
        """A body that was not read to its end takes the connection with it."""
        with contextlib.suppress(Exception):
            self._raw.close()
        self._raw.release_conn()


def _tls(endpoint: Endpoint) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=endpoint.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not endpoint.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def check_redirect(source: str, target: str) -> None:
    """Raises Forbidden where `source` must not send us to `target`."""
    parts = urlsplit(target)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        raise Forbidden(f"redirect from {source} to an address that is not allowed")
    if source.startswith("https:") and parts.scheme == "http":
        raise Forbidden(f"redirect from {source} to plain http refused")
    if is_link_local(host) or (is_loopback(_bracketed(host)) and not is_loopback(urlsplit(source).netloc)):
        raise Forbidden(f"redirect from {source} to {host} refused")


def is_link_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_link_local
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _told(what: str, error: Exception, *, begun: bool = False) -> Exception:
    """What went wrong, in the words of Go's net/http. `begun`: the server had answered before."""
    import urllib3.exceptions as kinds

    cause: BaseException = error
    while (inner := cause.__cause__ or _argument(cause)) is not None:
        cause = inner
    host = what.partition("://")[2].partition("/")[0].strip('"')
    name, colon, port = host.rpartition(":")
    if isinstance(cause, ssl.SSLError):
        return Unavailable(f"{what}: tls: {cause.reason or cause}")
    if isinstance(cause, socket.gaierror) or isinstance(error, kinds.NameResolutionError):
        return Unavailable(f"{what}: dial tcp: lookup {name if colon else host}: no such host")
    if isinstance(error, kinds.NewConnectionError):
        reason = (cause.strerror or "").lower() if isinstance(cause, OSError) else str(cause)
        return Unavailable(f"{what}: dial tcp {name or host}:{port or 443}: connect: {reason}")
    if isinstance(error, kinds.ConnectTimeoutError):
        return Unavailable(f"{what}: dial tcp {host}: i/o timeout")
    text = "unexpected EOF" if begun else "EOF"
    if isinstance(error, kinds.ReadTimeoutError | TimeoutError):
        text = "net/http: timeout awaiting response"
    return Transient(Unavailable(f"{what}: {text}"))


def _argument(error: BaseException) -> BaseException | None:
    """urllib3 often carries the cause as an argument."""
    return next((value for value in error.args if isinstance(value, BaseException)), None)
