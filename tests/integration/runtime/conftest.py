"""Containers for the monitor's tests: a busybox root, real namespaces, one launcher per test."""

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sampan.engine.monitorlink import Event, MonitorLink
from sampan.engine.runner import Launcher
from sampan.oci import runtime as oci
from sampan.runtime.protocol import Attach, Exec, Exited, Launch, Log, Rootfs

PATIENCE = 20.0  # seconds


@pytest.fixture(scope="session")
def busybox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = shutil.which("busybox")
    if program is None:
        pytest.skip("busybox is not installed")
    root = tmp_path_factory.mktemp("busybox")
    for directory in ("bin", "proc", "sys", "dev", "etc", "tmp", "root"):
        (root / directory).mkdir()
    shutil.copy(program, root / "bin/busybox")
    subprocess.run(["chroot", root, "/bin/busybox", "--install", "-s", "/bin"], check=True)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    return root


class Client:
    """The far end of a stream that was handed to a monitor."""

    def __init__(self) -> None:
        self.socket, self.theirs = socket.socketpair()
        self.socket.setblocking(False)

    def handed_over(self) -> None:
        self.theirs.close()

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    def end_input(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    async def read(self) -> bytes:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.socket, 65536), PATIENCE)

    async def read_to_end(self) -> bytes:
        data = b""
        while part := await self.read():
            data += part
        return data

    async def read_until(self, wanted: bytes) -> bytes:
        data = b""
        while wanted not in data:
            part = await self.read()
            assert part, f"ended with {data!r}, without {wanted!r}"
            data += part
        return data

    def close(self) -> None:
        self.socket.close()


class Machine:
    """Makes bundles and launches them. `base` holds run and data roots."""

    def __init__(self, base: Path, root: Path) -> None:
        self.base = base
        self.run_root = base / "run"
        self.root = root
        self.launcher = Launcher()
        self.pids: set[int] = set()
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> "Machine":
        await self.launcher.open(str(self.run_root))
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.launcher.close()

    def prepare(
        self,
        arguments: Sequence[str],
        *,
        terminal: bool = False,
        namespaces: Sequence[str] = (),
        **options: Any,
    ) -> Launch:
        name = f"{self.base.name}-{next(self._numbers)}"
        run, state = self.run_root / name, self.base / "data" / name
        run.mkdir(parents=True)
        for directory in ("diff", "work"):
            (state / directory).mkdir(parents=True)
        (run / "config.json").write_text(json.dumps(self._spec(name, arguments, terminal, namespaces)))
        options.setdefault("log", Log("json-file", str(state / "log")))
        options.setdefault("rootfs", Rootfs([str(self.root)], str(state / "diff"), str(state / "work")))
        return Launch(name, str(run), str(state), **options)

    async def launch(self, request: Launch, clients: Sequence[Client] = (), **more: Any) -> MonitorLink:
        streams = [client.theirs.fileno() for client in clients]
        link = await asyncio.wait_for(self.launcher.launch(request, streams=streams, **more), PATIENCE)
        self.pids |= {link.started.pid, link.started.monitor_pid}
        for client in clients:
            client.handed_over()
        return link

    async def run(self, *arguments: str, **options: Any) -> tuple[MonitorLink, Launch]:
        request = self.prepare(arguments, **options)
        return await self.launch(request), request

    def process(self, *arguments: str, terminal: bool = False) -> dict[str, Any]:
        return self._process(arguments, terminal)

    def _process(self, arguments: Sequence[str], terminal: bool) -> dict[str, Any]:
        capabilities = list(oci.CAPABILITIES)
        return {
            "terminal": terminal,
            "user": {"uid": 0, "gid": 0},
            "args": list(arguments),
            "env": [f"PATH={oci.PATH}", "HOME=/root"],
            "cwd": "/",
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), capabilities),
            "oomScoreAdj": 0,
        }

    def _spec(
        self, name: str, arguments: Sequence[str], terminal: bool, namespaces: Sequence[str]
    ) -> dict[str, Any]:
        kinds = namespaces or ("pid", "mount", "network", "uts", "ipc", "cgroup")
        return {
            "ociVersion": oci.VERSION,
            "process": self._process(arguments, terminal),
            "root": {"path": str(self.root)},
            "hostname": "test",
            "mounts": list(oci.MOUNTS),
            "linux": {
                "cgroupsPath": f"/sampan-test-monitor/{name}",
                "namespaces": [{"type": kind} for kind in kinds],
                "maskedPaths": list(oci.MASKED_PATHS),
                "readonlyPaths": list(oci.READONLY_PATHS),
            },
        }


@pytest.fixture
def base() -> Iterator[Path]:
    """Run and data roots, away from pytest's long paths; everything below them must be gone at the end."""
    path = Path(tempfile.mkdtemp(prefix="monitor-", dir="/var/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def machine(base: Path, busybox: Path) -> Iterator[Callable[[], Machine]]:
    """Make it inside the event loop. Afterwards no process and no cgroup of the test is left."""
    made: list[Machine] = []

    def make() -> Machine:
        made.append(Machine(base, busybox))
        return made[-1]

    yield make
    wait_until(lambda: not leftovers(base))
    left = leftovers(base)
    inside = [int(pid) for group in cgroups(base) for pid in Path(group, "cgroup.procs").read_text().split()]
    for pid in {*inside, *(int(line.split()[0]) for line in left)}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not left
    assert wait_until(lambda: not cgroups(base)), cgroups(base)


def leftovers(base: Path) -> list[str]:
    """Processes that have something of the test open or in their command line."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            name = Path(f"/proc/{pid}/comm").read_text().strip()
            line = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
            links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            continue
        if int(pid) != os.getpid() and (str(base) in line or any(str(base) in link for link in links)):
            found.append(f"{pid} {name}")
    return found


def cgroups(base: Path) -> list[str]:
    found = subprocess.run(
        ["find", "/sys/fs/cgroup", "-type", "d", "-path", f"*sampan-test-monitor/{base.name}*"],
        capture_output=True,
        text=True,
    )
    return found.stdout.split()


def wait_until(condition: Callable[[], bool], seconds: float = 12.0) -> bool:
    """For what no event tells: a process that we are not the parent of is gone."""
    import select
    import time

    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        select.select([], [], [], 0.02)
    return True


def in_loop(body: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(body())


async def ended(link: MonitorLink) -> Exited:
    return await asyncio.wait_for(link.exited(), PATIENCE)


class Events:
    """Collects what a link tells."""

    def __init__(self, link: MonitorLink) -> None:
        self.seen: list[Event] = []
        self._news = asyncio.Event()
        link.on_event = self._add

    def _add(self, event: Event) -> None:
        self.seen.append(event)
        self._news.set()

    async def wait(self, kind: type[Event], count: int = 1) -> list[Any]:
        async with asyncio.timeout(PATIENCE):
            while len(found := [event for event in self.seen if isinstance(event, kind)]) < count:
                self._news.clear()
                await self._news.wait()
        return found


def attach(session: str = "s", *, raw: bool = False, stdin: bool = True, **more: Any) -> Attach:
    return Attach(session, stdin, True, True, "raw" if raw else "multiplexed", **more)


def execution(name: str, process: dict[str, Any], client: Client | None = None, **more: Any) -> Exec:
    session = attach(name, raw=bool(process["terminal"]), exec_id=name) if client else None
    return Exec(name, process, session, **more)
