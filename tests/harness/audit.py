"""The leak audit: what a daemon has in the kernel and on disk, before and after a test.

`settled` is the picture before; `difference` waits until the one after is the same, and names what is not.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from harness import disk, kernel
from harness.daemon import Daemon
from harness.scene import Scene
from harness.waiting import FACTOR

PATIENCE = 5.0  # seconds after which what is left counts as leaked
Picture = dict[str, Counter[str]]
D = TypeVar("D", bound=Daemon)

KINDS: dict[str, Callable[[Scene], Iterator[str]]] = {
    "process": kernel.processes,
    "zombie": kernel.zombies,
    "mount": kernel.mounts,
    "loop device": kernel.loop_devices,
    "namespace": kernel.namespaces,
    "cgroup": kernel.cgroups,
    "interface": kernel.interfaces,
    "firewall": kernel.firewall,
    "listening socket": kernel.listening,
    "descriptors": kernel.descriptors,
    "file": disk.files,
    "row": disk.rows,
    "in the API": disk.told,
    "stray": kernel.strays,
    "contradiction": disk.contradictions,
}
_OTHERS_TOO = ("stray",)  # may be another daemon's: that it goes says nothing about ours
_UNSYNCED = "SELECT id FROM layers WHERE unsynced IS NOT NULL"
_NEVER = ("contradiction",)  # wrong also when it was there before


def picture(daemon: Daemon) -> Picture:
    scene = Scene(daemon)
    return {kind: Counter(draw(scene)) for kind, draw in KINDS.items()}


def settled(daemon: Daemon) -> Picture:
    """A picture that stands still: nothing of an earlier test is on its way out, and what has been committed
    is on the disk."""
    deadline = time.monotonic() + PATIENCE * FACTOR
    while Scene(daemon).rows(_UNSYNCED) and time.monotonic() < deadline:
        time.sleep(0.05)
    before = picture(daemon)
    while time.monotonic() < deadline:
        time.sleep(0.05)
        after = picture(daemon)
        if before == after:
            break
        before = after
    return before


def difference(daemon: Daemon, before: Picture) -> list[str]:
    """What is more, or less, than before, after it had time to go."""
    deadline = time.monotonic() + PATIENCE * FACTOR
    while True:
        found = compare(before, picture(daemon))
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def compare(before: Picture, after: Picture) -> list[str]:
    said = []
    for kind, things in after.items():
        known = Counter[str]() if kind in _NEVER else before[kind]
        said += [f"leaked: {kind}: {thing}" for thing in (things - known).elements()]
        if kind not in _OTHERS_TOO + _NEVER:
            said += [f"lost: {kind}: {thing}" for thing in (known - things).elements()]
    return said


def remains(daemon: Daemon, before: Picture) -> list[str]:
    """What is left of a daemon that was removed. `before`: its last picture."""
    scene = Scene(daemon)
    found = [f"process: {scene.processes[pid].command}" for pid in sorted(scene.ours)]
    for kind in ("process", "zombie", "mount", "loop device", "namespace", "interface", "firewall"):
        found += [f"{kind}: {thing}" for thing in KINDS[kind](scene)]
    found += [f"cgroup: {path}" for path in before["cgroup"] if Path(path).exists()]
    return found + [f"file: {path}" for path in (daemon.root,) if path.exists()]


@contextlib.contextmanager
def leaving_nothing(daemon: D) -> Iterator[D]:
    """It runs for as long as the block; then it is taken away, and with it everything of it is."""
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.empty()
        last = picture(daemon)
        daemon.remove()
    assert remains(daemon, last) == []
