"""Binding the sockets that the API listens on: `unix:///path` and `tcp://host:port`, without TLS on loopback
only."""

import fcntl
import grp
import ipaddress
import os
import socket
import stat

from sampan.errors import Conflict, InvalidArgument, Unavailable

GROUPS = ("sampan", "docker")  # the first that exists owns the socket


def bind(host: str, *, anywhere: bool = False) -> tuple[socket.socket, int | None]:
    """A listening socket for one `--host`, and the descriptor of its lock file (unix only), both owned by
    the caller. `anywhere`: TCP may be other than loopback. Raises InvalidArgument for an address that we do
    not serve, Conflict when another daemon serves it."""
    scheme, _, rest = host.partition("://")
    if scheme == "unix" and rest:
        return _bind_unix(rest)
    if scheme == "tcp" and rest:
        return _bind_tcp(rest, anywhere=anywhere), None
    raise InvalidArgument(f'unable to parse host "{host}": expected unix:///path or tcp://address:port')


def _bind_unix(path: str) -> tuple[socket.socket, int]:
    """The mode is never wider than 0660, not even between bind(2) and chmod(2): a umask of 0777 makes the
    socket 0000 first (moby does the same). The lock tells a stale socket from a live daemon's."""
    os.makedirs(os.path.dirname(path) or "/", mode=0o711, exist_ok=True)
    lock = os.open(path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise Conflict(f"another daemon is listening on unix://{path}") from None
    try:
        return _listen_unix(path), lock
    except BaseException:
        os.close(lock)
        raise


def _listen_unix(path: str) -> socket.socket:
    _unlink_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        umask = os.umask(0o777)
        try:
            listener.bind(path)
        finally:
            os.umask(umask)
        os.chown(path, 0, _group())
        os.chmod(path, 0o660)
        listener.listen(1024)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise Unavailable(f"cannot listen on unix://{path}: {error.strerror or error}") from error
    return listener


def _unlink_stale(path: str) -> None:
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise Conflict(f"{path} exists and is not a socket")
        os.unlink(path)
    except FileNotFoundError:
        pass


def _group() -> int:
    for name in GROUPS:
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            continue
    return os.getgid()


def _bind_tcp(address: str, *, anywhere: bool) -> socket.socket:
    """Without a client's certificate the API is root for whoever reaches it: loopback only."""
    host, _, port = address.rstrip("/").rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    try:
        literal = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        number = int(port)
    except ValueError:
        raise InvalidArgument(
            f'invalid bind address "tcp://{address}": expected an IP address and a port'
        ) from None
    if not (anywhere or literal.is_loopback):
        raise InvalidArgument(
            f"refusing to listen on tcp://{address} without --tlsverify: it gives root access on this machine"
            " to everyone who has access to the network; only loopback addresses are served without. "
            "--tlsverify=false says that this is meant"
        )
    listener = socket.socket(socket.AF_INET6 if literal.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((str(literal), number))
        listener.listen(1024)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise Unavailable(f"cannot listen on tcp://{address}: {error.strerror or error}") from error
    return listener
