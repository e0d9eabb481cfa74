"""A container's published ports on the host: held, and relayed where the kernel's NAT does not serve.

*Lonely.* The monitor holds each listening socket, so that nobody else takes the port while the
container lives. For those that are to be relayed, the first connection makes it fork one child, which relays
for all of them: until then they cost nothing. The child dies with the monitor (PR_SET_PDEATHSIG).

When the ports change while the container runs, the child lets go of all of them and lives on as long as the
connections that it has; the next connection makes another one.
"""

import contextlib
import os
import select
from _socket import SHUT_WR, SO_PROTOCOL, SOL_SOCKET, socket, socketpair
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from sampan.linux.process import pidfd_send_signal
from sampan.runtime.monitor_loop import READ, Loop
from sampan.runtime.protocol import Listener, Port
from sampan.runtime.relay_child import serve

_SIGKILL = 9
_PATIENCE = 2000  # milliseconds for a child to let go of its ports
_PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}


class _Child(NamedTuple):
    """`control` ends when it shall let go of the ports, and at its other end when it has."""

    pidfd: int
    control: socket


class Ports:
    """`listeners` name files by their index among `files`, those of the launch."""

    def __init__(self, loop: Loop, listeners: Sequence[Listener], files: Sequence[int]) -> None:
        self._loop = loop
        self._held = [(files[listener.descriptor], listener) for listener in listeners]
        self._children: list[_Child] = []  # the last of them may have the ports
        self._serving = False
        self._wait()

    def close(self) -> None:
        """The ports are free when this returns."""
        self._forget()
        for fd, _ in self._held:
            os.close(fd)
        self._held = []
        for child in tuple(self._children):
            self._kill(child)

    def held(self) -> list[Port]:
        return [_port(fd) for fd, _ in self._held]

    def replace(self, kept: Sequence[Port], listeners: Sequence[Listener], files: Sequence[int]) -> None:
        """Hold these and nothing else; the others are free when this returns. Takes the files."""
        self._forget()
        before, wanted = self._held, set(kept)
        stay = [one for one in before if _port(one[0]) in wanted]
        self._held = stay + [(files[listener.descriptor], listener) for listener in listeners]
        self._retire()
        for one in before:
            if one not in stay:
                os.close(one[0])
        self._wait()

    def _relayed(self) -> list[tuple[int, Listener]]:
        return [(fd, listener) for fd, listener in self._held if listener.relay]

    def _wait(self) -> None:
        for fd, _ in self._relayed():
            self._loop.watch(fd, READ, self._first)

    def _forget(self) -> None:
        for fd, _ in self._relayed():
            self._loop.forget(fd)

    def _first(self, _events: int) -> None:
        self._forget()
        ours, theirs = socketpair()
        pid = os.fork()
        if pid == 0:
            self._become_child(theirs)
        theirs.close()
        child = _Child(os.pidfd_open(pid), ours)
        self._children.append(child)
        self._serving = True
        self._loop.watch(child.pidfd, READ, lambda _events: self._lost(child))

    def _become_child(self, control: socket) -> NoReturn:
        try:
            serve(self._relayed(), control)
        finally:
            os._exit(1)

    def _retire(self) -> None:
        """Until the child has closed what it has of the ports. One that does not is stuck: it ends."""
        if not self._serving:
            return
        self._serving = False
        child = self._children[-1]
        child.control.shutdown(SHUT_WR)
        poll = select.poll()
        poll.register(child.control, select.POLLIN)
        if not poll.poll(_PATIENCE):
            self._kill(child)

    def _lost(self, child: _Child) -> None:
        """It was killed: the next connection makes a new one; or its last connection has ended."""
        serving = self._serving and child is self._children[-1]
        self._reap(child)
        if serving:
            self._serving = False
            self._wait()

    def _kill(self, child: _Child) -> None:
        with contextlib.suppress(ProcessLookupError):
            pidfd_send_signal(child.pidfd, _SIGKILL)
        self._reap(child)

    def _reap(self, child: _Child) -> None:
        os.waitid(os.P_PIDFD, child.pidfd, os.WEXITED)
        self._loop.forget(child.pidfd)
        os.close(child.pidfd)
        child.control.close()
        self._children.remove(child)


def _port(fd: int) -> Port:
    """As the kernel knows it."""
    known = socket(fileno=os.dup(fd))
    try:
        address, number = known.getsockname()[:2]
        protocol = known.getsockopt(SOL_SOCKET, SO_PROTOCOL)
    finally:
        known.close()
    return Port(_PROTOCOLS.get(protocol, ""), address, number)
