"""A container's published ports on the host: held, and relayed where the kernel's NAT does not serve.

*Lonely.* The monitor holds each listening socket, so that nobody else takes the port while the
container lives. For those that are to be relayed, the first connection makes it fork one child, which relays
for all of them: until then they cost nothing. The child dies with the monitor (PR_SET_PDEATHSIG).
"""

import contextlib
import os
from collections.abc import Sequence
from typing import NoReturn

from sampan.linux.process import pidfd_send_signal
from sampan.runtime.monitor_loop import READ, Loop
from sampan.runtime.protocol import Listener
from sampan.runtime.relay_child import serve

_SIGKILL = 9


class Ports:
    """`listeners` name files by their index among `files`, those of the launch."""

    def __init__(self, loop: Loop, listeners: Sequence[Listener], files: Sequence[int]) -> None:
        self._loop = loop
        self._held = [(files[listener.descriptor], listener) for listener in listeners]
        self._pid = 0
        self._pidfd = -1
        self._wait()

    def close(self) -> None:
        """The ports are free when this returns."""
        self._forget()
        for fd, _ in self._held:
            os.close(fd)
        self._held = []
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                pidfd_send_signal(self._pidfd, _SIGKILL)
            self._reap()

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
        self._pid = os.fork()
        if self._pid == 0:
            self._become_child()
        self._pidfd = os.pidfd_open(self._pid)
        self._loop.watch(self._pidfd, READ, lambda _events: self._lost())

    def _become_child(self) -> NoReturn:
        try:
            serve(self._relayed())
        finally:
            os._exit(1)

    def _lost(self) -> None:
        """The child was killed: the next connection makes a new one."""
        self._reap()
        self._wait()

    def _reap(self) -> None:
        os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED)
        self._loop.forget(self._pidfd)
        os.close(self._pidfd)
        self._pidfd = -1
