"""Where a daemon listens: `unix:///path`, `tcp://host:port`."""

from __future__ import annotations

from sampan.errors import InvalidArgument, Unsupported

DEFAULT = "unix:///run/sampan/sampan.sock"
_TCP_PORT = 2375  # IANA: docker


class Host:
    """`url` as the user wrote it, and what it means: a path, or an address with a port."""

    __slots__ = ("address", "path", "port", "url")

    def __init__(self, url: str, path: str = "", address: str = "", port: int = 0) -> None:
        self.url = url
        self.path = path
        self.address = address
        self.port = port


def parse(url: str) -> Host:
    """Docker's grammar of -H: a scheme is optional, tcp is meant without one."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "tcp", url
    if scheme == "unix":
        return Host(url, path=rest or "/var/run/docker.sock")
    if scheme in ("ssh", "npipe", "fd"):
        raise Unsupported(f"cannot connect to {url}: {scheme}:// is not supported, use unix:// or tcp://")
    if scheme not in ("tcp", "http"):
        raise InvalidArgument(f"unable to resolve docker endpoint: invalid bind address format: {url}")
    return _tcp(url, rest)


def _tcp(url: str, rest: str) -> Host:
    authority = rest.partition("/")[0]
    address, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        address, port = authority, str(_TCP_PORT)
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise InvalidArgument(f"unable to resolve docker endpoint: invalid port in {url}")
    return Host(f"tcp://{rest}", address=address.strip("[]") or "localhost", port=int(port))
