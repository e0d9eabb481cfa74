"""`ssh://`: ssh(1) runs `… system dial-stdio` over there; its standard streams are the connection."""

from __future__ import annotations

import _socket
import posix
from errno import ENOENT

from sampan.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.client.hosts import SSH, Host

_CONNECT_TIMEOUT = 30  # seconds, as docker/cli
_STDERR_LIMIT = 4096  # bytes


class Dialer:
    """One ssh(1) for each connection; ControlMaster in ~/.ssh/config makes the second one quick."""

    def __init__(self, host: Host) -> None:
        assert host.ssh is not None
        self._command = command(host.ssh)
        self._pid = 0
        self._stderr = -1

    def open(self) -> _socket.socket:
        kind = _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, kind)
        stderr, their_stderr = posix.pipe2(posix.O_CLOEXEC)
        actions = [
            (posix.POSIX_SPAWN_DUP2, theirs.fileno(), 0),
            (posix.POSIX_SPAWN_DUP2, theirs.fileno(), 1),
            (posix.POSIX_SPAWN_DUP2, their_stderr, 2),
        ]
        try:
            # A session of its own (docker/cli does the same): Ctrl-C is for the container.
            self._pid = posix.posix_spawnp(
                "ssh", self._command, dict(posix.environ), file_actions=actions, setsid=True
            )
        except OSError as error:
            ours.close()
            posix.close(stderr)
            why = "executable file not found in $PATH" if error.errno == ENOENT else error.strerror
            raise Unavailable(f'error during connect: exec: "ssh": {why}') from None
        finally:
            theirs.close()
            posix.close(their_stderr)
        if self._stderr >= 0:
            posix.close(self._stderr)
        self._stderr = stderr
        return ours

    def explain(self) -> str:
        """What ssh said when the last connection ended without an answer."""
        if not self._pid:
            return ""
        text = b""
        while len(text) < _STDERR_LIMIT and (piece := posix.read(self._stderr, _STDERR_LIMIT)):
            text += piece
        _, status = posix.waitpid(self._pid, 0)
        self._pid = 0
        said = text.decode("utf-8", "replace").strip()
        return (
            f"error during connect: command [{' '.join(self._command)}] has exited with exit status "
            f"{posix.waitstatus_to_exitcode(status)}, make sure the URL is valid, and that sampan or Docker "
            f"18.09 or later is installed on the remote host: stderr={said}"
        )


def command(target: SSH) -> list[str]:
    """The command line. The remote side has one of us, or both: ours is asked for first."""
    words = ["ssh", "-o", f"ConnectTimeout={_CONNECT_TIMEOUT}", "-T"]
    if target.user:
        words += ["-l", target.user]
    if target.port:
        words += ["-p", target.port]
    host = f"--host {_quoted('unix://' + target.path)} " if target.path else ""
    dial = f"{host}system dial-stdio"
    script = f"command -v sampan >/dev/null 2>&1 && exec sampan {dial} || exec docker {dial}"
    return [*words, "--", target.host, f"sh -c {_quoted(script)}"]


def _quoted(text: str) -> str:
    """For a POSIX shell: sh(1), Quoting."""
    return "'" + text.replace("'", "'\\''") + "'"
