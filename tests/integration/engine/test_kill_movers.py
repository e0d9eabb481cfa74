"""SIGKILL for the daemon while images are built, committed, saved, loaded, pushed, copied into and pruned.

What was acknowledged is there afterwards, with its content; no container has lost a byte or stays frozen; the
leak audit finds nothing.
"""

import json
import os
import random
import threading
from collections import Counter
from pathlib import Path

import pytest

from harness.clients import Client, ours
from harness.daemon import Daemon
from harness.waiting import FACTOR, until

KILLS = int(os.environ.get("SAMPAN_MOVER_KILLS", "6"))
SEED = 20261125
DOCKERFILE = """
FROM busybox AS common
RUN dd if=/dev/urandom of=/big bs=1M count=4 2>/dev/null; sha256sum /big > /sum
FROM busybox AS beside
RUN for i in 1 2 3 4 5 6 7 8; do mkdir /d$i; for j in 1 2 3 4 5 6 7 8; do echo $i > /d$i/$j; done; done
FROM common
COPY line /line
COPY --from=beside /d8 /d8
RUN sha256sum -c /sum && cat /d8/8
"""


class Worker(threading.Thread):
    """Goes on whatever happens to the daemon, and remembers what it was promised."""

    def __init__(self, boat: Client, place: Path, over: threading.Event) -> None:
        super().__init__()
        self.boat = boat
        self.place = place
        self.over = over
        self.images: dict[str, str] = {}  # acknowledged: the line that they end with
        self.pushed: dict[str, str] = {}  # the same of what the registry must have
        self.done: Counter[str] = Counter()
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            turn = 0
            while not self.over.is_set():
                turn += 1
                self.turn(turn)
        except BaseException as error:
            self.failure = error

    def turn(self, turn: int) -> None:
        raise NotImplementedError

    def tried(self, *arguments: str) -> int:
        code = self.boat(*arguments, check=False).code
        self.done[arguments[0]] += code == 0
        return code


class Mover(Worker):
    def __init__(self, boat: Client, place: Path, over: threading.Event, address: str) -> None:
        super().__init__(boat, place, over)
        self.address = address

    def turn(self, turn: int) -> None:
        if self.tried("exec", "live", "sh", "-c", f"echo live {turn} >> /log") == 0:
            self.commit("live", f"live{turn}", f"live {turn}")
        line = f"still {turn}"
        (self.place / "line").write_text(line + "\n")
        if self.tried("cp", f"{self.place}/line", "still:/line") == 0:
            self.commit("still", f"still{turn}", line)
        archive = self.place / "saved.tar"
        if self.images and self.tried("save", "-o", str(archive), list(self.images)[-1]) == 0:
            self.tried("load", "-i", str(archive))
        self.push(f"{self.address}/moved:{turn}")
        self.tried("image", "prune", "-f")

    def commit(self, container: str, name: str, line: str) -> None:
        """Under a name of its own, so that prune leaves it alone."""
        if self.tried("commit", container, f"{name}:x") == 0:
            self.images[f"{name}:x"] = line

    def push(self, name: str) -> None:
        """What was made last, under a new name that `pushed` then has."""
        if not self.images:
            return
        made = list(self.images)[-1]
        if self.tried("tag", made, name) == 0 and self.tried("push", "-q", name) == 0:
            self.pushed[name] = self.images[made]
        self.tried("rmi", name)


class Builder(Worker):
    """New files each time, one stage in common; whatever nobody needs of it is pruned now and then."""

    def turn(self, turn: int) -> None:
        self.place.mkdir(exist_ok=True)
        (self.place / "line").write_text(f"built {turn}\n")
        (self.place / "Dockerfile").write_text(DOCKERFILE)
        name = f"built{turn}:x"
        if self.tried("build", "-q", "-t", name, str(self.place)) == 0:
            self.images[name] = f"built {turn}"
        self.tried("builder", "prune", "-f", *(["-a"] if turn % 2 else []))
        self.tried("system", "prune", "-f", "--filter", "label=nobodys")


@pytest.mark.timeout((200 + 4 * KILLS) * FACTOR)
def test_nothing_acknowledged_is_lost(own: Daemon, boat: Client, tmp_path: Path, address: str) -> None:
    script = "dd if=/dev/urandom of=/big bs=1M count=20 2>/dev/null; sha256sum /big > /sum; touch /ready"
    boat("run", "--name", "still", "busybox", "sh", "-c", script)
    boat("run", "-d", "--name", "live", "busybox", "sh", "-c", f"{script}; sleep 10000")
    until(lambda: boat("exec", "live", "ls", "/ready", check=False).code == 0, 30, "the file to be written")
    mover, builder = _work_while_it_is_killed(own, tmp_path, address)
    assert min(mover.done[verb] for verb in ("commit", "cp", "save", "load", "push")) > 0, mover.done
    assert min(builder.done[verb] for verb in ("build", "builder", "system")) > 0, builder.done
    assert json.loads(boat("inspect", "live").out)[0]["State"]["Status"] == "running"
    assert boat("exec", "live", "sha256sum", "-c", "/sum").out == "/big: OK\n"
    boat("start", "-a", "still")
    boat("rm", "-f", "live", "still")
    _check(boat, mover.images | builder.images)
    _forget(boat)
    _check(boat, mover.pushed)  # from the registry now
    _forget(boat)
    boat("build", "-q", "-t", "next:x", str(builder.place))
    _check(boat, {"next:x": (builder.place / "line").read_text().strip()})
    _forget(boat)


def _check(boat: Client, images: dict[str, str]) -> None:
    """Each is there, whole, and ends as it should."""
    for name, line in images.items():
        file = "/log" if line.startswith("live") else "/line"
        shown = boat("run", "--rm", name, "sh", "-c", f"tail -n 1 {file}; sha256sum -c /sum").out
        assert shown == f"{line}\n/big: OK\n", name


def _forget(boat: Client) -> None:
    names = boat("images", "--format", "{{.Repository}}:{{.Tag}}").out.split()
    if made := [name for name in names if name not in ("busybox:latest", "<none>:<none>")]:
        boat("rmi", *made, timeout=300)
    boat("image", "prune", "-f")
    boat("builder", "prune", "-af")


def _work_while_it_is_killed(own: Daemon, place: Path, address: str) -> tuple[Mover, Builder]:
    over = threading.Event()
    mover = Mover(ours(own.environment()), place, over, address)
    builder = Builder(ours(own.environment()), place / "context", over)
    moments = random.Random(SEED)
    try:
        mover.start()
        builder.start()
        for _ in range(KILLS):
            over.wait(moments.uniform(0.1, 1.5))
            own.restart()
        until(lambda: _have_done_all(mover, builder), 60, "one whole turn in peace")
    finally:
        over.set()
        mover.join()
        builder.join()
    for worker in (mover, builder):
        assert worker.failure is None, worker.failure
    return mover, builder


def _have_done_all(mover: Mover, builder: Builder) -> bool:
    """Or one of them has failed."""
    return bool(mover.pushed and builder.images and builder.done["system"]) or not (
        mover.is_alive() and builder.is_alive()
    )


def test_what_was_frozen_for_a_commit_goes_on(own: Daemon, boat: Client) -> None:
    """As a daemon leaves it that is killed in the middle of a copy; one that a user paused stays so."""
    for name in ("mine", "theirs"):
        boat("run", "-d", "--name", name, "busybox", "sleep", "10000")
        boat("pause", name)
    identity = json.loads(boat("inspect", "mine").out)[0]["Id"]
    (own.run / "containers" / identity / "frozen-for-commit").touch()
    own.restart()
    states = boat("inspect", "-f", "{{.State.Status}}", "mine", "theirs").out.split()
    assert states == ["running", "paused"]
    assert boat("exec", "mine", "echo", "alive").out == "alive\n"
    boat("rm", "-f", "mine", "theirs")
