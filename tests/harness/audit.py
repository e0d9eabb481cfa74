"""The leak audit: what a daemon has in the kernel and on disk, before and after a test.

Everything that belongs to one daemon carries its roots or its names: command lines, mounts, cgroups by
container ID, ports of its bridge, elements of its table. `difference` waits until both pictures are equal.
"""

import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.daemon import Daemon
from harness.waiting import FACTOR

PATIENCE = 5.0  # seconds after which what is left counts as leaked
_HELD = ("0A", "07")  # states of /proc/net/tcp and udp: TCP_LISTEN; an unconnected UDP socket
Picture = dict[str, list[str]]


def picture(daemon: Daemon) -> Picture:
    """Everything that is counted, by kind, each thing with a name that a person can follow."""
    return {
        "processes": sorted(_processes(daemon)),
        "zombies": sorted(_zombies(daemon)),
        "mounts": sorted(_mounts(daemon)),
        "cgroups": sorted(_cgroups(daemon)),
        "bridge ports": sorted(_ports(daemon)),
        "firewall elements": sorted(_elements(daemon)),
        "files": sorted(_files(daemon)),
        "rows": sorted(_rows(daemon)),
        "descriptors": sorted(_descriptors(daemon)),
        "listening sockets": sorted(_listening(daemon)),
    }


def settled(daemon: Daemon) -> Picture:
    """A picture that stands still: nothing of an earlier test is on its way out."""
    deadline = time.monotonic() + PATIENCE * FACTOR
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
        found = _compare(before, picture(daemon))
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def _compare(before: Picture, after: Picture) -> list[str]:
    told = []
    for kind, things in after.items():
        told += [f"leaked: {kind}: {thing}" for thing in _minus(things, before[kind])]
        told += [f"lost: {kind}: {thing}" for thing in _minus(before[kind], things)]
    return told


def _minus(things: list[str], others: list[str]) -> list[str]:
    left = list(others)
    return [thing for thing in things if thing not in left or left.remove(thing) is not None]


def _command_lines() -> Iterator[tuple[int, str]]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = (
                    Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                )
            except OSError:
                continue
            yield int(entry), text


def _ours(daemon: Daemon) -> list[int]:
    """The daemon, its launcher, spares and monitors, by the run root in their command lines."""
    return [pid for pid, text in _command_lines() if f"{daemon.run} " in f"{text} " and "pytest" not in text]


def _comm(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _processes(daemon: Daemon) -> Iterator[str]:
    """Ours, and all that runs in cgroups of its containers. The spare monitor and its starter come and go:
    they are the launcher's child and grandchild without a container."""
    spare = _spares(daemon)
    for pid in _ours(daemon):
        name = _comm(pid)
        if name and pid not in spare and not (daemon.process and pid == daemon.process.pid):
            yield name
    for directory in _cgroup_directories(daemon):
        for pid in _read(directory / "cgroup.procs").split():
            yield f"in {directory.name[:12]}: {_comm(int(pid))}"


def _spares(daemon: Daemon) -> set[int]:
    """Processes of ours without a run directory open: they wait for a launch."""
    found = set()
    for pid in _ours(daemon):
        if _comm(pid) != "sampan-monitor":
            continue
        held = f"{daemon.run}/containers/"
        if not any(target.startswith(held) for target in _targets(pid)):
            found.add(pid)
    return found


def _targets(pid: int) -> list[str]:
    found = []
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
            except OSError:
                continue
    except OSError:
        pass
    return found


def _zombies(daemon: Daemon) -> Iterator[str]:
    ours = set(_ours(daemon))
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = _read(Path(f"/proc/{entry}/stat")).rpartition(")")[2].split()
            if fields and fields[0] == "Z" and int(fields[1]) in ours:
                yield entry


def _mounts(daemon: Daemon) -> Iterator[str]:
    for line in _read(Path("/proc/self/mountinfo")).splitlines():
        if str(daemon.root) in line:
            yield line.split()[4]


def _cgroup_directories(daemon: Daemon) -> Iterator[Path]:
    known = set(_containers(daemon)) | _directories(daemon.run / "containers")
    for hierarchy in _hierarchies():
        for parent in (hierarchy / "sampan", *hierarchy.glob("*/sampan")):
            if parent.is_dir():
                yield from (child for child in parent.iterdir() if child.name in known or _orphan(child))


def _orphan(directory: Path) -> bool:
    """A cgroup that looks like a container's and has no process: nobody's."""
    return directory.is_dir() and len(directory.name) == 64 and not _read(directory / "cgroup.procs").strip()


def _cgroups(daemon: Daemon) -> Iterator[str]:
    return (str(directory) for directory in _cgroup_directories(daemon))


def _hierarchies() -> list[Path]:
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        return [root]
    return [child for child in root.iterdir() if child.is_dir() and not child.is_symlink()]


def _ports(daemon: Daemon) -> Iterator[str]:
    directory = Path("/sys/class/net", daemon.names.bridge, "brif")
    return iter(os.listdir(directory)) if directory.is_dir() else iter(())


def _elements(daemon: Daemon) -> Iterator[str]:
    done = subprocess.run(
        ["nft", "-j", "list", "table", "inet", daemon.names.table], capture_output=True, check=False
    )
    if done.returncode:
        return
    for entry in json.loads(done.stdout)["nftables"]:
        for kind in ("map", "set"):
            found: Any = entry.get(kind, {})
            for element in found.get("elem", ()):
                yield f"{found['name']}: {json.dumps(element)}"


def _files(daemon: Daemon) -> Iterator[str]:
    for place in ("containers", "volumes", "trash", "ingest", "layers", "blobs/sha256"):
        yield from (f"data/{place}/{name}" for name in _directories(daemon.data / place))
    yield from (f"run/containers/{name}" for name in _directories(daemon.run / "containers"))


def _directories(path: Path) -> set[str]:
    return set(os.listdir(path)) if path.is_dir() else set()


def _query(daemon: Daemon, text: str) -> list[tuple[Any, ...]]:
    path = daemon.data / "sampan.db"
    if not path.exists():
        return []
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return connection.execute(text).fetchall()
    finally:
        connection.close()


def _containers(daemon: Daemon) -> list[str]:
    return [row[0] for row in _query(daemon, "SELECT id FROM containers")]


def _rows(daemon: Daemon) -> Iterator[str]:
    for table in ("containers", "volumes", "layer_holders", "images", "layers", "blobs"):
        yield f"{table}: {_query(daemon, f'SELECT count(*) FROM {table}')}"


def _descriptors(daemon: Daemon) -> Iterator[str]:
    """By type and number: sockets of idle clients and files of the database vary, pipes and pidfds do not."""
    if daemon.process is None:
        return
    counted: dict[str, int] = {}
    for target in _targets(daemon.process.pid):
        kind = target.partition(":")[0] if ":[" in target or target.startswith("anon_inode:") else ""
        if kind in ("pipe", "anon_inode"):
            counted[target.partition(":[")[0]] = counted.get(target.partition(":[")[0], 0) + 1
    yield from (f"{kind} x {number}" for kind, number in counted.items())


def _listening(daemon: Daemon) -> Iterator[str]:
    """Ports that a monitor or a relay of this daemon holds."""
    inodes = {target for pid in _ours(daemon) for target in _targets(pid) if target.startswith("socket:[")}
    for name in ("tcp", "tcp6", "udp", "udp6"):
        for line in _read(Path("/proc/net", name)).splitlines()[1:]:
            fields = line.split()
            if fields[3] in _HELD and f"socket:[{fields[9]}]" in inodes:
                yield f"{name} {fields[1]}"


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
