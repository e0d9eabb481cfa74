"""`up` with its client or the daemon killed in the middle: the next one finishes the job, and `down` leaves
nothing."""

import contextlib
import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import audit
from harness.clients import SAMPAN, Client, ours
from harness.daemon import Daemon, fresh_root
from harness.projects import Project
from harness.waiting import FACTOR

ROUNDS = int(os.environ.get("SAMPAN_TEST_COMPOSE_KILLS", "2"))
SERVICES = ("db", "job", "side", "web")


@pytest.fixture(scope="module")
def daemon_here(registry: str) -> Iterator[Daemon]:
    with audit.leaving_nothing(Daemon(fresh_root(), registry)) as daemon:
        sampan = ours(daemon.environment())
        sampan("pull", "-q", "busybox")
        sampan("network", "create", "--subnet", "10.232.10.0/28", "warm")
        sampan("run", "--rm", "--init", "--network", "warm", "busybox", "true")
        sampan("network", "rm", "warm")
        yield daemon


@pytest.fixture
def boat(daemon_here: Daemon) -> Client:
    return ours(daemon_here.environment())


@pytest.fixture
def project(daemon_here: Daemon, tmp_path: Path) -> Project:
    """Of the whole project nothing is left after the test: that is what the test is about."""
    environment = {**daemon_here.environment(), "TOKEN": "t", "ROUND": "0"}
    return Project.copy("chain", [SAMPAN, "compose"], tmp_path / f"k{os.urandom(3).hex()}", environment)


@pytest.fixture
def duration(project: Project) -> float:
    """Of an undisturbed `up`, seconds."""
    began = time.monotonic()
    project("up", "-d")
    took = time.monotonic() - began
    project("down", "-v", "-t", "0")
    return took


def interrupted(project: Project, after: float, victim: Daemon | None) -> None:
    """An `up` that is killed, or whose daemon is, so many seconds after its start."""
    up = project.start("up", "-d", "-t", "0")
    with contextlib.suppress(subprocess.TimeoutExpired):
        up.wait(after)
    if victim is None:
        up.kill()
    else:
        victim.kill()
        victim.start()
    up.wait(60 * FACTOR)


def states(project: Project) -> dict[str, str]:
    listed = project("ps", "-a", "--format", "{{.Name}} {{.State}}").out
    return dict(line.split() for line in listed.splitlines())


@pytest.mark.timeout(120 * ROUNDS * FACTOR)
@pytest.mark.parametrize("whom", ["client", "daemon"])
def test_the_next_one_finishes(
    daemon_here: Daemon, boat: Client, project: Project, duration: float, whom: str
) -> None:
    chance = random.Random()
    expected = {f"{project.name}-{name}-1": "exited" if name == "job" else "running" for name in SERVICES}
    victim = daemon_here if whom == "daemon" else None
    before = audit.settled(daemon_here)
    for number in range(ROUNDS):
        first, second = (chance.uniform(0, duration * 1.1) for _ in "ab")
        interrupted(project, first, victim)
        project("up", "-d", "--wait", "-t", "0")
        assert states(project) == expected, first
        assert boat("exec", f"{project.name}-web-1", "cat", "/data/token").out == "t"

        project.environment["ROUND"] = str(number + 1)  # two of them are recreated
        interrupted(project, second, victim)
        project("up", "-d", "--wait", "-t", "0")
        assert states(project) == expected, second
        assert boat("exec", f"{project.name}-web-1", "sh", "-c", "echo $ROUND").out == f"{number + 1}\n"

        interrupted(project, first, victim)  # nothing changes; and then it goes
        project("down", "-v", "-t", "0")
        assert audit.difference(daemon_here, before) == [], (first, second)


@pytest.mark.timeout(60 * ROUNDS * FACTOR)
@pytest.mark.parametrize("whom", ["client", "daemon"])
def test_down_alone_leaves_nothing(daemon_here: Daemon, project: Project, duration: float, whom: str) -> None:
    victim = daemon_here if whom == "daemon" else None
    before = audit.settled(daemon_here)
    for _ in range(ROUNDS):
        after = random.Random().uniform(0, duration)
        interrupted(project, after, victim)
        project("down", "-v", "-t", "0")
        assert audit.difference(daemon_here, before) == [], after
