"""TLS without I/O: raw bytes in, plain bytes out, and the other way.

Either side may say that it sends no more (close_notify) and still read what is to come: `docker run -i`
needs that, and neither `ssl.SSLSocket` nor asyncio's TLS transport offers it.
"""

from __future__ import annotations

import ssl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_READ_SIZE = 64 * 1024  # bytes
# TLS 1.2 at least, as Docker's daemon and client (go-connections, tlsconfig).
_OLDEST = ssl.TLSVersion.TLSv1_2


class Files:
    """Paths of PEM files; "": none."""

    __slots__ = ("ca", "cert", "key")

    def __init__(self, ca: str = "", cert: str = "", key: str = "") -> None:
        self.ca = ca
        self.cert = cert
        self.key = key


def client_context(files: Files, *, verify: bool) -> ssl.SSLContext:
    """With `ca` only what it signed is trusted, else what the system trusts. Raises OSError (SSLError is
    one).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = _OLDEST
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif files.ca:
        context.load_verify_locations(files.ca)
    else:
        context.load_default_certs()
    if files.cert or files.key:
        context.load_cert_chain(files.cert, files.key or None)
    return context


def server_context(files: Files, *, verify: bool) -> ssl.SSLContext:
    """With `verify` a client has to show a certificate that `ca` signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _OLDEST
    context.load_cert_chain(files.cert, files.key)
    if verify:
        context.load_verify_locations(files.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class Stream:
    """One connection. `established`: the handshake is over. `ended`: the peer sends no more."""

    def __init__(self, context: ssl.SSLContext, *, server: bool, name: str | None = None) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server, name)
        self._early: list[bytes] = []
        self._closing = False
        self.established = False
        self.ended = False

    def start(self) -> None:
        """The client speaks first."""
        self._shake()

    def receive(self, raw: bytes) -> bytes:
        """What the peer's bytes say; b"" ends them. Raises ssl.SSLError, also for an end without
        close_notify in the middle of a record."""
        if raw:
            self._incoming.write(raw)
        else:
            self._incoming.write_eof()
        if not self.established:
            self._shake()
        return b"".join(self._plain()) if self.established else b""

    def send(self, plain: bytes) -> None:
        """What `raw` then has for the peer; before the handshake is over it is kept."""
        if self.established:
            self._object.write(plain)
        else:
            self._early.append(plain)

    def close(self) -> None:
        """We send no more."""
        self._closing = True
        if self.established:
            self._notify()

    def raw(self) -> bytes:
        """What is to be sent now."""
        return self._outgoing.read()

    def _shake(self) -> None:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return
        self.established = True
        early: Sequence[bytes] = self._early
        for plain in early:
            self._object.write(plain)
        self._early = []
        if self._closing:
            self._notify()

    def _plain(self) -> list[bytes]:
        pieces: list[bytes] = []
        try:
            while not self.ended:
                piece = self._object.read(_READ_SIZE)
                self.ended = not piece
                pieces.append(piece)
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            # Without close_notify, too: the messages inside have lengths of their own (so Go's client).
            self.ended = True
        return pieces

    def _notify(self) -> None:
        """SSL_shutdown(3) once: our close_notify goes out, the peer's is not waited for."""
        try:
            self._object.unwrap()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self.ended = True
