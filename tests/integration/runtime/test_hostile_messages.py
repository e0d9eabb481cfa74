"""A16: a monitor, a launcher and a container that runs, and messages that nobody of ours would send.

Only root reaches those sockets. But a container must not end because of a message.
"""

import contextlib
import os
import random
import signal
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.attacks import rounds
from sampan.runtime import channel
from sampan.runtime.protocol import (
    Attach,
    Exec,
    Hello,
    Kill,
    Launch,
    Log,
    Message,
    Ps,
    Reply,
    Resize,
    State,
    Stop,
    decode,
    encode,
)
from sampan.runtime.rundir import RunDirectory

from .conftest import Machine, ended, in_loop, wait_until

Make = Callable[[], Machine]
_PATIENCE = 20  # seconds
_ATTACH = Attach("s", True, True, False, "raw")
_ENDING = (Kill, Stop, Exec)  # sent as they are, they do what they say
_WORDS = (
    b"",
    b"\xff\xfe",
    b"NaN",
    b"[" * 20_000,
    b"null",
    b"1e400",
    b'"\\ud800"',
    b"9" * 4400,
    b'"',
    b"@",
    b"+",
)
_FRAMES: list[Message] = [
    *(Hello(), Attach("s", True, True, True, "raw"), Resize(20, 30), Exec("e", {"args": ["true"]}, _ATTACH)),
    *(Kill(0), Stop(0, 1.0), Launch("x", "/nowhere", "/nowhere", None, Log("none", "")), Ps(["-e"])),
]


def _mutated(chance: random.Random) -> bytes:
    frame = encode(chance.choice(_FRAMES), 3)
    start, end = sorted(chance.randrange(len(frame) + 1) for _ in range(2))
    return frame[:start] + chance.choice((*_WORDS, chance.randbytes(2))) + frame[end:]


def _harmless(frame: bytes) -> bool:
    try:
        return not isinstance(decode(frame)[0], _ENDING)
    except ValueError:
        return True


def _ask(bundle: str, request: Message) -> Message:
    with RunDirectory(bundle) as directory, contextlib.closing(directory.connect()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", _PATIENCE, 0))
        channel.send(connection, request, sequence=9, wait=True)
        packet = channel.receive(connection)
        assert packet is not None, "the monitor let go of it"
        message, sequence = decode(packet.data)
        assert sequence == 9
        return message  # type: ignore[no-any-return]


def _bother(bundle: str, frames: list[bytes], chance: random.Random) -> None:
    with RunDirectory(bundle) as directory, open("/dev/null", "rb") as null:
        for frame in frames:
            with contextlib.closing(directory.connect()) as connection:
                files = [null.fileno()] * chance.randrange(3)
                channel.put(connection, frame or b"x", files, wait=True)


def _files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_a_monitor_outlives_every_message(machine: Make) -> None:
    async def body() -> None:
        async with machine() as here:
            link, launch = await here.run("sleep", "1000")
            chance, monitor = random.Random(16), link.started.monitor_pid
            assert isinstance(_ask(launch.bundle, Hello()), State)
            before = _files(monitor)
            frames = [frame for _ in rounds(300) if _harmless(frame := _mutated(chance))]
            _bother(launch.bundle, frames, chance)
            state = _ask(launch.bundle, Hello())
            assert isinstance(state, State)
            assert (state.started.monitor_pid, state.exited) == (monitor, None)
            assert wait_until(lambda: _files(monitor) <= before), f"{before} files, then {_files(monitor)}"
            assert not Path(launch.bundle, "monitor.err").exists()
            _ask(launch.bundle, Kill(signal.SIGKILL))
            assert (await ended(link)).exit_code == 137

    in_loop(body)


@pytest.mark.parametrize(
    "request_",
    [
        Stop(0, 3_000_000.0),
        Stop(0, 1e300),
        Resize(70_000, -1),
        Resize(2**70, 2**70),
        Attach("s", True, True, True, "raw"),
        Attach("s", True, True, True, "raw", exec_id="nobody"),
        Kill(2**40),
        Kill(-9),
        Kill(9, exec_id="nobody"),
        Launch("x", "", "", None, Log("none", "")),
    ],
    ids=str,
)
@pytest.mark.parametrize("terminal", [False, True], ids=["plain", "terminal"])
def test_a_request_that_cannot_be_done_costs_nobody_anything(
    machine: Make, request_: Message, terminal: bool
) -> None:
    """A deadline of 35 days is longer than one epoll_wait(2) can be."""

    async def body() -> None:
        async with machine() as here:
            link, launch = await here.run("sleep", "1000", terminal=terminal)
            assert isinstance(_ask(launch.bundle, request_), Reply)
            assert isinstance(_ask(launch.bundle, Hello()), State)
            assert isinstance(_ask(launch.bundle, Kill(9)), Reply)
            assert (await ended(link)).exit_code == 137

    in_loop(body)


def test_a_launcher_outlives_every_message(machine: Make) -> None:
    """What is no launch takes a monitor with it that was waiting for one; the next launch works."""

    async def body() -> None:
        async with machine() as here:
            await (await here.run("true"))[0].exited()
            packets = await here.launcher._running()
            pid, chance = here.launcher.pid, random.Random(17)
            before = _files(pid)
            for _ in rounds(30):
                await packets._put(_mutated(chance) or b"x", [])
            link, _ = await here.run("sh", "-c", "exit 7")
            assert (await ended(link)).exit_code == 7
            assert here.launcher.pid == pid
            assert wait_until(lambda: _files(pid) <= before), f"{before} files, then {_files(pid)}"

    in_loop(body)
