"""The resolver's process: who hands it sockets, who asks, and when it ends.

RUN_ROOT/resolver.sock takes two kinds of connections. A starter sends one message, a container's ID with
[udp, tcp, pidfd], gets a byte when they are served, and goes. A daemon keeps its connection open for as long
as it needs us. With no container and no connection left, the process ends.
"""

import array
import asyncio
import contextlib
import fcntl
import os
import select
import socket
from collections.abc import Coroutine
from typing import Any, NamedTuple

from sampan.resolver import answer, table
from sampan.resolver.forward import forward
from sampan.resolver.table import Client, Table

SOCKET = "resolver.sock"
_LOCK = "containers"  # the directory itself: there is no file to be left behind
_AT_ONCE = 1024  # questions of one container that others are asked, and connections, as in Docker
_LIMIT = 65535
_BURST = 16  # datagrams that are read before others get their turn
_UNUSED = 10.0  # seconds that nobody needs us from the first
_TRY_AGAIN = 20  # milliseconds: the kernel tells nobody that a lock is free but who stands still for it
_IDLE = 10.0  # seconds of a client's TCP connection
_OOM_SCORE = b"-500"


class Sandbox(NamedTuple):
    """A container's sockets, how we hear of its end, and what is being done for it. `runs`: what the table
    called it when it came."""

    container: str
    udp: socket.socket
    tcp: socket.socket
    pidfd: int
    runs: frozenset[str]
    tasks: set[asyncio.Task[None]]

    @property
    def busy(self) -> bool:
        return len(self.tasks) >= _AT_ONCE

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class Resolver:
    def __init__(self, run_root: str) -> None:
        self._path = f"{run_root}/{SOCKET}"
        self._table = Table(run_root)
        self._sandboxes: dict[str, Sandbox] = {}
        self._dead: set[str] = set()
        self._held = 0
        self._over = asyncio.Event()
        self._listener: socket.socket | None = None

    async def run(self) -> None:
        self._listen()
        try:
            os.write(0, b"1")
        except OSError:  # who started us has found another one meanwhile, or is gone
            self._over.set()
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 0)
        # A second one that waited for our predecessor's end may never be needed.
        asyncio.get_running_loop().call_later(_UNUSED, self._over.set)
        while True:
            await self._over.wait()
            self._over.clear()
            if self._held or self._sandboxes or self._taken_up():
                continue
            return

    # -- connections -------------------------------------------------------------------------------

    def _listen(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.setblocking(False)
        listener.bind(self._path)
        os.chmod(self._path, 0o600)
        listener.listen(128)
        self._listener = listener
        asyncio.get_running_loop().add_reader(listener, self._accept)

    def _accept(self) -> None:
        assert self._listener is not None
        with contextlib.suppress(BlockingIOError):
            while True:
                connection, _ = self._listener.accept()
                connection.setblocking(False)
                self._held += 1
                asyncio.get_running_loop().add_reader(connection, self._received, connection)

    def _taken_up(self) -> bool:
        """The last look before the end: whoever came meanwhile keeps us; who comes later finds nobody."""
        assert self._listener is not None
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        self._accept()
        if not self._held:
            return False
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        self._listen()
        return True

    def _received(self, connection: socket.socket) -> None:
        try:
            data, files = _receive(connection)
        except BlockingIOError:
            return
        except OSError:
            data, files = b"", []
        if data and len(files) == 3:
            self._serve(data.decode(), files)
            with contextlib.suppress(OSError):
                connection.send(b"1")
        elif not data:
            asyncio.get_running_loop().remove_reader(connection)
            connection.close()
            self._held -= 1
            self._over.set()

    # -- containers --------------------------------------------------------------------------------

    def _serve(self, container: str, files: list[int]) -> None:
        if container in self._sandboxes:
            self._end(self._sandboxes[container])
        runs = table.runs(self._table.read(), container)
        self._dead -= runs
        udp, tcp = (socket.socket(fileno=one) for one in files[:2])
        sandbox = Sandbox(container, udp, tcp, files[2], frozenset(runs), set())
        self._sandboxes[container] = sandbox
        loop = asyncio.get_running_loop()
        for one in (sandbox.udp, sandbox.tcp):
            one.setblocking(False)
        loop.add_reader(sandbox.udp, self._asked, sandbox)
        loop.add_reader(sandbox.tcp, self._called, sandbox)
        loop.add_reader(sandbox.pidfd, self._end, sandbox)

    def _end(self, sandbox: Sandbox) -> None:
        """Its sockets hold its network namespace: they must go with it."""
        loop = asyncio.get_running_loop()
        for one in (sandbox.udp, sandbox.tcp, sandbox.pidfd):
            loop.remove_reader(one)
        sandbox.udp.close()
        sandbox.tcp.close()
        os.close(sandbox.pidfd)
        for task in sandbox.tasks:
            task.cancel()
        if self._sandboxes.get(sandbox.container) is sandbox:
            del self._sandboxes[sandbox.container]
            names = self._table.read()
            known = table.runs(names, sandbox.container)
            # What it was plugged into later has ended with it; what is of its next run already has not.
            self._dead |= sandbox.runs | known if known & sandbox.runs else sandbox.runs
            self._dead &= {entry.run for one in names.networks.values() for entry in one.entries}
        self._over.set()

    # -- questions ---------------------------------------------------------------------------------

    def _asked(self, sandbox: Sandbox) -> None:
        for _ in range(_BURST):
            try:
                data, where = sandbox.udp.recvfrom(_LIMIT)
            except OSError:
                return
            reply = self._answer(sandbox, data, stream=False)
            if isinstance(reply, bytes):
                _send(sandbox.udp, reply, where)
            elif reply is not None:
                sandbox.spawn(self._ask_others(sandbox, data, reply, where))

    def _answer(self, sandbox: Sandbox, data: bytes, *, stream: bool) -> bytes | Client | None:
        """The answer, or whose servers have it, or nothing."""
        asked = answer.read(data, stream=stream)
        if asked is None:
            return None
        names = self._table.read()
        client = names.clients.get(sandbox.container)
        if client is None:
            return answer.failure(asked)
        own = answer.answer(asked, names, client, self._dead)
        if own is not None:
            return own
        if not table.forwards(names, client) or (sandbox.busy and not stream):
            return answer.failure(asked)
        return client

    async def _ask_others(self, sandbox: Sandbox, data: bytes, client: Client, where: Any) -> None:
        reply = await _forwarded(data, client, stream=False)
        if reply and sandbox.udp.fileno() >= 0:
            _send(sandbox.udp, reply, where)

    def _called(self, sandbox: Sandbox) -> None:
        with contextlib.suppress(OSError):
            connection, _ = sandbox.tcp.accept()
            connection.setblocking(False)
            if sandbox.busy:
                connection.close()
            else:
                sandbox.spawn(self._talk(sandbox, connection))

    async def _talk(self, sandbox: Sandbox, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            while sandbox.container in self._sandboxes:
                async with asyncio.timeout(_IDLE):
                    data = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                reply = self._answer(sandbox, data, stream=True)
                if isinstance(reply, Client):
                    reply = await _forwarded(data, reply, stream=True)
                if reply is None:
                    return
                writer.write(len(reply).to_bytes(2, "big") + reply)
                async with asyncio.timeout(_IDLE):
                    await writer.drain()
        except (OSError, EOFError, TimeoutError):
            pass
        finally:
            writer.close()


async def _forwarded(data: bytes, client: Client, *, stream: bool) -> bytes | None:
    reply = await forward(data, client.servers, stream=stream)
    if reply is None and (asked := answer.read(data)) is not None:
        return answer.failure(asked)
    return reply


def _send(sender: socket.socket, data: bytes, where: Any) -> None:
    with contextlib.suppress(OSError):  # a client that is gone, a full buffer: it asks again
        sender.sendto(data, where)


def _receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    data, ancillary, _, _ = connection.recvmsg(256, socket.CMSG_SPACE(3 * 4), socket.MSG_CMSG_CLOEXEC)
    files = array.array("i")
    for level, kind, payload in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            files.frombytes(payload[: len(payload) // 4 * 4])
    if len(files) != 3:
        for fd in files:
            os.close(fd)
        return data, []
    return data, list(files)


def main(run_root: str) -> None:
    with contextlib.suppress(OSError):
        os.setsid()
    os.chdir("/")
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "wb") as file:
        file.write(_OOM_SCORE)
    lock = os.open(f"{run_root}/{_LOCK}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    if _wait_for(lock):
        asyncio.run(Resolver(run_root).run())


def _wait_for(lock: int) -> bool:
    """One that is about to end has it a moment longer. False: one that goes on has it, and whoever started us
    has found that one."""
    patience = select.poll()
    patience.register(0, 0)  # POLLHUP, which always counts
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if patience.poll(_TRY_AGAIN):
                return False
        else:
            return True
