"""The processes that were exec'ed in a container: any number at the same time.

*Lonely.* A starter makes each of them and leaves it to the monitor; the kernel kills them with pid 1.
"""

import contextlib
import os
import select
import time
from _socket import socket
from collections.abc import Callable

from sampan.linux import task
from sampan.runtime import channel, starter
from sampan.runtime.monitor_loop import READ, Loop
from sampan.runtime.monitor_process import EXEC_GRACE, Process
from sampan.runtime.monitor_session import Session
from sampan.runtime.monitor_stdio import ours
from sampan.runtime.protocol import Exec, ExecExited, ExecFailed, ExecStarted, ExecState, Message
from sampan.runtime.starter import Born, Executing, Failure

_REMEMBERED = 64  # ended ones, for a daemon that was away
_SIGKILL = 9
_PATIENCE = 2.0  # seconds for a killed process to go


class Starter:
    """A starter at work, seen from the monitor."""

    def __init__(self, loop: Loop, pid: int) -> None:
        self._loop = loop
        self._pid = pid
        self._hear: Callable[[], None] | None = None
        self.gone: Callable[[], None] | None = None
        self._pidfd = os.pidfd_open(pid)
        loop.watch(self._pidfd, READ, lambda _events: self._ended())

    def listen(self, sock: socket, said: Callable[[channel.Packet | None], None]) -> None:
        """Own the socket, and hear once."""
        self._hear = lambda: self._heard(sock, said)
        self._loop.watch(sock.fileno(), READ, lambda _events: self._heard(sock, said))

    def conclude(self, patience: float) -> None:
        """The container is dead: hear what there is to be heard, and reap it. What it started may have been
        the container's end, and have come to its own; else it ends by itself, since its child is dead."""
        if not _wait(self._pidfd, patience):
            os.kill(self._pid, _SIGKILL)  # our own child, not reaped: the number is its own
            if not _wait(self._pidfd, patience):
                return  # uninterruptible sleep
        if self._hear is not None:
            self._hear()
        self._ended()

    def _heard(self, sock: socket, said: Callable[[channel.Packet | None], None]) -> None:
        self._hear = None
        self._loop.forget(sock.fileno())
        packet = channel.receive(sock)
        sock.close()
        said(packet)

    def _ended(self) -> None:
        """Only now are its children ours (exit_notify: children are handed on before the parent hears)."""
        self._loop.forget(self._pidfd)
        os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED)
        os.close(self._pidfd)
        if self.gone is not None:
            self.gone()


class Execs:
    def __init__(
        self,
        loop: Loop,
        born: Born,
        pidfd: int,
        emit: Callable[[Message], None],
        left: Callable[[Session, bool], None],
    ) -> None:
        self._loop = loop
        self._born = born
        self._pidfd = pidfd
        self._emit = emit
        self._left = left
        self._starting: dict[str, Starter] = {}
        self._running: dict[str, Process] = {}
        self._trailing: list[Process] = []  # ended, with output or clients left
        self._ended: list[ExecState] = []

    def find(self, exec_id: str) -> Process:
        """Raises KeyError."""
        return self._running[exec_id]

    def states(self) -> list[ExecState]:
        running = [ExecState(name, process.pid, True, None) for name, process in self._running.items()]
        return self._ended + running

    # -- the beginning -----------------------------------------------------------------------------

    def execute(self, request: Exec, files: list[int], reply: Callable[[Message], None]) -> None:
        """Replies ExecStarted or ExecFailed. Takes what it keeps out of `files`."""
        stream = files.pop(0) if request.attach is not None and files else None
        task.set_child_subreaper(on=True)
        one, other = channel.pair()
        pid = os.fork()
        if pid == 0:
            starter.execute_and_exit(
                other,
                self._born,
                self._pidfd,
                request.process,
                seccomp=request.seccomp,
                stdio=(request.stdin_open, request.attach is not None),
            )
        other.close()
        helper = Starter(self._loop, pid)
        helper.gone = lambda: self._starter_gone(request.exec_id, None)
        helper.listen(one, lambda packet: self._told(request, stream, packet, reply))
        self._starting[request.exec_id] = helper

    def _told(
        self,
        request: Exec,
        stream: int | None,
        packet: channel.Packet | None,
        reply: Callable[[Message], None],
    ) -> None:
        outcome = starter.told(packet)
        if packet is None or not isinstance(outcome, Executing):
            assert isinstance(outcome, Failure)
            if stream is not None:
                os.close(stream)
            reply(ExecFailed(request.exec_id, *outcome))
            return
        process = self._adopt(request.exec_id, outcome, packet.files)
        if request.attach is not None and stream is not None:
            with contextlib.suppress(ValueError):  # keys that do not exist: the engine has checked them
                process.attach(request.attach, stream)
        if request.timeout >= 0:
            process.limit(request.timeout)
        reply(ExecStarted(request.exec_id, outcome.pid))

    def _adopt(self, exec_id: str, outcome: Executing, files: list[int]) -> Process:
        pidfd = files[0]
        process = Process(self._loop, exec_id, close_stdin=True, sink=None, left=self._left)
        if outcome.terminal:
            process.connect_console(files[1])
        else:
            outputs = files[1 : 1 + outcome.outputs]
            process.connect(ours(outputs, files[-1] if outcome.stdin else None))
        process.begin(outcome.pid, pidfd)
        self._running[exec_id] = process
        helper = self._starting.get(exec_id)
        if helper is None:
            process.watch(self._reap)
        else:
            helper.gone = lambda: self._starter_gone(exec_id, process)
        return process

    def _starter_gone(self, exec_id: str, process: Process | None) -> None:
        del self._starting[exec_id]
        if not self._starting:
            task.set_child_subreaper(on=False)
        if process is not None and process.running:
            process.watch(self._reap)

    # -- the end -----------------------------------------------------------------------------------

    def _reap(self, process: Process) -> None:
        if process.reap():
            self._finish(process)

    def _finish(self, process: Process) -> None:
        assert process.exec_id is not None
        assert process.exit_code is not None
        process.release_terminal()
        process.drain()
        del self._running[process.exec_id]
        self._ended = [
            *self._ended[1 - _REMEMBERED :],
            ExecState(process.exec_id, process.pid, False, process.exit_code),
        ]
        self._emit(ExecExited(process.exec_id, process.exit_code, process.timed_out))
        if process.finished:
            process.close_output()
        else:  # it left something running that still holds its output
            self._loop.after(EXEC_GRACE, process.finish_sessions)
        self._trailing = [other for other in self._trailing if other.draining or not other.finished]
        self._trailing.append(process)

    def end(self) -> None:
        """The container is dead: so are all of these, or nearly (in the host's pid namespace)."""
        deadline = time.monotonic() + _PATIENCE
        for helper in tuple(self._starting.values()):
            helper.conclude(max(0.0, deadline - time.monotonic()))
        for process in tuple(self._running.values()):
            with contextlib.suppress(ProcessLookupError):
                process.kill(_SIGKILL)
            _wait(process.pidfd, _PATIENCE)
            if not process.reap():
                process.give_up()
            self._finish(process)
        for process in self._trailing:
            process.drain()
            process.close_output()

    @property
    def draining(self) -> bool:
        return bool(self._starting) or any(process.draining for process in self._trailing)


def _wait(pidfd: int, seconds: float) -> bool:
    """False: it has not ended."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
