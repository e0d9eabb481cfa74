"""SIGKILL at random moments, while three clients use every verb: of the daemon, of monitors, of the launcher.

What was acknowledged is true afterwards: containers with their state, their exit code and every line that
they wrote. Nothing is wrong for longer than two seconds, nothing is leaked. `SAMPAN_TEST_KILLS` is how many.
"""

import contextlib
import http.client
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from harness import audit
from harness.clients import Client, ours
from harness.daemon import Daemon
from harness.scene import Scene
from harness.storm import LINES, Life, Worker
from harness.waiting import FACTOR, until

KILLS = int(os.environ.get("SAMPAN_TEST_KILLS", "20"))
SEED = int(os.environ.get("SAMPAN_TEST_SEED", "20261124"))
WRONG = 2.0  # seconds for which the API may say what is not so
ENDED = ("exited", "created", "dead")


def _kill_daemon(own: Daemon, moments: random.Random) -> None:
    own.restart()


def _kill_launcher(own: Daemon, moments: random.Random) -> None:
    assert own.process is not None
    scene = Scene(own)
    _kill_one([pid for pid in scene.ours if scene.processes[pid].parent == own.process.pid], moments)


def _kill_monitor(own: Daemon, moments: random.Random) -> None:
    """Of a container, or the spare one, in the middle of whatever it does."""
    scene = Scene(own)
    _kill_one([pid for pid in scene.ours if scene.processes[pid].name == "sampan-monitor"], moments)


def _kill_one(pids: list[int], moments: random.Random) -> None:
    if pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(moments.choice(sorted(pids)), signal.SIGKILL)


class Truth(threading.Thread):
    """Holds what the API says against the processes there are; remembers what was wrong for too long."""

    def __init__(self, own: Daemon, over: threading.Event) -> None:
        super().__init__()
        self.own = own
        self.over = over
        self.wrong: list[str] = []

    def run(self) -> None:
        since: dict[str, float] = {}
        while not self.over.wait(0.2):
            try:
                found = set(self._contradictions())
            except (OSError, http.client.HTTPException, AssertionError):
                continue  # no daemon, just now
            now = time.monotonic()
            since = {what: since.get(what, now) for what in found}
            self.wrong += [what for what, first in since.items() if now - first > WRONG * FACTOR]

    def _contradictions(self) -> list[str]:
        said = {one["Id"]: one["State"] for one in self.own.get("/containers/json?all=1")}
        alive = set(Scene(self.own).inside.values())
        return [
            f"{identity} is {state}, and {'has' if identity in alive else 'has no'} processes"
            for identity, state in said.items()
            if (state in ("running", "paused")) != (identity in alive) and state != "removing"
        ]


@pytest.mark.timeout(900 * FACTOR)
@pytest.mark.parametrize("kill", [_kill_daemon, _kill_monitor, _kill_launcher])
def test_nothing_acknowledged_is_lost(
    own: Daemon, boat: Client, kill: Callable[[Daemon, random.Random], None]
) -> None:
    before = audit.settled(own)
    workers = _work_while_it_is_killed(own, kill)
    done = sum((worker.done for worker in workers), Counter[str]())
    assert done["run"] > KILLS / 3, f"the clients hardly got anything done: {done}"
    assert min(done[verb] for verb in ("exec", "stop", "rm", "pause", "update", "restart")) > 0, done
    paused = boat("ps", "-q", "--filter", "status=paused").out.split()
    boat(*(("unpause", *paused) if paused else ("version",)))
    until(lambda: boat("ps", "-q").out == "", 30, "the containers to end")
    there = set(boat("ps", "-a", "--format", "{{.Names}}").out.split())
    for worker in workers:
        for life in worker.lives:
            _is_as_promised(boat, life, there, monitors_died=kill is _kill_monitor)
        _volumes_are_as_promised(boat, worker)
    boat("rm", *there)
    _images_are_as_promised(boat, {name for worker in workers for name in worker.images})
    assert audit.difference(own, before) == []


def _work_while_it_is_killed(own: Daemon, kill: Callable[[Daemon, random.Random], None]) -> list[Worker]:
    over = threading.Event()
    workers = [Worker(ours(own.environment()), number, SEED, over) for number in range(3)]
    truth = Truth(own, over)
    truth.start()
    for worker in workers:
        worker.begin()
    moments = random.Random(SEED)
    try:
        for _ in range(KILLS):
            over.wait(moments.uniform(0.05, 0.8) * FACTOR)
            kill(own, moments)
    finally:
        over.set()
        for thread in (*workers, truth):
            thread.join()
    assert [worker.failure for worker in workers if worker.failure] == []
    assert truth.wrong == []
    return workers


def _is_as_promised(boat: Client, life: Life, there: set[str], *, monitors_died: bool) -> None:
    name = life.name
    if name not in there:
        assert "gone" in life.may, f"{name}: acknowledged, and gone; it may be {life.may}"
        return
    assert life.may != {"gone"}, f"{name}: removed, and back"
    found = json.loads(boat("inspect", name).out)[0]
    state = found["State"]
    assert state["Status"] in ENDED, name
    assert found["HostConfig"]["CpuShares"] in life.shares, f"{name}: {life.shares}"
    if state["Status"] == "created":
        assert "created" in life.may, f"{name} was started: {life.may}"
        return
    lines = boat("logs", name).out.splitlines()
    if life.starts == 1:
        assert lines == [f"line {number}" for number in range(len(lines))], (
            f"{name}: each line once, in order"
        )
    if (life.touched or monitors_died) and state["ExitCode"] in (137, 255):
        return
    assert state["ExitCode"] == life.code, f"{name}: {state}"
    assert len(lines) >= LINES, name


def _volumes_are_as_promised(boat: Client, worker: Worker) -> None:
    there = boat("volume", "ls", "-q").out.split()
    for name, may in worker.volumes.items():
        assert ("there" if name in there else "gone") in may, f"volume {name}: {may}"
    if mine := [name for name in worker.volumes if name in there]:
        boat("volume", "rm", *mine)


def _images_are_as_promised(boat: Client, names: set[str]) -> None:
    there = set(boat("images", "--format", "{{.Repository}}").out.split())
    assert names <= there, "committed, and gone"
    for name in sorted(names):
        assert boat("run", "--rm", name, "echo", "well").out == "well\n"
    kept = boat("images", "-q", "busybox").out
    if made := set(boat("images", "-q").out.split()) - set(kept.split()):
        boat("rmi", "-f", *made)
