"""SIGKILL for the daemon, at random moments, while containers start, write, exec, stop and go.

What was acknowledged is true afterwards: containers with their exit codes and every line that they wrote.
"""

import json
import random
import threading
from collections import Counter

import pytest

from harness import audit
from harness.clients import Client, ours
from harness.daemon import Daemon
from harness.waiting import FACTOR, until

KILLS = 50
SEED = 20261124
LINES = 200  # that each writer writes, over about a second
WRITER = f"i=0; while [ $i -lt {LINES} ]; do echo line $i; i=$((i+1)); usleep 3000; done; exit "


class Worker(threading.Thread):
    """One client that goes on whatever happens to the daemon, and remembers what it was promised."""

    def __init__(self, boat: Client, number: int, over: threading.Event) -> None:
        super().__init__()
        self.boat = boat
        self.number = number
        self.over = over
        self.random = random.Random(SEED + number)
        self.promised: dict[str, int] = {}  # containers that were acknowledged: the code they end with
        self.touched: set[str] = set()  # those that a stop may have reached, acknowledged or not
        self.removing: set[str] = set()  # those that may be gone
        self.removed: set[str] = set()  # those that must be
        self.done: Counter[str] = Counter()
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
        if self.tried("run", "-d", "--name", name, "busybox", "sh", "-c", f"{WRITER}{code}") != 0:
            return
        self.promised[name] = code
        self.execute(name)
        if self.random.random() < 0.4:
            self.touched.add(name)
            if self.tried("stop", "-t", "0", name) == 0:
                self.remove(name)

    def execute(self, name: str) -> None:
        """The code of the command, or a word about what went wrong."""
        wanted = self.random.randrange(2, 100)
        result = self.boat("exec", name, "sh", "-c", f"exit {wanted}", check=False)
        assert result.code == wanted or result.err, f"exec in {name}: {result.code} for {wanted}, silently"
        self.done["exec"] += result.code == wanted

    def remove(self, name: str) -> None:
        if self.random.random() < 0.3:
            self.removing.add(name)
            if self.tried("rm", name) == 0:
                self.removed.add(name)

    def tried(self, *arguments: str) -> int:
        code = self.boat(*arguments, check=False).code
        self.done[arguments[0]] += code == 0
        return code


@pytest.mark.timeout(400 * FACTOR)
def test_nothing_acknowledged_is_lost(own: Daemon, boat: Client) -> None:
    before = audit.settled(own)
    workers = _work_while_it_is_killed(own)
    done = sum((worker.done for worker in workers), Counter[str]())
    assert done["run"] > KILLS / 2, "the workers hardly got anything done"
    assert min(done[verb] for verb in ("exec", "stop", "rm")) > 0, done
    until(lambda: boat("ps", "-q").out == "", 30, "the containers to end")
    there = set(boat("ps", "-a", "--format", "{{.Names}}").out.split())
    for worker in workers:
        assert worker.promised.keys() - there <= worker.removing, "acknowledged, and gone"
        assert not worker.removed & there, "removed, and back"
        for name in worker.promised.keys() & there:
            _is_as_promised(boat, worker, name)
    boat("rm", *there)
    assert audit.difference(own, before) == []


def _work_while_it_is_killed(own: Daemon) -> list[Worker]:
    over = threading.Event()
    workers = [Worker(ours(own.environment()), number, over) for number in range(3)]
    for worker in workers:
        worker.start()
    moments = random.Random(SEED)
    try:
        for _ in range(KILLS):
            over.wait(moments.uniform(0.05, 0.6))
            own.restart()
    finally:
        over.set()
        for worker in workers:
            worker.join()
    assert [worker.failure for worker in workers if worker.failure] == []
    return workers


def _is_as_promised(boat: Client, worker: Worker, name: str) -> None:
    state = json.loads(boat("inspect", name).out)[0]["State"]
    assert state["Status"] == "exited", name
    lines = boat("logs", name).out.splitlines()
    assert lines == [f"line {number}" for number in range(len(lines))], f"{name}: each line once, in order"
    if name in worker.touched and state["ExitCode"] == 137:
        return
    assert state["ExitCode"] == worker.promised[name], name
    assert len(lines) == LINES, name
