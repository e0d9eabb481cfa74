"""The processes that were exec'ed in a container: any number at the same time.

*Lonely.* They are children of the monitor in the container's namespaces; the kernel kills them with pid 1.
"""

import contextlib
import os
import select
from collections.abc import Callable

from sampan.errors import Internal, SampanError
from sampan.runtime import channel, container
from sampan.runtime.monitor_loop import Loop
from sampan.runtime.monitor_process import EXEC_GRACE, Process
from sampan.runtime.monitor_session import Session
from sampan.runtime.monitor_stdio import Ends, pipes
from sampan.runtime.protocol import Exec, ExecExited, ExecFailed, ExecStarted, ExecState, Message
from sampan.runtime.setup import Stdio

_REMEMBERED = 64  # ended ones, for a daemon that was away
_SIGKILL = 9


class Execs:
    def __init__(
        self, loop: Loop, emit: Callable[[Message], None], left: Callable[[Session, bool], None]
    ) -> None:
        self._loop = loop
        self._emit = emit
        self._left = left
        self._running: dict[str, Process] = {}
        self._trailing: list[Process] = []  # ended, with output or clients left
        self._ended: list[ExecState] = []

    def find(self, exec_id: str) -> Process:
        """Raises KeyError."""
        return self._running[exec_id]

    def states(self) -> list[ExecState]:
        running = [ExecState(name, process.pid, True, None) for name, process in self._running.items()]
        return self._ended + running

    def execute(
        self, parent: container.Container, request: Exec, files: list[int]
    ) -> ExecStarted | ExecFailed:
        """`parent`: the container. Takes what it keeps out of `files`."""
        terminal = bool(request.process.get("terminal"))
        ends = None if terminal else pipes(stdin=request.stdin_open, output=request.attach is not None)
        try:
            pid, pidfd, console = container.execute(
                parent, request.process, Stdio(*ends.theirs) if ends else None, request.seccomp
            )
        except (SampanError, OSError) as error:
            _close_ours(ends)
            return _failed(request.exec_id, error)
        finally:
            if ends is not None:
                channel.close_all(ends.theirs)
        process = Process(self._loop, request.exec_id, close_stdin=True, sink=None, left=self._left)
        self._running[request.exec_id] = process
        if ends is not None:
            process.connect(ends.stdin, ends.outputs)
        elif console is not None:
            process.connect_console(console)
        process.watch(pid, pidfd, self._reap)
        self._attach(process, request, files)
        return ExecStarted(request.exec_id, pid)

    def _attach(self, process: Process, request: Exec, files: list[int]) -> None:
        if request.attach is not None and files:
            process.attach(request.attach, files.pop(0))

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
        self._emit(ExecExited(process.exec_id, process.exit_code))
        if process.finished:
            process.close_output()
        else:  # it left something running that still holds its output
            self._loop.after(EXEC_GRACE, process.finish_sessions)
        self._trailing = [other for other in self._trailing if other.draining]
        self._trailing.append(process)

    def end(self) -> None:
        """The container is dead: so are all of these, or nearly (a container in the host's pid namespace)."""
        for process in tuple(self._running.values()):
            with contextlib.suppress(ProcessLookupError):
                process.kill(_SIGKILL)
            _wait(process.pidfd)
            if process.reap():
                self._finish(process)
        for process in self._trailing:
            process.drain()
            process.close_output()

    @property
    def draining(self) -> bool:
        return any(process.draining for process in self._trailing)


def _wait(pidfd: int) -> None:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.poll(2000)


def _close_ours(ends: Ends | None) -> None:
    if ends is not None:
        channel.close_all(list(ends.outputs))
        if ends.stdin is not None:
            os.close(ends.stdin)


def _failed(exec_id: str, error: SampanError | OSError) -> ExecFailed:
    return ExecFailed(exec_id, kind_of(error), str(error), getattr(error, "exit_code", 126))


def kind_of(error: BaseException) -> str:
    """The name of the class of `sampan.errors` that an error is."""
    if isinstance(name := getattr(error, "kind", None), str):  # runtime.failure.OciError
        return name
    for kind in type(error).__mro__:
        if kind.__module__ == SampanError.__module__:
            return kind.__name__
    return Internal.__name__
