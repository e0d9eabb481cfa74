"""The daemon's end of one monitor: what is asked of it, what it tells, and how it is found again.

*Async*: every call returns at once or waits in the event loop; files and processes are looked at on a
worker thread. The protocol, with what each message means, is `runtime.protocol`.
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sampan import errors
from sampan.engine.packets import Packets
from sampan.errors import Conflict, Internal, InvalidArgument, NotFound, SampanError, Unavailable
from sampan.runtime import channel, remains
from sampan.runtime.channel import Packet
from sampan.runtime.protocol import (
    Attach,
    ClearLog,
    Detached,
    Exec,
    ExecExited,
    ExecFailed,
    ExecStarted,
    ExecState,
    Exited,
    Failed,
    Hello,
    Kill,
    Listener,
    Message,
    Port,
    Publish,
    Reply,
    Resize,
    Started,
    State,
    Stop,
    decode,
)
from sampan.runtime.rundir import RunDirectory, read_exit

Event = Exited | ExecExited | Detached
_AGAIN = 1.0  # seconds


class Witness(Protocol):
    """Who sees how processes end that a killed monitor has left: the launcher."""

    async def exit_code(self, pid: int) -> int | None: ...


class LaunchFailed(SampanError):
    """The container, or the process to be exec'ed, never ran. `kind`: what to answer it as."""

    def __init__(self, message: str, exit_code: int, kind: type[SampanError]) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # 126: not executable, 127: not found, 128: anything else
        self.kind = kind


class MonitorLink:
    """A connection to one monitor, for as long as its container runs."""

    started: Started

    def __init__(self, run_dir: str, state_dir: str, launcher: Witness | None) -> None:
        self.on_event: Callable[[Event], None] = _nobody
        self.execs: list[ExecState] = []  # at the time of an adoption: running ones and the last that ended
        self.ports: Sequence[Port] = ()  # at the time of an adoption: those of the host that it holds
        self._run_dir = run_dir
        self._state_dir = state_dir
        self._launcher = launcher
        self._packets: Packets | None = None
        self._sequence = 0
        self._begun = False
        self._requests: dict[int, asyncio.Future[Any]] = {}
        loop = asyncio.get_running_loop()
        self._first: asyncio.Future[Started | Failed | None] = loop.create_future()
        self._exited: asyncio.Future[Exited] = loop.create_future()
        self._settling: asyncio.Task[None] | None = None

    # -- life --------------------------------------------------------------------------------------

    def connect(self, sock: socket.socket) -> None:
        self._packets = Packets(sock, self._received, self._ended)

    def close(self) -> None:
        """Let go of the monitor; it goes on."""
        if self._packets is not None:
            self._packets.close()
        self._fail_requests()

    async def wait_started(self) -> bool:
        """False: nobody is at the other end any more. Raises LaunchFailed."""
        first = await self._first
        if isinstance(first, Failed):
            kind = getattr(errors, first.kind, Internal)
            raise LaunchFailed(first.message, first.exit_code, kind)
        return first is not None

    async def hello(self) -> State | None:
        """Get to know a monitor that another daemon launched; None: it ended meanwhile."""
        try:
            state = await self._request(Hello())
        except Conflict:
            return None
        assert isinstance(state, State)
        self._begin(state.started)
        self.execs, self.ports = state.execs, state.ports
        if state.exited is not None:
            self._conclude(state.exited)
        return state

    async def exited(self) -> Exited:
        """How the container ended. Never raises on account of a monitor that was killed."""
        return await asyncio.shield(self._exited)

    # -- verbs -------------------------------------------------------------------------------------
    # Conflict: the process has ended. NotFound: no such exec.

    async def kill(self, signal: int, exec_id: str | None = None) -> None:
        await self._do(Kill(signal, exec_id))

    async def stop(self, signal: int, timeout: float) -> None:
        """Returns when the signal is sent; wait for `exited`. The monitor keeps the deadline."""
        await self._do(Stop(signal, timeout))

    async def resize(self, height: int, width: int, exec_id: str | None = None) -> None:
        await self._do(Resize(height, width, exec_id))

    async def clear_log(self) -> None:
        await self._do(ClearLog())

    async def publish(
        self, kept: Sequence[Port], listeners: Sequence[Listener] = (), files: Sequence[int] = ()
    ) -> None:
        """Hold these ports of the host and no others; those are free when this returns."""
        await self._do(Publish(kept, listeners), files)

    async def attach(self, attach: Attach, stream: int) -> None:
        """When this returns, the client gets everything that is written from now on."""
        await self._do(attach, [stream])

    async def execute(self, request: Exec, stream: int | None = None) -> ExecStarted:
        """Raises LaunchFailed, with nothing written to the stream; Conflict."""
        answer = await self._request(request, [] if stream is None else [stream])
        if isinstance(answer, ExecFailed):
            raise LaunchFailed(answer.message, answer.exit_code, getattr(errors, answer.kind, Internal))
        if isinstance(answer, Reply):
            _check(answer)
        assert isinstance(answer, ExecStarted)
        return answer

    async def _do(self, request: Message, files: Sequence[int] = ()) -> None:
        _check(await self._request(request, files))

    async def _request(self, request: Message, files: Sequence[int] = ()) -> Any:
        if self._packets is None or self._packets.closed:
            raise Conflict("the container's monitor has ended")
        self._sequence += 1
        sequence = self._sequence
        answer = asyncio.get_running_loop().create_future()
        self._requests[sequence] = answer
        try:
            await self._packets.send(request, files, sequence)
            return await answer
        except BrokenPipeError:
            raise Conflict("the container's monitor has ended") from None
        finally:
            self._requests.pop(sequence, None)

    # -- what comes in -----------------------------------------------------------------------------

    def _received(self, packet: Packet) -> None:
        channel.close_all(packet.files)
        message, sequence = decode(packet.data)
        if sequence:
            answer = self._requests.get(sequence)
            if answer is not None and not answer.done():
                answer.set_result(message)
        elif isinstance(message, Started | Failed):
            if isinstance(message, Started):
                self._begin(message)
            if not self._first.done():
                self._first.set_result(message)
        elif isinstance(message, Exited):
            self._conclude(message)
        elif isinstance(message, ExecExited | Detached):
            self.on_event(message)

    def _begin(self, started: Started) -> None:
        self.started = started
        self._begun = True

    def _ended(self) -> None:
        self._fail_requests()
        if not self._begun:
            if not self._first.done():
                self._first.set_result(None)
        elif not self._exited.done():
            self._settling = asyncio.create_task(self._settle())

    def _fail_requests(self) -> None:
        for answer in self._requests.values():
            if not answer.done():
                answer.set_exception(Conflict("the container's monitor has ended"))

    def _conclude(self, exited: Exited) -> None:
        if not self._exited.done():
            self._exited.set_result(exited)
            self.on_event(exited)

    async def _outcome(self) -> socket.socket | Exited | None:
        """`settle`, until it succeeds: a process that does not die (uninterruptible sleep) tells no event."""
        while True:
            try:
                return await settle(self._run_dir, self._state_dir, self.started, self._launcher)
            except (OSError, SampanError):
                await asyncio.sleep(_AGAIN)

    async def _settle(self) -> None:
        """The connection ended without `Exited`."""
        outcome = await self._outcome()
        if isinstance(outcome, socket.socket):  # it lives: it had closed a connection that we did not read
            self.connect(outcome)
            await self.hello()
        elif outcome is not None:
            self._conclude(outcome)


async def adopt(run_dir: str, state_dir: str, launcher: Witness | None = None) -> MonitorLink | Exited | None:
    """Find again what an earlier daemon launched. None: nothing of it ever ran, or nothing is known.

    It waits for a container that is just starting. Raises as `settle`.
    An `Exited` is the last end on record: the caller compares its `started_at` with what it knows.
    """
    while True:
        outcome = await settle(run_dir, state_dir, None, launcher)
        if not isinstance(outcome, socket.socket):
            return outcome
        link = MonitorLink(run_dir, state_dir, launcher)
        link.connect(outcome)
        if await link.hello() is not None:
            return link
        link.close()


async def settle(
    run_dir: str, state_dir: str, started: Started | None, launcher: Witness | None
) -> socket.socket | Exited | None:
    """A living monitor's socket, or how its container ended; a container without a monitor is ended.

    `started` None: whatever the run directory tells. Raises TimeoutError and Unavailable when a process
    does not die and a monitor does not answer: then nothing was changed, and it can be tried again.
    """
    try:
        directory = RunDirectory(run_dir)
    except FileNotFoundError:
        return read_exit(state_dir, run_dir, started)
    with directory:
        if not directory.lock():
            outcome = await asyncio.to_thread(_living, directory, state_dir, started)
            if outcome is not None:
                return outcome
            if not directory.lock():  # unless it was killed meanwhile
                raise Unavailable("the container's monitor does not answer")
        started = started or directory.read_state()
        exited = read_exit(state_dir, run_dir, started)
        if exited is not None:
            return exited
        ended = await asyncio.to_thread(remains.end, directory, started)
        if started is None:
            return None
        known = await launcher.exit_code(started.pid) if launcher is not None else None
        return await asyncio.to_thread(remains.conclude, state_dir, run_dir, started, ended, known)


def _living(
    directory: RunDirectory, state_dir: str, started: Started | None
) -> socket.socket | Exited | None:
    """Of a monitor that has its lock: its socket; or, when it listens no more, its container's end."""
    for _attempt in range(2):
        with contextlib.suppress(OSError):
            return socket.socket(fileno=directory.connect().detach())
        known = started or directory.read_state()
        if known is not None and (exited := read_exit(state_dir, directory.path, known)) is not None:
            return exited
        if not remains.wait_for_socket(directory):
            break
    return None


def _check(reply: Reply) -> None:
    if reply.errno == 0:
        return
    kinds: dict[int, type[SampanError]] = {
        errno.ESRCH: Conflict,
        errno.ENOENT: NotFound,
        errno.EINVAL: InvalidArgument,
    }
    raise kinds.get(reply.errno, Internal)(reply.message)


def _nobody(_event: Event) -> None:
    """Until the engine says who listens."""
