"""One look at the machine, from which all kinds of the leak audit are drawn.

Everything that belongs to one daemon carries its roots or its names: command lines, mounts, cgroups by
container ID, ports of its bridge, elements of its table.
"""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from harness.daemon import CGROUPS, Daemon

NETWORK = Path("/sys/class/net")


class Process(NamedTuple):
    pid: int
    parent: int
    state: str
    name: str
    command: str


class Scene:
    """Taken once per picture: the processes and cgroups of a daemon, and its database."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.processes = {one.pid: one for one in _processes()}
        self.ours = {one.pid for one in self.processes.values() if _belongs(one, daemon)}
        self.spares = {pid for pid in self.ours if self._waits_for_a_launch(pid)}
        known = {row[0] for row in self.rows("SELECT id FROM containers")}
        known |= names(daemon.run / "containers")
        self.cgroups = [path for path in _cgroups(daemon) if path.name in known]
        self.stray_cgroups = [path for path in _cgroups(daemon) if path.name not in known and _is_empty(path)]
        self.inside = {int(pid): path.name for path in self.cgroups for pid in _members(path)}

    def _waits_for_a_launch(self, pid: int) -> bool:
        """The spare monitor and its starter come and go: they have no container's directory open."""
        if self.processes[pid].name != "sampan-monitor":
            return False
        held = f"{self.daemon.run}/containers/"
        return not any(target.startswith(held) for target in targets(pid))

    @property
    def steady(self) -> list[int]:
        """Our processes but the spares."""
        return sorted(self.ours - self.spares)

    def rows(self, question: str) -> list[tuple[Any, ...]]:
        path = self.daemon.data / "sampan.db"
        if not path.exists():
            return []
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return connection.execute(question).fetchall()
        finally:
            connection.close()


def _processes() -> Iterator[Process]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            head, _, rest = text(Path(f"/proc/{entry}/stat")).rpartition(")")
            fields = rest.split()
            if fields:
                command = text(Path(f"/proc/{entry}/cmdline")).replace("\0", " ")
                yield Process(int(entry), int(fields[1]), fields[0], head.partition("(")[2], command)


def _belongs(process: Process, daemon: Daemon) -> bool:
    """The daemon, its launcher, spares and monitors have the run root in their command lines."""
    return f" {daemon.run} " in process.command


def _cgroups(daemon: Daemon) -> Iterator[Path]:
    """Those of its containers, in all hierarchies."""
    for hierarchy in _hierarchies():
        for parent in (hierarchy / daemon.cgroups, *hierarchy.glob(f"*/{daemon.cgroups}")):
            yield from (parent / name for name in names(parent) if len(name) == 64)


def _hierarchies() -> list[Path]:
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return [child for child in CGROUPS.iterdir() if child.is_dir() and not child.is_symlink()]


def _members(cgroup: Path) -> list[str]:
    """Also those of the cgroups that the container itself has made."""
    found = text(cgroup / "cgroup.procs").split()
    for path, directories, _ in os.walk(cgroup):
        for name in directories:
            found += text(Path(path, name, "cgroup.procs")).split()
    return found


def _is_empty(cgroup: Path) -> bool:
    return cgroup.is_dir() and not _members(cgroup)


def targets(pid: int) -> list[str]:
    """Where the descriptors of a process lead."""
    found = []
    for fd in names(Path(f"/proc/{pid}/fd")):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:
            continue
    return found


def names(directory: Path) -> set[str]:
    try:
        return set(os.listdir(directory))
    except OSError:
        return set()


def text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
