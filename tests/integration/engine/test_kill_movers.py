"""SIGKILL for the daemon while images are committed, saved, loaded, pushed, copied into and pruned.

What was acknowledged is there afterwards, with its content; no container has lost a byte or stays frozen; the
leak audit finds nothing.
"""

import json
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import guarded
from harness.clients import Client, ours
from harness.daemon import Daemon
from harness.waiting import FACTOR, until

KILLS = int(os.environ.get("SAMPAN_MOVER_KILLS", "6"))
SEED = 20261125


class Mover(threading.Thread):
    """Goes on whatever happens to the daemon, and remembers what it was promised."""

    def __init__(self, boat: Client, place: Path, address: str, over: threading.Event) -> None:
        super().__init__()
        self.boat = boat
        self.place = place
        self.address = address
        self.over = over
        self.images: dict[str, str] = {}  # acknowledged: the line that they end with
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
        if self.tried("exec", "live", "sh", "-c", f"echo live {turn} >> /log") == 0:
            self.commit("live", f"live{turn}", f"live {turn}")
        line = f"still {turn}"
        (self.place / "line").write_text(line + "\n")
        if self.tried("cp", f"{self.place}/line", "still:/line") == 0:
            self.commit("still", f"still{turn}", line)
        archive = self.place / f"{turn}.tar"
        if self.tried("save", "-o", str(archive), "busybox") == 0:
            self.tried("load", "-i", str(archive))
        self.tried("push", f"{self.address}/busy:x")
        self.tried("image", "prune", "-f")

    def commit(self, container: str, name: str, line: str) -> None:
        """Under a name of its own, so that prune leaves it alone."""
        if self.tried("commit", container, f"{name}:x") == 0:
            self.images[f"{name}:x"] = line

    def tried(self, *arguments: str) -> int:
        code = self.boat(*arguments, check=False).code
        self.done[arguments[0]] += code == 0
        return code


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    if not guarded.INSTALLED:
        pytest.skip("docker-registry or openssl is not installed")
    (tmp_path / "r").mkdir()
    with guarded.serve(tmp_path / "r", guarded=False) as found:
        yield found


@pytest.mark.timeout(400 * FACTOR)
def test_nothing_acknowledged_is_lost(own: Daemon, boat: Client, tmp_path: Path, address: str) -> None:
    boat("tag", "busybox", f"{address}/busy:x")
    script = "dd if=/dev/urandom of=/big bs=1M count=20 2>/dev/null; sha256sum /big > /sum; touch /ready"
    boat("run", "--name", "still", "busybox", "sh", "-c", script)
    boat("run", "-d", "--name", "live", "busybox", "sh", "-c", f"{script}; sleep 10000")
    until(lambda: boat("exec", "live", "ls", "/ready", check=False).code == 0, 30, "the file to be written")
    mover = _work_while_it_is_killed(own, tmp_path, address)
    assert mover.failure is None, mover.failure
    assert min(mover.done[verb] for verb in ("commit", "cp", "save", "load", "push")) > 0, mover.done
    assert json.loads(boat("inspect", "live").out)[0]["State"]["Status"] == "running"
    assert boat("exec", "live", "sha256sum", "-c", "/sum").out == "/big: OK\n"
    for name, line in mover.images.items():
        file = "/log" if name.startswith("live") else "/line"
        shown = boat("run", "--rm", name, "sh", "-c", f"tail -n 1 {file}; sha256sum -c /sum").out
        assert shown == f"{line}\n/big: OK\n", name
    boat("start", "-a", "still")
    boat("rm", "-f", "live", "still")
    names = boat("images", "--format", "{{.Repository}}:{{.Tag}}").out.split()
    assert mover.images.keys() <= set(names)
    boat("rmi", *(name for name in names if name != "busybox:latest"))
    boat("image", "prune", "-f")


def _work_while_it_is_killed(own: Daemon, place: Path, address: str) -> Mover:
    over = threading.Event()
    mover = Mover(ours(own.environment()), place, address, over)
    mover.start()
    moments = random.Random(SEED)
    try:
        for _ in range(KILLS):
            over.wait(moments.uniform(0.1, 1.5))
            own.restart()
        over.wait(5)  # one whole turn in peace
    finally:
        over.set()
        mover.join()
    return mover


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
