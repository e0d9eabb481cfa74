"""The bundle of a container that another OCI runtime creates: its layers mounted, its spec without what only
our own knows.

*Lonely*: in the starter, which has a mount namespace of its own for it. The container inherits that, the host
never sees it, and with the starter it is gone.
"""

import contextlib
import os
import stat
from collections.abc import Sequence
from typing import Any

from sampan.linux import capability, mount, process
from sampan.linux.mount import MS_PRIVATE
from sampan.runtime import command, container, identity, mounts, ownership, plan, rootfs, userns
from sampan.runtime import operations as op
from sampan.runtime.failure import OciError
from sampan.runtime.protocol import Launch, Rootfs
from sampan.runtime.stage import Stage

# What others do not know, or are not asked for: the mounts are made already.
_OURS = frozenset(("subpath", "chown", "uidMappings", "gidMappings"))
_VERSION = "1.0.2"  # what every runtime of the last years takes


def mount_root(wanted: Rootfs | None, place: str) -> int:
    """At PLACE/rootfs: its descriptor. Only the mount that ours becomes a child of has to be made private."""
    if wanted is None:
        raise OciError("Unsupported", "another runtime needs the layers of an image")
    process.unshare(process.CLONE_NEWNS)
    mount.mount("", _mount_point(place), "", MS_PRIVATE)
    stage = Stage()
    if wanted.disk:
        stage.disk = rootfs.open_disk(wanted)
        rootfs.attach_disk(op.AttachDisk(wanted.disk_place), stage)
        os.close(stage.disk)
    os.makedirs(f"{place}/rootfs", mode=0o700)
    step = op.MountOverlay(tuple(wanted.lowerdirs), wanted.upperdir, wanted.workdir, f"{place}/rootfs")
    rootfs.mount_overlay(step, stage)
    for path in wanted.masked:
        mounts.mask_tree(op.MaskTree(path), stage)
    return stage.root


def adapted(launch: Launch, spec: dict[str, Any], root: int) -> dict[str, Any]:
    """The spec in the words of the specification's older versions."""
    linux = dict(spec.get("linux") or {})
    if "user" in [entry.get("type") for entry in linux.get("namespaces") or ()]:
        # Our layers are shown through idmapped mounts, and only our own set-up knows when to enter.
        raise OciError("Unsupported", "a user namespace needs sampan's own runtime: use --userns host")
    linux["cgroupsPath"] = container.cgroups_path(launch.id, spec)
    if domain := spec.get("domainname"):  # a field of its own since 1.1
        linux["sysctl"] = {**(linux.get("sysctl") or {}), "kernel.domainname": domain}
    entry = {**(spec.get("root") or {}), "path": "rootfs"} if launch.rootfs else spec.get("root")
    changed = {"ociVersion": _VERSION, "root": entry, "linux": linux}
    kept = {key: value for key, value in spec.items() if key != "domainname"}
    return {**kept, **changed, "process": resolved(spec["process"], root)}


def resolved(wanted: dict[str, Any], root: int) -> dict[str, Any]:
    """A process with numbers for its user, looked up in the container's own files, its HOME, and of its
    capabilities those that there are: others take it ill to be asked for more."""
    parsed = command.parse(wanted, None)
    user = identity.resolve_user(parsed, root)
    environment = [os.fsdecode(entry) for entry in identity.environment(parsed, user)]
    numbers = {"uid": user.uid, "gid": user.gid, "additionalGids": list(user.groups), "umask": parsed.umask}
    _, permitted, _ = capability.capget()
    capabilities = {
        kind: [name for name in names or () if capability.mask([name]) & permitted]
        for kind, names in (wanted.get("capabilities") or {}).items()
    }
    return {**wanted, "user": numbers, "env": environment, "capabilities": capabilities}


def with_sources(spec: dict[str, Any], place: str) -> dict[str, Any]:
    """Parts of volumes and images, and mounts with mapped ids: made here, below PLACE, and named by their
    path."""
    user = spec["process"]["user"]
    for entry in spec.get("mounts") or ():
        if entry.get("chown"):
            _chown(entry, user["uid"], user["gid"])
    entries = [_sourced(entry, number, place) for number, entry in enumerate(spec.get("mounts") or ())]
    return {**spec, "mounts": entries}


def _chown(entry: dict[str, Any], uid: int, gid: int) -> None:
    stage = Stage()
    stage.owner = lambda: (uid, gid)
    for step in plan.chown_of(entry):
        if isinstance(step, op.ChownSource):
            ownership.chown_source(step, stage)
        else:
            _open([step], stage)


def _sourced(entry: dict[str, Any], number: int, place: str) -> dict[str, Any]:
    kept = {key: value for key, value in entry.items() if key not in _OURS}
    mapped = entry.get("uidMappings") or entry.get("gidMappings")
    if not entry.get("subpath") and entry.get("type") != "overlay" and not mapped:
        return kept
    sources: list[op.Operation] = []
    anchor = f"{place}/anchor"
    os.makedirs(anchor, mode=0o700, exist_ok=True)
    plan.sources_of(entry, sources, anchor)
    stage = Stage()
    _open(sources, stage)
    path = f"{place}/mount-{number}"
    _attach(stage.sources.pop(0), path)
    options = [word for word in entry.get("options") or () if not word.startswith("lowerdir=")]
    if "bind" not in options and "rbind" not in options:
        options.append("bind")
    return {**kept, "type": "bind", "source": path, "options": options}


def _open(sources: Sequence[op.Operation], stage: Stage) -> None:
    for step in sources:
        if isinstance(step, op.OpenLayers):
            rootfs.open_layers(step, stage)
        elif isinstance(step, op.OpenSource):
            with contextlib.ExitStack() as stack:
                if step.ids is not None:
                    stage.mapped = {step.ids: userns.open_mapped(step.ids)}
                    stack.callback(os.close, stage.mapped[step.ids])
                rootfs.open_source(step, stage)


def _attach(fd: int, path: str) -> None:
    if stat.S_ISDIR(os.fstat(fd).st_mode):
        os.mkdir(path, 0o700)
    else:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    target = os.open(path, os.O_PATH | os.O_CLOEXEC)
    mount.move_mount(fd, target)
    os.close(target)
    os.close(fd)


def _mount_point(path: str) -> str:
    """Of the mount that a file lies in (proc_pid_mountinfo(5)); the roots of the engine are real paths."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        points = [line.split(" ")[4].replace("\\040", " ") for line in file]
    return max((p for p in points if f"{path}/".startswith(f"{p.rstrip('/')}/")), key=len)
