"""Where a daemon listens: `unix:///path`, `tcp://host:port`, `ssh://user@host`."""

from __future__ import annotations

from sampan.errors import InvalidArgument, Unsupported

DEFAULT = "unix:///run/sampan/sampan.sock"
_TCP_PORT = 2375  # IANA: docker
_TLS_PORT = 2376  # IANA: docker-s


class Host:
    """`url` as the user wrote it, and what it means: a path, an address with a port, or a login over SSH."""

    __slots__ = ("address", "path", "port", "ssh", "url")

    def __init__(
        self, url: str, path: str = "", address: str = "", port: int = 0, ssh: SSH | None = None
    ) -> None:
        self.url = url
        self.path = path
        self.address = address
        self.port = port
        self.ssh = ssh


class SSH:
    """`path`: the daemon's socket there, if the URL names one."""

    __slots__ = ("host", "path", "port", "user")

    def __init__(self, user: str, host: str, port: str, path: str) -> None:
        self.user = user
        self.host = host
        self.port = port
        self.path = path


def parse(url: str, *, tls: bool = False) -> Host:
    """Docker's grammar of -H: a scheme is optional, tcp is meant without one."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "tcp", url
    if scheme == "unix":
        return Host(url, path=rest or "/var/run/docker.sock")
    if scheme == "ssh":
        return Host(url, ssh=_ssh(rest))
    if scheme in ("npipe", "fd"):
        raise Unsupported(
            f"cannot connect to {url}: {scheme}:// is not supported, use unix://, tcp:// or ssh://"
        )
    if scheme not in ("tcp", "http", "https"):
        raise InvalidArgument(f"unable to resolve docker endpoint: invalid bind address format: {url}")
    return _tcp(url, rest, _TLS_PORT if tls else _TCP_PORT)


def _tcp(url: str, rest: str, default_port: int) -> Host:
    authority = rest.partition("/")[0]
    address, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        address, port = authority, str(default_port)
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise InvalidArgument(f"unable to resolve docker endpoint: invalid port in {url}")
    return Host(f"tcp://{rest}", address=address.strip("[]") or "localhost", port=int(port))


def _ssh(rest: str) -> SSH:
    """The words of docker/cli, connhelper/ssh. What could be read as an option of ssh(1) is refused
    (CVE-2017-1000117's kin).
    """
    for mark, name in (("#", "fragments"), ("?", "query parameters")):
        before, found, extra = rest.partition(mark)
        if found and extra:
            raise _bad_ssh(f'{name} are not allowed: "{extra}"')
        rest = before
    authority, slash, path = rest.partition("/")
    user, _, address = authority.rpartition("@")
    if ":" in user:
        raise _bad_ssh("plain-text password is not supported")
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):
        host, port = address, ""
    host = host.strip("[]")
    if not host:
        raise _bad_ssh("hostname is empty")
    if host.startswith("-") or user.startswith("-") or not (port.isascii() and (port.isdigit() or not port)):
        raise _bad_ssh(f'parse "ssh://{rest}": invalid host, user or port')
    return SSH(user, host, port, slash + path if path else "")


def _bad_ssh(why: str) -> InvalidArgument:
    return InvalidArgument(f"ssh host connection is not valid: invalid SSH URL: {why}")
