"""What a daemon has in the kernel: each thing of a kind with a name that a person can follow."""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.scene import NETWORK, Scene, names, targets, text

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
_HELD = ("0A", "07")  # states of /proc/net/tcp and udp: TCP_LISTEN; an unconnected UDP socket


def processes(scene: Scene) -> Iterator[str]:
    """Ours, all that runs in cgroups of its containers, and what sees its layers from outside of them."""
    main = scene.daemon.process
    for pid in scene.steady:
        if main is None or pid != main.pid:
            yield scene.processes[pid].name
    for pid, container in scene.inside.items():
        yield f"{_name(scene, pid)} in container {container[:12]}"
    yield from (f"{_name(scene, pid)} in a mount namespace of its layers" for pid in _escaped(scene))


def _name(scene: Scene, pid: int) -> str:
    return scene.processes[pid].name if pid in scene.processes else "a process that just came"


def _escaped(scene: Scene) -> Iterator[int]:
    """No cgroup holds them, no command line tells them: only their root is the daemon's."""
    host = _namespace(os.getpid(), "mnt")
    for pid in scene.processes:
        if pid in scene.inside or pid in scene.ours or _namespace(pid, "mnt") in ("", host):
            continue
        if str(scene.daemon.data) in text(Path(f"/proc/{pid}/mountinfo")):
            yield pid


def _namespace(pid: int, kind: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")
    except OSError:
        return ""


def zombies(scene: Scene) -> Iterator[str]:
    for one in scene.processes.values():
        if one.state == "Z" and one.parent in scene.ours:
            yield f"{one.name}, child of {scene.processes[one.parent].name}"


def mounts(scene: Scene) -> Iterator[str]:
    """In the machine's mount namespace, and in each other one that a process of ours is in."""
    views = {_namespace(pid, "mnt"): pid for pid in scene.steady}
    views[_namespace(os.getpid(), "mnt")] = os.getpid()
    for pid in views.values():
        for line in text(Path(f"/proc/{pid}/mountinfo")).splitlines():
            if str(scene.daemon.root) in line:
                yield line.split()[4]


def loop_devices(scene: Scene) -> Iterator[str]:
    """What each shows: a file of the daemon's, by its path."""
    for device in Path("/sys/block").glob("loop*/loop/backing_file"):
        if (shown := text(device).strip()).startswith(str(scene.daemon.root)):
            yield shown


def namespaces(scene: Scene) -> Iterator[str]:
    """That a process of ours or of a container is in, and the machine is not."""
    for pid in (*scene.steady, *scene.inside):
        for kind in NAMESPACES:
            if _namespace(pid, kind) not in ("", _namespace(os.getpid(), kind)):
                yield f"{kind} of {_name(scene, pid)}"


def cgroups(scene: Scene) -> Iterator[str]:
    return (str(path) for path in scene.cgroups)


def interfaces(scene: Scene) -> Iterator[str]:
    own = scene.daemon.names.bridge
    users = [name for name in names(NETWORK) if text(NETWORK / name / "ifalias").strip() == own]
    for bridge in (own, *users):
        if (NETWORK / bridge).exists():
            yield bridge
        yield from (f"{name}, port of {bridge}" for name in names(NETWORK / bridge / "brif"))


def strays(scene: Scene) -> Iterator[str]:
    """What looks like a container's and is nobody's: an empty cgroup, half of a pair."""
    yield from (str(path) for path in scene.stray_cgroups)
    for name in names(NETWORK):
        if name.startswith("veth") and not (NETWORK / name / "master").exists():
            yield f"{name}, port of no bridge"


def firewall(scene: Scene) -> Iterator[str]:
    table = scene.daemon.names.table
    done = subprocess.run(["nft", "-j", "list", "table", "inet", table], capture_output=True, check=False)
    if done.returncode:
        return
    for entry in json.loads(done.stdout)["nftables"]:
        ((kind, found),) = entry.items()
        if kind in ("map", "set"):
            yield from (f"{found['name']}: {json.dumps(element)}" for element in found.get("elem", ()))
        yield _firewall_object(kind, found)


def _firewall_object(kind: str, found: dict[str, Any]) -> str:
    return f"{kind} of {found['chain']}" if kind == "rule" else f"{kind} {found.get('name', '')}"


def descriptors(scene: Scene) -> Iterator[str]:
    """Of the daemon and its launcher, by type and number. The database opens and closes its own files."""
    main = scene.daemon.process
    if main is None:
        return
    for pid in scene.steady:
        if pid == main.pid or scene.processes[pid].parent == main.pid:
            counted = Counter(_type(target) for target in targets(pid) if "/sampan.db" not in target)
            name = scene.processes[pid].name
            yield from (f"{number} x {kind} of {name}" for kind, number in counted.items())
    yield f"{_watches(main.pid)} watches of inotify"


def _type(target: str) -> str:
    return target.partition(":[")[0] if not target.startswith("anon_inode:") else target


def _watches(pid: int) -> int:
    directory = Path(f"/proc/{pid}/fdinfo")
    return sum(text(directory / fd).count("inotify wd:") for fd in names(directory))


def listening(scene: Scene) -> Iterator[str]:
    """Ports that the daemon, a monitor or a relay holds."""
    inodes = {target for pid in scene.ours for target in targets(pid) if target.startswith("socket:[")}
    for protocol in ("tcp", "tcp6", "udp", "udp6"):
        for line in text(Path("/proc/net", protocol)).splitlines()[1:]:
            fields = line.split()
            if fields[3] in _HELD and f"socket:[{fields[9]}]" in inodes:
                yield f"{protocol} port {int(fields[1].rpartition(':')[2], 16)}"
