"""Start the daemon of the default socket when nobody listens there. Several clients at once start one.

```
 client A: lock start.lock ── connect? no ── spawn daemon ── connects ── unlock
 client B: waits for start.lock ─────────────────────────────────────── connects
```
"""

from __future__ import annotations

import _socket
import posix
import select
from errno import ENOENT
from fcntl import LOCK_EX, flock
from time import monotonic

from sampan.errors import Forbidden, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

DEADLINE = 20.0  # seconds for a daemon to come up: an emulated machine needs several for the imports alone
_INTERVAL = 4  # milliseconds between two attempts to connect; connecting fails in microseconds
_LOG_TAIL = 2000  # bytes


def ensure(path: str, command: Sequence[str]) -> None:
    """Return when somebody listens on the unix socket `path`; `command` is spawned if nobody does.

    Raises Forbidden for anybody but root, and Unavailable when the daemon does not come up.
    """
    url = f"unix://{path}"
    if posix.geteuid() != 0:
        raise Unavailable(f"Cannot connect to the Docker daemon at {url}. Is the docker daemon running?")
    directory = path.rpartition("/")[0]
    _make_directory(directory)
    lock = posix.open(f"{directory}/start.lock", posix.O_RDWR | posix.O_CREAT | posix.O_CLOEXEC, 0o600)
    try:
        flock(lock, LOCK_EX)
        if not _listening(path):
            log = f"{directory}/daemon.log"
            _wait(path, _spawn(command, log), log)
    finally:
        posix.close(lock)


def _make_directory(directory: str) -> None:
    try:
        posix.mkdir(directory, 0o755)
    except FileExistsError:
        pass
    except OSError as error:
        raise Forbidden(f"cannot make {directory}: {error.strerror}") from error


def _listening(path: str) -> bool:
    socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        socket.connect(path)
    except OSError:
        return False
    finally:
        socket.close()
    return True


def _spawn(command: Sequence[str], log: str) -> int:
    """The daemon in a session of its own, its words in `log`; the previous log is kept once."""
    try:
        posix.rename(log, f"{log}.1")
    except OSError as error:
        if error.errno != ENOENT:
            raise
    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (posix.POSIX_SPAWN_OPEN, 0, "/dev/null", posix.O_RDONLY, 0),
        (posix.POSIX_SPAWN_OPEN, 1, log, flags, 0o600),
        (posix.POSIX_SPAWN_DUP2, 1, 2),
    ]
    # What our caller left open (the far end of somebody's pipe) would stay open as long as the daemon runs.
    inherited = [int(name) for name in posix.listdir("/proc/self/fd")]
    actions += [(posix.POSIX_SPAWN_CLOSE, descriptor) for descriptor in inherited if descriptor > 2]
    here = posix.open(".", posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
    try:
        posix.chdir("/")  # nor shall it keep the caller's file system from being unmounted
        return posix.posix_spawn(
            command[0], list(command), dict(posix.environ), file_actions=actions, setsid=True
        )
    finally:
        posix.fchdir(here)
        posix.close(here)


def _wait(path: str, pid: int, log: str) -> None:
    """Until the socket answers, the daemon has died, or the deadline."""
    pidfd = posix.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        end = monotonic() + DEADLINE
        while not _listening(path):
            if poll.poll(_INTERVAL):
                # Somebody else's daemon may have won the race for the roots and be up now.
                if _listening(path):
                    return
                raise Unavailable(f"the daemon did not start: {_last_line(log)}")
            if monotonic() > end:
                raise Unavailable(f"the daemon does not answer after {DEADLINE:.0f} seconds; see {log}")
    finally:
        posix.close(pidfd)


def _last_line(log: str) -> str:
    try:
        with open(log, "rb") as file:
            file.seek(max(0, posix.stat(log).st_size - _LOG_TAIL))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError as error:
        return f"{log}: {error.strerror}"
    lines = [line for line in lines if line.strip()]
    return f"{lines[-1].strip()} (see {log})" if lines else f"it wrote nothing to {log}"
