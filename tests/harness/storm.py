"""Clients that use every verb while the engine's processes are killed, and remember what they were promised.

A promise is an answer that says that it is done. Whatever a client was promised is true afterwards; what
failed may have happened, or not.
"""

import random
import threading
import time
from collections import Counter

from harness.clients import Client
from harness.waiting import FACTOR

LINES = 150  # that each container writes, over about a second
WRITER = f"i=0; while [ $i -lt {LINES} ]; do echo line $i; i=$((i+1)); usleep 3000; done; exit "


class Life:
    """What one client knows of its container."""

    def __init__(self, name: str, code: int) -> None:
        self.name = name
        self.code = code  # that it ends with, when nobody interferes
        self.may: set[str] = {
            "gone"
        }  # the states that it may be in; a run that ends by itself is still "running"
        self.touched = False  # a signal of ours may have reached it
        self.starts = 0  # those that may have happened
        self.shares: set[int] = {0}  # of the processor, that it may have

    def done(self, state: str) -> None:
        self.may = {state}

    def tried(self, state: str) -> None:
        self.may |= {state}


class Worker:
    """One client that goes on whatever happens to the daemon."""

    def __init__(self, boat: Client, number: int, seed: int, over: threading.Event) -> None:
        self.boat = boat
        self.number = number
        self.over = over
        self.random = random.Random(seed + number)
        self.lives: list[Life] = []
        self.volumes: dict[str, set[str]] = {}
        self.images: set[str] = set()  # those that must be there
        self.done: Counter[str] = Counter()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def begin(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        try:
            turn = 0
            while not self.over.is_set():
                turn += 1
                self._turn(f"w{self.number}-{turn}")
        except BaseException as error:
            self.failure = error

    def _turn(self, name: str) -> None:
        life = Life(name, self.random.randrange(1, 100))
        self.lives.append(life)
        first = self.random.choice(("run", "run", "create"))
        command = ("--name", name, "busybox", "sh", "-c", f"{WRITER}{life.code}")
        self._change(life, "running" if first == "run" else "created", first, *_flags(first), *command)
        life.starts += first == "run"
        if first == "run":
            life.tried("created")  # between its two requests
        if life.may == {"gone"}:
            return
        for _ in range(self.random.randrange(1, 6)):
            self.random.choice(ACTIONS)(self, life)

    def _change(self, life: Life, state: str, *arguments: str) -> bool:
        if self.tried(*arguments):
            life.done(state)
            return True
        life.tried(state)
        return False

    def tried(self, *arguments: str) -> bool:
        result = self.boat(*arguments, check=False)
        assert result.code == 0 or result.err, f"{arguments} failed silently"
        self.done[arguments[0]] += result.code == 0
        return result.code == 0

    # The verbs.

    def start(self, life: Life) -> None:
        life.starts += 1
        self._change(life, "running", "start", life.name)

    def stop(self, life: Life) -> None:
        life.touched = True
        never = life.may & {"created"}  # which stays as it is
        self._change(life, "exited", "stop", "-t", "0", life.name)
        life.may |= never

    def kill(self, life: Life) -> None:
        life.touched = True
        self._change(life, "exited", "kill", life.name)

    def restart(self, life: Life) -> None:
        life.touched = True
        life.starts += 1
        self._change(life, "running", "restart", "-t", "0", life.name)

    def pause(self, life: Life) -> None:
        self._change(life, "paused", "pause", life.name)
        self._change(life, "running", "unpause", life.name)
        life.may |= {"paused", "exited"}

    def rename(self, life: Life) -> None:
        new = f"{life.name}r"
        if self.tried("rename", life.name, new) or self._exists(new):
            life.name = new

    def _exists(self, name: str) -> bool:
        """Whether it does, however long it takes to hear so."""
        deadline = time.monotonic() + 30 * FACTOR
        while (result := self.boat("inspect", name, check=False)).code:
            if "no such object" in result.err.lower():
                return False
            assert time.monotonic() < deadline, f"no daemon any more: {result}"
        return True

    def update(self, life: Life) -> None:
        shares = self.random.randrange(2, 2000)
        if self.tried("update", "--cpu-shares", str(shares), life.name):
            life.shares = {shares}
        else:
            life.shares |= {shares}

    def execute(self, life: Life) -> None:
        """The code of the command, or a word about what went wrong."""
        wanted = self.random.randrange(2, 100)
        result = self.boat("exec", life.name, "sh", "-c", f"exit {wanted}", check=False)
        said = result.err + result.out  # a failed start is told in the stream, as Docker does
        killed = result.code == 137  # with its container
        assert result.code == wanted or said or killed, f"exec in {life.name}: {result.code} for {wanted}"
        self.done["exec"] += result.code == wanted

    def look(self, life: Life) -> None:
        verb = self.random.choice(("logs", "top", "stats --no-stream", "port", "inspect"))
        self.tried(*verb.split(), life.name)
        self.tried("ps", "-a")

    def remove(self, life: Life) -> None:
        life.touched = True
        self._change(life, "gone", "rm", "-f", life.name)

    def commit(self, life: Life) -> None:
        if self.tried("commit", life.name, f"{life.name}-i"):
            self.images.add(f"{life.name}-i")

    def volume(self, life: Life) -> None:
        name = f"{life.name}-v"
        verb, state = self.random.choice((("create", "there"), ("rm", "gone")))
        before = self.volumes.get(name, {"gone"})
        self.volumes[name] = {state} if self.tried("volume", verb, name) else before | {state}


def _flags(verb: str) -> tuple[str, ...]:
    return ("-d",) if verb == "run" else ()


ACTIONS = (
    Worker.start, Worker.stop, Worker.kill, Worker.restart, Worker.pause, Worker.rename, Worker.update,
    Worker.execute, Worker.execute, Worker.look, Worker.look, Worker.remove, Worker.volume, Worker.commit,
)  # fmt: skip
