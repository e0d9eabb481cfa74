"""A monitor and its container: start, streams, log, exec, end."""

import asyncio
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from sampan.engine.monitorlink import LaunchFailed
from sampan.errors import Conflict, NotFound
from sampan.runtime.logreader import LogReader
from sampan.runtime.protocol import Detached, ExecExited, Exited, Listener, Log

from .conftest import Client, Events, Machine, attach, ended, execution, in_loop, wait_until

pytestmark = pytest.mark.root
Make = Callable[[], Machine]


def log_of(path: str) -> bytes:
    with LogReader(path) as reader:
        return b"".join(record.line for batch in reader.batches() for record in batch)


def test_exit_code_log_and_records(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            link, request = await here.run("sh", "-c", "echo out; echo err >&2; exit 3")
            exited = await ended(link)
            assert (exited.exit_code, exited.oom_killed, exited.error) == (3, False, "")
            assert exited.started_at == link.started.started_at < exited.finished_at
            record = json.loads(Path(request.state_dir, "exit.json").read_text())
            assert record["exit_code"] == 3
            state = json.loads(Path(request.bundle, "state.json").read_text())
            assert (state["pid"], state["monitor_pid"]) == (link.started.pid, link.started.monitor_pid)
            assert sorted(log_of(request.log.path).splitlines()) == [b"err", b"out"]

    in_loop(body)


def test_everything_written_before_death_is_in_the_log(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            for _ in range(5):
                link, request = await here.run("sh", "-c", "seq 1 20000; seq 1 1000 >&2; kill -9 $$")
                await ended(link)
                assert log_of(request.log.path).count(b"\n") == 21000

    in_loop(body)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["nosuch"], 127, 'exec: "nosuch": executable file not found in $PATH'),
        (["/etc/passwd"], 126, "permission denied"),
    ],
)
def test_a_container_that_cannot_start(machine: Make, arguments: list[str], code: int, text: str) -> None:
    async def body() -> None:
        async with machine() as here:
            request = here.prepare(arguments)
            with pytest.raises(LaunchFailed, match="OCI runtime create failed") as failure:
                await here.launch(request)
            assert failure.value.exit_code == code
            assert text in str(failure.value)
            assert os.listdir(request.bundle) == ["config.json"]

    in_loop(body)


def test_a_client_that_came_before_the_start_gets_the_first_byte(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            client = Client()
            request = here.prepare(
                ["sh", "-c", "echo first; cat; echo last >&2"], stdin="once", attaches=[attach()]
            )
            link = await here.launch(request, [client])
            await client.send(b"typed\n")
            client.end_input()
            out = await client.read_to_end()
            assert out.startswith(b"\1\0\0\0\0\0\0\x06first\n")
            assert out.endswith(b"\1\0\0\0\0\0\0\x06typed\n" + b"\2\0\0\0\0\0\0\x05last\n")
            assert (await ended(link)).exit_code == 0

    in_loop(body)


def test_bytes_that_the_server_had_read_come_first(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            client = Client()
            request = here.prepare(["cat"], stdin="once", attaches=[attach(early="early ", raw=True)])
            await here.launch(request, [client])
            await client.send(b"late")
            client.end_input()
            assert await client.read_to_end() == b"early late"

    in_loop(body)


def test_stdin_that_stays_open_outlives_a_client(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            first, second = Client(), Client()
            link = await here.launch(
                here.prepare(["cat"], stdin="open", attaches=[attach(raw=True)]), [first]
            )
            events = Events(link)
            await first.send(b"one")
            assert await first.read() == b"one"
            first.end_input()
            assert await first.read_to_end() == b""  # Docker: the session ends with the client's input
            assert await events.wait(Detached) == [Detached("s", None, False)]
            await link.attach(attach("t", raw=True), second.theirs.fileno())
            second.handed_over()
            await second.send(b"two")
            assert await second.read() == b"two"
            await link.kill(9)
            assert (await ended(link)).exit_code == 137

    in_loop(body)


def test_terminal_resize_and_detach_keys(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            client = Client()
            request = here.prepare(["sh"], terminal=True, stdin="open", attaches=[attach(raw=True)])
            link = await here.launch(request, [client])
            events = Events(link)
            await link.resize(33, 111)
            await client.send(b"stty size\n")
            assert b"33 111" in await client.read_until(b"33 111")
            await client.send(b"\x10")
            await client.send(b"\x11")
            await client.read_to_end()
            assert await events.wait(Detached) == [Detached("s", None, True)]
            again = Client()
            await link.attach(attach("t", raw=True), again.theirs.fileno())
            again.handed_over()
            await again.send(b"exit 5\n")
            await again.read_to_end()
            assert (await ended(link)).exit_code == 5

    in_loop(body)


def test_a_program_that_closes_its_terminal_and_opens_it_again(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            script = "exec 0<&- 1>&- 2>&-; sleep 0.2; echo again > /dev/console; sleep 0.1"
            link, request = await here.run("sh", "-c", script, terminal=True)
            await ended(link)
            assert b"again" in log_of(request.log.path)

    in_loop(body)


def test_slow_client_blocks_only_after_a_megabyte_and_lets_go_when_it_leaves(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            slow, quick = Client(), Client()
            script = "i=0; while [ $i -lt 3000 ]; do printf '%01023d\\n' $i; i=$((i+1)); done"
            request = here.prepare(
                ["sh", "-c", script], attaches=[attach("slow", stdin=False), attach("quick", stdin=False)]
            )
            link = await here.launch(request, [slow, quick])
            log = Path(request.log.path)
            reading = asyncio.create_task(quick.read_to_end())
            assert await asyncio.to_thread(wait_until, lambda: log.stat().st_size > 1_000_000)
            done, _ = await asyncio.wait({asyncio.create_task(link.exited())}, timeout=0.5)
            assert not done, "the container should wait for the slow client"
            slow.close()
            assert (await ended(link)).exit_code == 0
            assert log_of(request.log.path).count(b"\n") == 3000
            assert len(await reading) > 3000 * 1024

    in_loop(body)


def test_execs_at_the_same_time(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            link, _ = await here.run("sleep", "1000")
            events = Events(link)
            files = f"/proc/{link.started.monitor_pid}/fd"
            await link.resize(1, 1)  # awake
            before = len(os.listdir(files))

            async def one(number: int) -> None:
                client = Client()
                process = here.process("sh", "-c", f"echo {number}; exit {number}")
                await link.execute(execution(f"e{number}", process, client), client.theirs.fileno())
                client.handed_over()
                assert (await client.read_to_end())[8:] == f"{number}\n".encode()
                client.close()

            await asyncio.gather(*(one(number) for number in range(30)))
            codes = await events.wait(ExecExited, 30)
            assert {(event.exec_id, event.exit_code) for event in codes} == {(f"e{n}", n) for n in range(30)}
            assert await asyncio.to_thread(wait_until, lambda: len(os.listdir(files)) <= before)
            await link.kill(9)
            await ended(link)

    in_loop(body)


def test_exec_with_stdin_terminal_and_failure(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            link, _ = await here.run("sleep", "1000")
            client = Client()
            request = execution("in", here.process("cat"), client, stdin_open=True)
            await link.execute(request, client.theirs.fileno())
            client.handed_over()
            await client.send(b"x" * 300_000)
            client.end_input()
            assert (await client.read_to_end()).count(b"x") == 300_000

            terminal = Client()
            process = here.process("sh", terminal=True)
            await link.execute(execution("tty", process, terminal, stdin_open=True), terminal.theirs.fileno())
            terminal.handed_over()
            await link.resize(20, 77, "tty")
            await terminal.send(b"stty size; exit 9\n")
            assert b"20 77" in await terminal.read_to_end()

            failed = Client()
            with pytest.raises(LaunchFailed, match="OCI runtime exec failed") as failure:
                await link.execute(execution("no", here.process("nosuch"), failed), failed.theirs.fileno())
            assert failure.value.exit_code == 127
            failed.handed_over()
            assert await failed.read_to_end() == b""
            await link.kill(9)
            await ended(link)

    in_loop(body)


def test_exec_that_leaves_something_running_keeps_its_clients_for_a_moment(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            link, _ = await here.run("sleep", "1000")
            client = Client()
            process = here.process("sh", "-c", "echo now; (sleep 0.3; echo late) &")
            await link.execute(execution("bg", process, client), client.theirs.fileno())
            client.handed_over()
            out = await client.read_to_end()
            assert b"now\n" in out
            assert b"late\n" in out
            await link.kill(9)
            await ended(link)

    in_loop(body)


def test_kill_of_an_exec_and_execs_that_die_with_the_container(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            link, _ = await here.run("sleep", "1000")
            events = Events(link)
            for name in ("a", "b"):
                await link.execute(execution(name, here.process("sleep", "1000")))
            await link.kill(15, "a")
            assert await events.wait(ExecExited) == [ExecExited("a", 143)]
            with pytest.raises(NotFound):
                await link.kill(15, "a")
            await link.kill(9)
            await ended(link)
            kinds = [type(event) for event in events.seen]
            assert kinds == [ExecExited, ExecExited, Exited]
            with pytest.raises(Conflict):
                await link.kill(9)

    in_loop(body)


def test_stop_kills_after_its_time(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            link, _ = await here.run("sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.05; done")
            await asyncio.sleep(0.2)
            await link.stop(15, 10)
            assert (await ended(link)).exit_code == 7
            stubborn, _ = await here.run("sh", "-c", "trap '' TERM; while :; do sleep 1; done")
            await stubborn.stop(15, 0.3)
            assert (await ended(stubborn)).exit_code == 137

    in_loop(body)


def test_log_options(machine: Make, base: Path) -> None:
    async def body() -> None:
        async with machine() as here:
            log = Log("json-file", str(base / "log"), max_size=10_000, max_file=3)
            link, _ = await here.run("seq", "1", "3000", log=log)
            await ended(link)
            assert sorted(path.name for path in base.glob("log*")) == ["log", "log.1", "log.2"]
            silent, _ = await here.run("echo", "x", log=Log("none", ""))
            assert (await ended(silent)).exit_code == 0

    in_loop(body)


def test_nothing_of_ours_is_open_inside(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            link, request = await here.run("ls", "/proc/self/fd")
            await ended(link)
            assert log_of(request.log.path).split() == [b"0", b"1", b"2", b"3"]  # 3: the directory
            link, request = await here.run("grep", "Sig[BIC]", "/proc/self/status")
            await ended(link)
            assert log_of(request.log.path).count(b"0000000000000000") == 3

    in_loop(body)


def test_a_long_run_root(machine: Make, base: Path) -> None:
    async def body() -> None:
        here = machine()
        here.run_root = base / ("long" * 40)
        async with here:
            link, _ = await here.run("true")
            assert (await ended(link)).exit_code == 0

    in_loop(body)


def test_ports_are_held_relayed_and_free_at_the_end(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            inside = await asyncio.start_server(_shout, "127.0.0.1", 0)
            target = inside.sockets[0].getsockname()[1]
            held, relayed = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
            ports = [held.getsockname()[1], relayed.getsockname()[1]]
            request = here.prepare(
                ["sleep", "1000"],
                listeners=[
                    Listener(1, "tcp", "127.0.0.1", target, relay=False),
                    Listener(2, "tcp", "127.0.0.1", target, relay=True),
                ],
            )
            link = await here.launch(request, listeners=[held.fileno(), relayed.fileno()])
            held.close()
            relayed.close()
            with pytest.raises(OSError, match="in use"):
                socket.create_server(("127.0.0.1", ports[0]))
            for _ in range(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", ports[1])
                writer.write(b"hello" * 100_000)
                writer.write_eof()
                assert await asyncio.wait_for(reader.read(-1), 10) == b"HELLO" * 100_000
                writer.close()
            await link.kill(9)
            await ended(link)
            for port in ports:
                socket.create_server(("127.0.0.1", port)).close()
            inside.close()

    in_loop(body)


async def _shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write((await reader.read(-1)).upper())
    await writer.drain()
    writer.close()


@pytest.mark.slow
def test_a_client_that_never_reads_holds_the_monitor_for_a_bounded_time(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            client = Client()
            request = here.prepare(["seq", "1", "90000"], attaches=[attach(stdin=False)])
            link = await here.launch(request, [client])
            assert (await ended(link)).exit_code == 0
            monitor = f"/proc/{link.started.monitor_pid}"
            assert os.path.exists(monitor)
            assert await asyncio.to_thread(wait_until, lambda: not os.path.exists(monitor), 15.0)
            client.close()

    in_loop(body)
