"""What is left of a container when daemon, launcher or monitor are killed at any moment."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sampan.engine.monitorlink import LaunchFailed, MonitorLink, adopt
from sampan.errors import Conflict, Unavailable
from sampan.runtime.logreader import LogReader
from sampan.runtime.protocol import EXIT_FILE, ExecState, Exited, Launch

from .conftest import Client, Machine, attach, ended, execution, in_loop, wait_until

pytestmark = pytest.mark.root
Make = Callable[[], Machine]


async def adopted(request: Launch) -> MonitorLink:
    link = await adopt(request.bundle, request.state_dir)
    assert isinstance(link, MonitorLink)
    return link


def test_adopt_what_runs(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            link, request = await here.run("sleep", "1000")
            await link.execute(execution("e", here.process("sleep", "1000")))
            link.close()
            again = await adopted(request)
            assert again.started == link.started
            (state,) = again.execs
            assert state == ExecState("e", state.pid, True, None)
            await again.kill(9)
            assert (await ended(again)).exit_code == 137

    in_loop(body)


def test_adopt_what_ended_meanwhile(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            link, request = await here.run("sh", "-c", "exit 6")
            await ended(link)
            link.close()
            outcome = await adopt(request.bundle, request.state_dir)
            assert isinstance(outcome, Exited)
            assert (outcome.exit_code, outcome.started_at) == (6, link.started.started_at)

    in_loop(body)


def test_adopt_races_the_end(machine: Make) -> None:
    """Whoever asks while a container ends gets its exit code, by the link or from the record."""

    async def body() -> None:
        async with machine() as here:
            for delay in range(15):
                link, request = await here.run("sh", "-c", "exit 8")
                await asyncio.sleep(delay / 3000)
                outcome = await adopt(request.bundle, request.state_dir)
                assert outcome is not None
                exited = outcome if isinstance(outcome, Exited) else await ended(outcome)
                assert exited == await ended(link)
                assert exited.exit_code == 8

    in_loop(body)


def test_adopt_nothing(machine: Make, base: Path) -> None:
    async def body() -> None:
        async with machine() as here:
            assert await adopt(str(base / "nowhere"), str(base / "nowhere")) is None
            request = here.prepare(["true"])
            assert await adopt(request.bundle, request.state_dir) is None

    in_loop(body)


DAEMON = """
import asyncio, json, os, signal, sys
sys.path.insert(0, {tests!r})
from integration.runtime.conftest import Machine
from pathlib import Path

async def main():
    here = await Machine(Path({base!r}), Path({root!r})).__aenter__()
    for number in range(4):
        link, request = await here.run("sh", "-c", "seq 1 5000; sleep 0.3; seq 1 5000; exit 4%d" % number)
        print(request.bundle, request.state_dir, request.log.path, flush=True)
    await link.stop(15, 0.2)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_the_daemon_is_killed(machine: Make, base: Path, busybox: Path) -> None:
    """Stop goes on, logs go on, exit codes are there."""

    async def body() -> None:
        machine()
        script = DAEMON.format(tests=str(Path(__file__).parents[2]), base=str(base), root=str(busybox))
        daemon = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert daemon.returncode == -signal.SIGKILL, daemon.stderr
        launches = [line.split() for line in daemon.stdout.splitlines()]
        assert len(launches) == 4
        for number, (bundle, state_dir, log) in enumerate(launches):
            outcome = await adopt(bundle, state_dir)
            exited = outcome if isinstance(outcome, Exited) else await ended(outcome)  # type: ignore[arg-type]
            stopped = number == 3
            assert exited.exit_code == (137 if stopped else 40 + number)
            with LogReader(log) as reader:
                count = sum(len(batch) for batch in reader.batches())
            assert count == (5000 if stopped else 10000)

    in_loop(body)


def test_the_monitor_is_killed(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            link, request = await here.run("sleep", "1000")
            await link.execute(execution("e", here.process("sleep", "1000")))
            began = time.monotonic()
            os.kill(link.started.monitor_pid, signal.SIGKILL)
            exited = await ended(link)
            assert time.monotonic() - began < 2
            assert exited.exit_code == 137
            assert "monitor" in exited.error
            assert not os.path.exists(f"/proc/{link.started.pid}")
            assert await adopt(request.bundle, request.state_dir) == exited
            with pytest.raises(Conflict):
                await link.kill(9)

    in_loop(body)


def test_the_container_ends_while_its_monitor_cannot_see_it(machine: Make) -> None:
    """The launcher becomes its parent, and knows."""

    async def body() -> None:
        async with machine() as here:
            link, _ = await here.run("sh", "-c", "sleep 0.2; exit 7")
            os.kill(link.started.monitor_pid, signal.SIGSTOP)
            stat = Path(f"/proc/{link.started.pid}/stat")
            assert await asyncio.to_thread(wait_until, lambda: ") Z " in stat.read_text())
            os.kill(link.started.monitor_pid, signal.SIGKILL)
            assert (await ended(link)).exit_code == 7

    in_loop(body)


def test_daemon_and_monitor_are_killed(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            running, first = await here.run("sleep", "1000")
            ending, second = await here.run("sh", "-c", "mkfifo /end; read line < /end")
            for link in (running, ending):
                link.close()
            await here.launcher.close()
            for link in (running, ending):
                os.kill(link.started.monitor_pid, signal.SIGKILL)
            pid = f"/proc/{ending.started.pid}"
            end = Path(pid, "root/end")
            assert await asyncio.to_thread(wait_until, end.exists)
            await asyncio.to_thread(end.write_text, "now\n")
            assert await asyncio.to_thread(wait_until, lambda: not os.path.exists(pid))
            outcome = await adopt(first.bundle, first.state_dir)
            assert isinstance(outcome, Exited)
            assert outcome.exit_code == 137
            outcome = await adopt(second.bundle, second.state_dir)
            assert isinstance(outcome, Exited)
            assert outcome.exit_code == 255

    in_loop(body)


@pytest.mark.parametrize("delay", [0.0, 0.002, 0.004, 0.006, 0.008, 0.012])
def test_the_monitor_is_killed_while_it_starts(machine: Make, delay: float) -> None:
    async def body() -> None:
        async with machine() as here:
            request = here.prepare(["sleep", "1000"])
            launch = asyncio.create_task(here.launch(request))
            await asyncio.sleep(delay)
            for pid in _monitors_of(here):
                os.kill(pid, signal.SIGKILL)
            try:
                link = await launch
            except (LaunchFailed, Unavailable):
                assert await adopt(request.bundle, request.state_dir) is None
            else:  # those were other monitors, or this one was done
                with contextlib.suppress(Conflict):
                    await link.kill(9)
                assert (await ended(link)).exit_code == 137

    in_loop(body)


def _monitors_of(here: Machine) -> list[int]:
    children = f"/proc/{here.launcher.pid}/task/{here.launcher.pid}/children"
    return [int(pid) for pid in Path(children).read_text().split()]


def test_the_launcher_is_killed(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            link, request = await here.run("sh", "-c", "sleep 0.5; exit 3")
            os.kill(here.launcher.pid, signal.SIGKILL)
            after, _ = await here.run("sh", "-c", "exit 4")
            assert (await ended(after)).exit_code == 4
            assert (await ended(link)).exit_code == 3
            assert Path(request.state_dir, EXIT_FILE).exists()

    in_loop(body)


def test_a_waiting_monitor_is_killed(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            for _ in range(3):
                for pid in _monitors_of(here):
                    os.kill(pid, signal.SIGKILL)
                link, _ = await here.run("sh", "-c", "exit 5")
                assert (await ended(link)).exit_code == 5

    in_loop(body)


def test_clients_outlive_the_daemon(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            client = Client()
            request = here.prepare(["cat"], stdin="once", attaches=[attach(raw=True)])
            link = await here.launch(request, [client])
            link.close()
            await here.launcher.close()
            await client.send(b"still there")
            assert await client.read() == b"still there"
            client.end_input()
            assert await client.read_to_end() == b""
            outcome = await adopt(request.bundle, request.state_dir)
            exited = outcome if isinstance(outcome, Exited) else await ended(outcome)  # type: ignore[arg-type]
            assert exited.exit_code == 0

    in_loop(body)


def test_a_second_launch_into_the_same_directory_is_refused(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            link, request = await here.run("sleep", "1000")
            with pytest.raises(LaunchFailed, match="has a monitor already"):
                await here.launch(request)
            assert (await adopted(request)).started == link.started
            await link.kill(9)
            await ended(link)

    in_loop(body)


def test_a_number_that_another_process_had_before(machine: Make) -> None:
    """Numbers of processes come round again (kernel.pid_max may be 32768): what is known of the first is not
    taken for the second."""

    async def body() -> None:
        async with machine() as here:
            limit = int(Path("/proc/sys/kernel/pid_max").read_text())
            here.launcher._orphans.update(dict.fromkeys(range(min(limit, 1 << 20)), 42))
            files = [os.memfd_create("said"), os.memfd_create("errors")]
            try:
                assert await here.launcher.ps(["--nonsense"], *files) == 1
                assert b"unknown gnu long option" in os.pread(files[1], 4096, 0)
            finally:
                for fd in files:
                    os.close(fd)

    in_loop(body)
