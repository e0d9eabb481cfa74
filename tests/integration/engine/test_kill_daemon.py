"""SIGKILL for the daemon, at random moments, while containers start, write, exec and stop.

What was acknowledged is there afterwards, with its exit code and every line that it wrote.
"""

import json
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import audit
from harness.clients import Client, clients
from harness.daemon import Daemon
from harness.waiting import until

KILLS = 50
SEED = 20261124
LINES = 200  # that each writer writes, over about a second


@pytest.fixture
def own(registry: str, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon of this test alone."""
    daemon = Daemon(tmp_path / "d", registry)
    daemon.start()
    _client(daemon)("pull", "-q", "busybox")
    yield daemon
    if daemon.process is None:
        daemon.start()
    sampan = _client(daemon)
    if found := sampan("ps", "-aq").out.split():
        sampan("rm", "-f", "-v", *found, check=False)
    daemon.remove()


def _client(daemon: Daemon) -> Client:
    return clients(daemon.environment())[0]


class Worker(threading.Thread):
    """One client that goes on whatever happens to the daemon, and remembers what it was promised."""

    def __init__(self, daemon: Daemon, number: int, over: threading.Event) -> None:
        super().__init__()
        self.sampan = _client(daemon)
        self.number = number
        self.over = over
        self.random = random.Random(SEED + number)
        self.running: dict[str, int] = {}  # name: exit code that it will have
        self.stopped: set[str] = set()
        self.executed: list[tuple[int, int]] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            turn = 0
            while not self.over.is_set():
                turn += 1
                self.turn(f"w{self.number}-{turn}")
        except BaseException as error:
            self.failure = error

    def turn(self, name: str) -> None:
        code = self.random.randrange(1, 100)
        script = f"i=0; while [ $i -lt {LINES} ]; do echo line $i; i=$((i+1)); usleep 3000; done; exit {code}"
        if self.sampan("run", "-d", "--name", name, "busybox", "sh", "-c", script, check=False).code != 0:
            return
        self.running[name] = code
        wanted = self.random.randrange(1, 100)
        done = self.sampan("exec", name, "sh", "-c", f"exit {wanted}", check=False)
        if done.code == wanted:
            self.executed.append((wanted, done.code))
        if self.random.random() < 0.3 and self.sampan("stop", "-t", "0", name, check=False).code == 0:
            self.stopped.add(name)


@pytest.mark.timeout(400)
def test_nothing_acknowledged_is_lost(own: Daemon) -> None:
    before = audit.settled(own)
    over = threading.Event()
    workers = [Worker(own, number, over) for number in range(3)]
    for worker in workers:
        worker.start()
    moments = random.Random(SEED)
    for _ in range(KILLS):
        over.wait(moments.uniform(0.05, 0.6))
        own.restart()
    over.set()
    for worker in workers:
        worker.join()
        assert worker.failure is None, worker.failure
    sampan = _client(own)
    promised = {name: code for worker in workers for name, code in worker.running.items()}
    stopped = {name for worker in workers for name in worker.stopped}
    assert len(promised) > KILLS / 2, "the workers hardly got anything done"
    assert sum(len(worker.executed) for worker in workers) > 0
    _all_ended(sampan)
    for name, code in promised.items():
        _holds(sampan, name, code, stopped)
    sampan("rm", "-f", *sampan("ps", "-aq").out.split())
    assert audit.difference(own, before) == []


def _all_ended(sampan: Client) -> None:
    until(lambda: sampan("ps", "-q").out == "", 30, "the containers to end")


def _holds(sampan: Client, name: str, code: int, stopped: set[str]) -> None:
    state = json.loads(sampan("inspect", name).out)[0]["State"]
    assert state["Status"] == "exited"
    lines = sampan("logs", name).out.splitlines()
    assert lines == [f"line {number}" for number in range(len(lines))], f"{name}: its lines are not whole"
    if state["ExitCode"] == 137:  # stopped: acknowledged, or the answer was lost with the daemon
        return
    assert name not in stopped or state["ExitCode"] == code
    assert state["ExitCode"] == code, name
    assert len(lines) == LINES, name
