"""The daemon's end of the launcher; that of a monitor is `engine.monitorlink`.

*Async*: every call returns at once or waits in the event loop; files and processes are looked at on a
worker thread. The protocol, with what each message means, is `runtime.protocol`.

Descriptors that are passed in (`listeners`, streams) are borrowed: the kernel duplicates them on the
way, and the caller closes its own when the call has returned.
"""

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import sampan
from sampan.engine.monitorlink import MonitorLink
from sampan.engine.packets import Packets
from sampan.errors import NotFound, Unavailable
from sampan.runtime import channel, remains, seal
from sampan.runtime.channel import Packet
from sampan.runtime.protocol import (
    MESSAGE_LIMIT,
    Format,
    Launch,
    Message,
    Plug,
    Ps,
    Reaped,
    Reply,
    Resolve,
    Spawned,
    decode,
)
from sampan.runtime.rundir import RunDirectory

_REMEMBERED = 1024  # exit codes of orphans
# A launch may still reach a launcher that is dying, the second finds it dead, the third a new one.
_ATTEMPTS = 3
_ORPHAN = 1.0  # seconds that the launcher gets to tell how an orphan ended
_LISTING = 30.0  # seconds for ps
_LISTINGS = 4  # ps at once: each reads the whole of /proc
_DYING = 10.0  # seconds for the starter of a monitor that was killed
_log = logging.getLogger(__name__)
_PACKAGES = Path(sampan.__file__).resolve().parent.parent
_PROGRAM = _PACKAGES / "sampan" / "runtime" / "__main__.py"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class _Waiting(NamedTuple):
    """For a process that the launcher is to run."""

    answer: asyncio.Future[Spawned]
    wanted: bool  # the exit code, too


class Launcher:
    """One for the daemon; started again when it dies. `program`: the script that it runs."""

    def __init__(self, program: Path = _PROGRAM) -> None:
        self._program = program
        self._run_root = ""
        self._packets: Packets | None = None
        self.pid = 0
        self._orphans: dict[int, int] = {}
        self._unasked: set[int] = set()  # pids of those that we had it run, and whose exit code nobody wants
        self._news = asyncio.Event()
        self._spawned: dict[int, _Waiting] = {}
        self._sequence = 0
        self._listings = asyncio.Semaphore(_LISTINGS)
        self._starting = asyncio.Lock()
        self._closing = False

    async def open(self, run_root: str) -> None:
        """Start it, so that the first container finds it warm."""
        self._run_root = run_root
        await self._running()

    async def close(self) -> None:
        """It ends by itself when its socket closes; the monitors stay."""
        self._closing = True
        if self._packets is not None:
            self._packets.close()
            await asyncio.to_thread(_reap, self.pid)
            self._packets = None

    async def launch(
        self, request: Launch, listeners: Sequence[int] = (), streams: Sequence[int] = ()
    ) -> "MonitorLink":
        """Run a container. `listeners` as `request.listeners` number them from 1 (file 0 is the control
        connection), `streams` in the order of `request.attaches`. Raises LaunchFailed, Unavailable."""
        for _attempt in range(_ATTEMPTS):
            packets = await self._running()
            link = MonitorLink(request.bundle, request.state_dir, self)
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                link.connect(ours)
                await packets.send(request, [theirs.fileno(), *listeners, *streams])
            except BrokenPipeError:
                link.close()
                self._lost(packets)
                continue
            finally:
                theirs.close()
            if await link.wait_started():
                return link
            try:
                async with asyncio.timeout(_DYING):
                    ran = await asyncio.to_thread(_clear, request.bundle)
            except TimeoutError:
                break  # whoever starts the daemon next will clear it
            if ran:
                break  # not a second time
        raise Unavailable("the container's monitor was killed while it was to start the container")

    async def ps(self, arguments: list[str], output: int, errors: int) -> int:
        """Run the host's ps(1) to its end: its exit code. Raises Unavailable, NotFound when there is none."""
        async with self._listings:
            return await self._ps(Ps(arguments), [output, errors])

    async def format(self, arguments: list[str], output: int, errors: int) -> int:
        """Run mkfs.ext4(8) to its end: its exit code. Raises Unavailable, NotFound when there is none."""
        return await self._ps(Format(arguments), [output, errors])

    async def resolve(self, arguments: list[str], ready: int) -> None:
        """Start the resolver. Raises Unavailable."""
        spawned = await self._spawned_by(Resolve(arguments), [ready])
        if not spawned.pid:
            raise Unavailable(f"the resolver of container names cannot be started: {spawned.error}")

    async def plug(self, request: Plug, files: Sequence[int]) -> Reply:
        """Change the network of a running container. `files`: [network namespace, pidfd]."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            spawned = await self._spawned_by(request, [files[0], theirs.fileno(), files[1]])
            theirs.close()
            if not spawned.pid:
                raise Unavailable(f"no process to be had: {spawned.error}")
            async with asyncio.timeout(_LISTING):
                data = await asyncio.get_running_loop().sock_recv(ours, MESSAGE_LIMIT)
        except TimeoutError:
            raise Unavailable("changing the container's network does not end") from None
        finally:
            ours.close()
            theirs.close()
        if not data:
            raise Unavailable("the process that was to change the container's network was killed")
        reply, _ = decode(data)
        assert isinstance(reply, Reply)
        return reply

    async def _spawned_by(self, request: Message, files: Sequence[int], *, wanted: bool = False) -> Spawned:
        """`wanted`: its exit code, too."""
        packets = await self._running()
        self._sequence += 1
        sequence = self._sequence
        answer: asyncio.Future[Spawned] = asyncio.get_running_loop().create_future()
        self._spawned[sequence] = _Waiting(answer, wanted)
        try:
            await packets.send(request, files, sequence)
            return await answer
        except BrokenPipeError:
            raise Unavailable("the launcher has ended") from None
        finally:
            del self._spawned[sequence]

    async def _ps(self, request: Ps | Format, files: list[int]) -> int:
        spawned = await self._spawned_by(request, files, wanted=True)
        if not spawned.pid:
            raise NotFound(spawned.error)
        code = await self.exit_code(spawned.pid, _LISTING)
        if code is None:
            raise Unavailable(f"{type(request).__name__.lower()} does not end")
        return code

    async def exit_code(self, pid: int, seconds: float = _ORPHAN) -> int | None:
        """How a process ended that a killed monitor left to the launcher, or that it ran for us; None: nobody
        saw it."""
        try:
            async with asyncio.timeout(seconds):
                while pid not in self._orphans and self._packets is not None and not self._packets.closed:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pass
        return self._orphans.pop(pid, None)

    async def _running(self) -> Packets:
        async with self._starting:
            if self._packets is None or self._packets.closed:
                ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                try:
                    self.pid = await asyncio.to_thread(_spawn, self._program, theirs.fileno(), self._run_root)
                finally:
                    theirs.close()
                self._packets = Packets(ours, self._received, self._ended)
            return self._packets

    def _received(self, packet: Packet) -> None:
        channel.close_all(packet.files)
        message, sequence = decode(packet.data)
        if isinstance(message, Spawned):
            waiting = self._spawned.get(sequence)
            self._begun(message.pid, wanted=waiting is not None and waiting.wanted)
            if waiting is not None and not waiting.answer.done():
                waiting.answer.set_result(message)
        elif isinstance(message, Reaped):
            self._reaped(message)

    def _begun(self, pid: int, *, wanted: bool) -> None:
        """The launcher tells of a process before it tells of its end: what is known already under its number
        is of another one that had it before."""
        self._orphans.pop(pid, None)
        self._unasked.discard(pid)
        if pid and not wanted:
            self._unasked.add(pid)

    def _reaped(self, message: Reaped) -> None:
        if message.pid in self._unasked:
            self._unasked.discard(message.pid)
            return
        self._orphans[message.pid] = message.exit_code
        while len(self._orphans) > _REMEMBERED:
            del self._orphans[next(iter(self._orphans))]
        self._news.set()

    def _lost(self, packets: Packets) -> None:
        """It is gone, and we notice before its end of file is read."""
        if not packets.closed:
            packets.close()
            self._ended()

    def _ended(self) -> None:
        self._news.set()
        self._unasked.clear()
        for waiting in self._spawned.values():
            if not waiting.answer.done():
                waiting.answer.set_exception(Unavailable("the launcher has ended"))
        asyncio.get_running_loop().run_in_executor(None, _reap, self.pid)


def _clear(run_dir: str) -> bool:
    """A monitor died before it could say anything. Whether its container had begun."""
    try:
        directory = RunDirectory(run_dir)
    except FileNotFoundError:
        return False
    with directory:
        directory.take()
        started = directory.read_state()
        remains.end(directory, started)
        return started is not None


def _spawn(program: Path, control: int, run_root: str) -> int:
    arguments = [sys.executable, "-I", "-S", str(program), str(_PACKAGES), "3", run_root]
    null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    interpreter = seal.sealed(sys.executable, _log.warning)
    try:
        return os.posix_spawn(
            sys.executable if interpreter is None else f"/proc/self/fd/{interpreter}",
            arguments,
            {"PATH": _PATH, "MALLOC_ARENA_MAX": "1", "LC_ALL": "C.UTF-8"},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, null, 1),
                (os.POSIX_SPAWN_DUP2, control, 3),
            ],
            setsigmask=[],
        )
    finally:
        os.close(null)
        if interpreter is not None:
            os.close(interpreter)


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
