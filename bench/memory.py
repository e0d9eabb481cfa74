"""What our processes cost: PSS, so that pages they share are counted once (smaps_rollup in proc(5))."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from engine import PREFIX, Engine

from harness.daemon import Daemon

CONTAINERS = 30
EACH, IDLE = 1.5, 60.0  # the bars, MiB


def of_daemon(daemon: Daemon) -> float:
    """MiB of a daemon that has just come up, its launcher and what that keeps ready."""
    return settled(lambda: pss(processes(daemon)))


def of_each_container(engine: Engine, daemon: Daemon) -> float:
    """MiB per container that does nothing: all our processes with CONTAINERS more, minus before."""
    before = settled(lambda: pss(processes(daemon)))
    names = [f"{PREFIX}{number}" for number in range(CONTAINERS)]
    for name in names:
        engine("run", "-d", "--name", name, "busybox", "sleep", "100000")
    after = settled(lambda: pss(processes(daemon)))
    engine("rm", "-f", *names)
    return (after - before) / CONTAINERS


def settled(measure: Callable[[], float]) -> float:
    """The median of five looks, a second after the last thing that happened: by then spares are ready."""
    time.sleep(1)
    looks = []
    for _ in range(5):
        looks.append(measure())
        time.sleep(0.1)
    return sorted(looks)[2]


def processes(daemon: Daemon) -> list[int]:
    """Daemon, launcher, spares and monitors have their root in their command line; containers have not."""
    marker, found = str(daemon.root).encode(), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if marker in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:  # it has ended
                continue
    return found


def pss(pids: list[int]) -> float:
    """MiB."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def table(idle: float, each: float) -> list[str]:
    rows = (("per idle container, all our processes", each, EACH), ("idle daemon and launcher", idle, IDLE))
    lines = ["| memory (PSS) | MiB | bar | |", "|---|---|---|---|"]
    for title, measured, bar in rows:
        met = "met" if measured <= bar else "**not met**"
        lines.append(f"| {title} | {measured:.2f} | ≤ {bar:g} | {met} |")
    return lines
