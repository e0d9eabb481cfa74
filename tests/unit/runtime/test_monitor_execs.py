"""An exec whose container ends while its starter is still at work."""

import os
import signal
from _socket import socket
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest

from sampan.linux import task
from sampan.runtime import starter
from sampan.runtime.monitor_execs import Execs
from sampan.runtime.monitor_loop import Loop
from sampan.runtime.protocol import Exec, ExecExited, ExecFailed, ExecStarted, Message
from sampan.runtime.starter import Executing


class Heard:
    def __init__(self) -> None:
        self.replies: list[Message] = []
        self.events: list[Message] = []


@pytest.fixture
def gate() -> Iterator[tuple[int, int]]:
    """A pipe; the starter goes on when its writing end is closed."""
    ends = os.pipe()
    yield ends
    os.close(ends[0])
    task.set_child_subreaper(on=False)


def _executing(heard: Heard) -> Execs:
    born: Any = None  # the starters of these tests do not look at it
    execs = Execs(Loop(), born, -1, heard.events.append, lambda *_: None)
    execs.execute(Exec("e", {"args": ["x"]}, None), [], heard.replies.append)
    return execs


def test_one_that_came_to_its_end_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, gate: tuple[int, int]
) -> None:
    """`touch /stop` of a container that ends when that is there."""

    def late(monitor: socket, *_: Any, **__: Any) -> NoReturn:
        os.close(gate[1])
        os.read(gate[0], 1)
        pid = os.fork()
        if pid == 0:
            os._exit(7)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        starter._tell(monitor, Executing(pid, False, 0, False), [os.pidfd_open(pid)])
        os._exit(0)

    monkeypatch.setattr(starter, "execute_and_exit", late)
    heard = Heard()
    execs = _executing(heard)
    os.close(gate[1])
    execs.end()
    assert [type(reply) for reply in heard.replies] == [ExecStarted]
    assert heard.events == [ExecExited("e", 7, False)]
    assert not execs.draining


def test_one_that_never_comes_to_it_is_given_up(
    monkeypatch: pytest.MonkeyPatch, gate: tuple[int, int]
) -> None:
    monkeypatch.setattr("sampan.runtime.monitor_execs._PATIENCE", 1.0)
    monkeypatch.setattr(starter, "execute_and_exit", lambda *_, **__: signal.pause())
    heard = Heard()
    execs = _executing(heard)
    execs.end()
    os.close(gate[1])
    (reply,) = heard.replies
    assert isinstance(reply, ExecFailed)
    assert (reply.exit_code, heard.events) == (128, [])
    assert not execs.draining
