"""A container's run directory and state directory, as monitor and daemon both see them.

*Lonely and calm.* The lock is flock(2) on the run directory itself: it goes with its holder, however
that ends, and belongs to no file that could be left behind.
"""

import contextlib
import fcntl
import os
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_SEQPACKET, socket
from typing import TypeVar

from sampan.runtime.protocol import (
    EXIT_FILE,
    MONITOR_SOCKET,
    STATE_FILE,
    Exited,
    Started,
    document,
    from_document,
)

_LIMIT = 64 * 1024  # bytes of a record that are read
_BACKLOG = 16
_WATCHED = "watched"

Record = TypeVar("Record", Started, Exited)


class RunDirectory:
    """Open and owned: close it, or use `with`."""

    def __init__(self, path: str, fd: int = -1) -> None:
        """`fd`: it is open already, and ours from now on. Raises FileNotFoundError."""
        self.path = path
        self.fd = fd if fd >= 0 else os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> "RunDirectory":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def lock(self) -> bool:
        """False: somebody else, so a living monitor, has it."""
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def take(self) -> None:
        """The lock of a monitor that is dead, as soon as its starter is dead, too (it outlives the monitor's
        descriptors by a moment). Blocks until then."""
        fcntl.flock(self.fd, fcntl.LOCK_EX)

    def listen(self) -> socket:
        """The monitor's socket, 0600; an old one goes away (we hold the lock)."""
        self.unlink(MONITOR_SOCKET)
        listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)
        before = os.umask(0o177)
        try:
            listener.bind(self._address())
        finally:
            os.umask(before)
        listener.listen(_BACKLOG)
        return listener

    def connect(self) -> socket:
        """Raises FileNotFoundError or ConnectionRefusedError when no monitor listens."""
        connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)
        try:
            connection.connect(self._address())
        except BaseException:
            connection.close()
            raise
        return connection

    def _address(self) -> str:
        # sun_path has 108 bytes (unix(7)); the path of a run root may be longer.
        return f"/proc/self/fd/{self.fd}/{MONITOR_SOCKET}"

    def unlink(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.fd)

    def read_state(self) -> Started | None:
        """What the last monitor here wrote before it said `Started`; None if it never came to that."""
        return _read(f"/proc/self/fd/{self.fd}/{STATE_FILE}", Started)


def watch(run_dir: str) -> None:
    """From now on an exec there reckons with processes that look at it: those of another container, or of an
    exec with more power than the container has (`runtime.crossing`)."""
    os.close(os.open(f"{run_dir}/{_WATCHED}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def watched(run_dir: str) -> bool:
    return os.path.exists(f"{run_dir}/{_WATCHED}")


def write_state(run_dir: str, started: Started) -> None:
    # The run directory is a tmpfs: nothing to sync.
    _replace(f"{run_dir}/{STATE_FILE}", document(started), sync=False)


def write_exit(state_dir: str, run_dir: str, exited: Exited, *, sync: bool) -> None:
    """Visible all at once; with `sync`, before it is visible it is on the disk (rename(2), fsync(2)).

    Where the disk takes nothing (full, read-only), the run directory's tmpfs does until the next boot.
    """
    try:
        _replace(f"{state_dir}/{EXIT_FILE}", document(exited), sync=sync)
    except OSError:
        _replace(f"{run_dir}/{EXIT_FILE}", document(exited), sync=False)


def read_exit(state_dir: str, run_dir: str, started: Started | None) -> Exited | None:
    """How the container ended that began with `started`; None: there is no word of that one.

    With `started` None, the last end that is known.
    """
    for directory in (run_dir, state_dir):
        exited = _read(f"{directory}/{EXIT_FILE}", Exited)
        if exited is not None and (started is None or exited.started_at == started.started_at):
            return exited
    return None


def _replace(path: str, data: bytes, *, sync: bool) -> None:
    temporary = path + ".new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, data)
        if sync:
            os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(temporary, path)


def _read(path: str, kind: type[Record]) -> Record | None:
    """None also for a file that is no such record: then nothing is known."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return from_document(kind, os.read(fd, _LIMIT))  # type: ignore[no-any-return]
    except ValueError:
        return None
    finally:
        os.close(fd)
