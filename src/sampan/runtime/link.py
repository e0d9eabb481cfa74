"""The socket between the monitor and the child that becomes the container's process.

One letter and a payload per SOCK_SEQPACKET packet. The child's end is close-on-exec: its end of file after
EXECUTING says that execve has succeeded.

A *gate* is a listening socket that the child keeps: whoever connects there after READY takes over. So can
`create` and `start` be two commands, with nothing that lives between them.

    child                         parent
      │◄────────────── LIMITED ─────┤  the limits hold: device nodes can be made
      ├─ HOOKS ────────────────────►│  only with hooks that want the root before the pivot
      │◄────────────── HOOKED ──────┤  those of the runtime's namespaces have run
      │◄────────────── GO ──────────┤  the network pairs are there
      ├─ NAMES + fd (twice) ───────►│  only with a resolver: its sockets inside, udp and tcp
      ├─ WARNING* ─────────────────►│
      ├─ CONSOLE + fd ─────────────►│  only with a terminal
      ├─ READY ────────────────────►│  create returns
      │◄────────────── START ───────┤  (over a new connection, if the child has a gate)
      ├─ BORN + pidfd ─────────────►│  exec only: another process goes on in its place (runtime.crossing)
      ├─ EXECUTING ────────────────►│
      ├─ (closed by execve) ───────►│  start returns
      ├─ ERROR ────────────────────►│  instead of anything
"""

import array
import os
from _socket import (
    AF_UNIX,
    CMSG_SPACE,
    MSG_CMSG_CLOEXEC,
    MSG_NOSIGNAL,
    SCM_RIGHTS,
    SOCK_CLOEXEC,
    SOCK_SEQPACKET,
    SOL_SOCKET,
    socket,
    socketpair,
)

LIMITED, GO, START, HOOKS, HOOKED = b"L", b"G", b"S", b"H", b"h"
WARNING, CONSOLE, READY, BORN, EXECUTING, ERROR = b"W", b"C", b"R", b"B", b"X", b"E"
NAMES = b"N"
_LIMIT = 16 * 1024  # bytes; our own sentences
_INT = 4


class Link:
    """One end. The other end's death is an end of file, never a signal."""

    def __init__(self, end: socket) -> None:
        self._socket = end

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def accept(self, gate: int) -> None:
        """Wait for whoever starts us, and close the gate: from now on that is the other end."""
        listener = socket(fileno=gate)
        fd, _ = listener._accept()  # type: ignore[attr-defined]  # what socket.socket.accept calls
        os.set_inheritable(fd, False)
        listener.close()
        self._socket.close()
        self._socket = socket(fileno=fd)

    def send(self, letter: bytes, payload: bytes = b"") -> None:
        """Raises ConnectionError when the other end is gone."""
        self._socket.send(letter + payload[: _LIMIT - 1], MSG_NOSIGNAL)

    def send_file(self, letter: bytes, fd: int) -> None:
        rights = (SOL_SOCKET, SCM_RIGHTS, array.array("i", [fd]))
        self._socket.sendmsg([letter], [rights], MSG_NOSIGNAL)

    def _receive(self) -> tuple[bytes, list[tuple[int, int, bytes]]]:
        data, ancillary, _, _ = self._socket.recvmsg(_LIMIT, CMSG_SPACE(_INT), MSG_CMSG_CLOEXEC)
        return data, ancillary

    def receive(self) -> tuple[bytes, bytes, int]:
        """(letter, payload, descriptor or -1); the letter is b"" at the end."""
        try:
            data, ancillary = self._receive()
        except ConnectionResetError:
            # It left without having read all that we sent (net/unix/af_unix.c, unix_release_sock): that is
            # told once, before what it has sent itself.
            data, ancillary = self._receive()
        fd = int.from_bytes(ancillary[0][2][:_INT], "little") if ancillary else -1
        return data[:1], data[1:], fd

    def expect(self, letter: bytes) -> None:
        if self.receive()[0] != letter:
            raise OSError(32, "the monitor is gone")


def pair() -> tuple[Link, Link]:
    first, second = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)
    return Link(first), Link(second)
