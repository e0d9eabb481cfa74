"""OCI runtime-spec → the steps that make it true, in their order. Pure: reads nothing, changes nothing.

The order is what makes it safe. Host paths are opened first, while the host's root is still there, and
only as descriptors; then the root is pivoted, so that no later path, however the image has laid its
symlinks, can name anything of the host; then the mounts of the spec in their order; masks, read-only paths
and the read-only root come last, because nothing can be written after them.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sampan.linux import process
from sampan.linux.mount import MS_PRIVATE
from sampan.linux.schedule import PER_LINUX, PER_LINUX32
from sampan.runtime import hooks, sysctls, userns
from sampan.runtime import operations as op
from sampan.runtime.failure import invalid, unsupported
from sampan.runtime.hooks import NONE, Hooks
from sampan.runtime.mount_options import MountOptions, parse, propagation_flags
from sampan.runtime.protocol import Rootfs
from sampan.runtime.userns import Ids

NAMESPACE_FLAGS: dict[str, int] = {
    "mount": process.CLONE_NEWNS,
    "pid": process.CLONE_NEWPID,
    "network": process.CLONE_NEWNET,
    "uts": process.CLONE_NEWUTS,
    "ipc": process.CLONE_NEWIPC,
    "cgroup": process.CLONE_NEWCGROUP,
    "time": process.CLONE_NEWTIME,
    "user": process.CLONE_NEWUSER,
}
_ORDINARY = ("/proc", "/sys", "/dev")
_DEVICES = ("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)
_LINKS = (
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
)
_CONSOLE = (24, 80)


class CgroupView(NamedTuple):
    """What a container sees below /sys/fs/cgroup."""

    unified: str | None  # pure v2: the host directory of this container's cgroup; None: v1 or hybrid
    hierarchies: Sequence[tuple[str, str]] = ()  # v1: (name below /sys/fs/cgroup, host directory of ours)
    links: Sequence[tuple[str, str]] = ()  # v1: ("cpu", "cpu,cpuacct")


class Plan(NamedTuple):
    operations: tuple[op.Operation, ...]
    clone_flags: int
    joins: tuple[tuple[int, str], ...]  # (CLONE_NEW*, path)
    hooks: Hooks = NONE
    ids: Ids | None = None  # of a user namespace of its own
    clocks: str = ""  # for /proc/PID/timens_offsets, of a time namespace of its own

    def mappings(self) -> set[Ids]:
        """Of mounts, that are not the container's own."""
        found = {step.ids for step in self.operations if type(step) is op.OpenSource and step.ids is not None}
        return found - {self.ids}

    def __str__(self) -> str:
        return "\n".join(map(repr, self.operations))


def build(
    spec: dict[str, Any], rootfs: Rootfs | None, bundle: str, view: CgroupView, identifier: str = ""
) -> Plan:
    """Raises OciError for a spec that we cannot or must not carry out."""
    linux = spec.get("linux") or {}
    if linux.get("intelRdt"):
        raise unsupported("intelRdt is specified in config, but Intel RDT is not supported or enabled")
    flags, joins = namespaces(linux.get("namespaces") or ())
    mounts = [_Mount.of(entry) for entry in spec.get("mounts") or ()]
    own_cgroup = bool(flags & process.CLONE_NEWCGROUP)
    sources: list[op.Operation] = []
    attaches = [
        step for mount in mounts for step in _mount(mount, sources, view, bundle, own_cgroup=own_cgroup)
    ]
    owned = [_chown(mount, sources) for mount in mounts if mount.chown]
    given = hooks.parse(spec)
    filling = [
        *([op.NewCgroupNamespace()] if own_cgroup else ()),
        *(op.MaskTree(path) for path in (rootfs.masked if rootfs else ())),
        *attaches,
        *owned,
        *_devices(mounts, linux),
    ]
    operations = [
        op.NewKeyring("_ses." + bundle.rsplit("/", 1)[-1]),
        *personality(linux),
        *_oom(spec),
        op.EnterCgroups(tuple(directory for _, directory in view.hierarchies)),
        *sources,
        op.MakePrivate(),
        *([op.AttachDisk(rootfs.disk_place)] if rootfs is not None and rootfs.disk else ()),
        _root(spec, rootfs, bundle),
        *(_filled_and_hooked(filling, given, identifier, bundle) if given.before_pivot else ()),
        op.Pivot(),
        *(() if given.before_pivot else filling),
        *_console(spec),
        *_names(spec, flags),
        *_sysctls(linux, flags | sum(kind for kind, _ in joins)),
        *_dev_readonly(mounts),
        *map(op.ReadonlyPath, linux.get("readonlyPaths") or ()),
        *map(op.MaskPath, linux.get("maskedPaths") or ()),
        *([op.ReadonlyRoot()] if (spec.get("root") or {}).get("readonly") else ()),
        *_propagation(linux),
    ]
    ids = userns.parse(linux) if flags & process.CLONE_NEWUSER else None
    if ids is not None:
        operations = [_owned(step, ids) for step in operations]
    return Plan(tuple(operations), flags, joins, given, ids, _clocks(linux, flags))


def _owned(step: op.Operation, ids: Ids) -> op.Operation:
    """What the machine's root makes belongs to the root of the container."""
    if isinstance(step, op.MountOverlay):
        return step._replace(idmapped=True)
    if isinstance(step, op.MakeDevice):
        return step._replace(uid=ids.uid(step.uid), gid=ids.gid(step.gid))
    if isinstance(step, op.ChownSource):
        return step if step.inside else step._replace(ids=ids)
    return _mounted_by_root(step, ids) if isinstance(step, op.MountFilesystem) else step


def _mounted_by_root(step: op.MountFilesystem, ids: Ids) -> op.MountFilesystem:
    if step.fstype == "tmpfs":
        return step._replace(data=(f"uid={ids.uid(0)}", f"gid={ids.gid(0)}", *step.data))
    if step.fstype == "devpts":
        return step._replace(data=tuple(_group(word, ids) for word in step.data))
    return step


def _group(word: str, ids: Ids) -> str:
    return f"gid={ids.gid(int(word[4:]))}" if word.startswith("gid=") else word


def _filled_and_hooked(
    filling: Sequence[op.Operation], given: Hooks, identifier: str, bundle: str
) -> Iterator[op.Operation]:
    """Such hooks find the root's mounts in place and the host's root still there (runtime-spec, config.md).
    Only they put the mounts before the pivot: until then every path is resolved beneath the new root's
    descriptor (openat2(2), RESOLVE_IN_ROOT), which is as good, but rests on one lock instead of two."""
    yield from filling
    yield op.CreateHooks(tuple(given.create_container), identifier, bundle)


def personality(linux: dict[str, Any]) -> Iterator[op.Operation]:
    if not (entry := linux.get("personality")):
        return
    domain = {"LINUX": PER_LINUX, "LINUX32": PER_LINUX32}.get(entry.get("domain", ""))
    if domain is None:
        raise invalid(f"invalid personality domain {entry.get('domain', '')}")
    if entry.get("flags"):
        raise unsupported("personality flags are not supported")
    yield op.SetPersonality(domain)


def _clocks(linux: dict[str, Any], flags: int) -> str:
    offsets = linux.get("timeOffsets") or {}
    if offsets and not flags & process.CLONE_NEWTIME:
        raise invalid("time namespace offsets are specified, but no time namespace is")
    lines = []
    for clock, offset in offsets.items():
        if clock not in ("monotonic", "boottime"):
            raise invalid(f"there is no time offset for the clock {clock!r}")
        lines.append(f"{clock} {offset.get('secs', 0)} {offset.get('nanosecs', 0)}\n")
    return "".join(lines)


def namespaces(entries: Sequence[dict[str, Any]]) -> tuple[int, tuple[tuple[int, str], ...]]:
    """(flags of the new ones, (flag, path) of those to join)."""
    flags, joins = 0, []
    for entry in entries:
        flag = NAMESPACE_FLAGS.get(kind := entry.get("type", ""))
        if flag is None:
            raise unsupported(f"namespace {kind!r} is not supported")
        if (path := entry.get("path")) and flag == process.CLONE_NEWUSER:
            raise unsupported("joining another user namespace is not supported")
        if path:
            joins.append((flag, path))
        else:
            flags |= flag
    if not flags & process.CLONE_NEWNS:
        raise invalid("a container needs a mount namespace of its own")
    return flags, tuple(joins)


class _Mount(NamedTuple):
    destination: str
    fstype: str
    source: str
    options: MountOptions
    subpath: str = ""  # an extension of ours
    ids: Ids | None = None
    chown: bool = False  # an extension of ours, too

    @classmethod
    def of(cls, entry: dict[str, Any]) -> "_Mount":
        destination = entry["destination"]
        if not destination.startswith("/"):
            raise invalid(f"mount destination {destination} not absolute")
        options = parse(entry.get("options") or ())
        kind, source = entry.get("type") or "bind", entry.get("source") or ""
        mapped = entry.get("uidMappings") or entry.get("gidMappings")
        ids = userns.mappings(entry) if mapped else None
        subpath, chown = entry.get("subpath") or "", bool(entry.get("chown"))
        return cls(destination, kind, source, options, subpath, ids, chown)

    @property
    def is_bind(self) -> bool:
        return self.options.bind or self.fstype == "bind"


def _oom(spec: dict[str, Any]) -> Iterator[op.Operation]:
    yield from oom_score(spec.get("process") or {})


def oom_score(process_: dict[str, Any]) -> Iterator[op.SetOomScore]:
    if (value := process_.get("oomScoreAdj")) is not None:
        yield op.SetOomScore(value)


def _root(spec: dict[str, Any], rootfs: Rootfs | None, bundle: str) -> op.Operation:
    if rootfs is not None:
        return op.MountOverlay(tuple(rootfs.lowerdirs), rootfs.upperdir, rootfs.workdir, bundle)
    path = (spec.get("root") or {}).get("path") or "rootfs"
    return op.BindRoot(path if path.startswith("/") else f"{bundle}/{path}", bundle)


def _mount(
    mount: _Mount, sources: list[op.Operation], view: CgroupView, bundle: str, *, own_cgroup: bool
) -> Iterator[op.Operation]:
    if mount.is_bind:
        yield _bind(mount, sources)
    elif mount.fstype == "overlay":
        yield _layers(mount, sources, bundle)
    elif mount.fstype == "cgroup" and view.unified is None:
        yield from _cgroup_v1(mount, sources, view, own_cgroup=own_cgroup)
    elif mount.fstype in ("cgroup", "cgroup2"):
        yield from _cgroup_v2(mount, sources, view, own_cgroup=own_cgroup)
    else:
        yield _filesystem(mount)


def _filesystem(mount: _Mount, fstype: str = "") -> op.MountFilesystem:
    destination = mount.destination.rstrip("/") or "/"
    return op.MountFilesystem(
        destination=destination,
        fstype=fstype or mount.fstype,
        source=mount.source or mount.fstype,
        data=mount.options.data,
        attributes=_early(destination, mount.options.attributes.set),
        propagation=mount.options.propagation,
        ordinary=destination in _ORDINARY,
        copy_up=mount.options.copy_up and mount.fstype == "tmpfs",
    )


def _early(destination: str, attributes: int) -> int:
    """/dev must be filled before it may become read-only (see `_dev_readonly`)."""
    return attributes & ~1 if destination == "/dev" else attributes


def _dev_readonly(mounts: Sequence[_Mount]) -> Iterator[op.Operation]:
    for mount in mounts:
        if mount.destination == "/dev" and mount.options.attributes.set & 1 and not mount.is_bind:
            yield op.Remount("/dev", mount.options.attributes)


def _bind(mount: _Mount, sources: list[op.Operation]) -> op.AttachSource:
    number = len(sources)
    options = mount.options
    recursive = options.recursive or not options.bind
    sources.append(op.OpenSource(number, mount.source, recursive, mount.subpath, mount.ids))
    return op.AttachSource(
        destination=mount.destination,
        number=number,
        attributes=options.attributes,
        below=options.below,
        propagation=options.propagation or MS_PRIVATE,
        propagation_recursive=options.propagation_recursive or not options.propagation,
    )


def _chown(mount: _Mount, sources: list[op.Operation]) -> op.ChownSource:
    """By a copy of the mount that is neither read-only nor mapped."""
    number = len(sources)
    sources.append(op.OpenSource(number, mount.source, recursive=False, subpath=mount.subpath))
    return op.ChownSource(number, mount.source, inside=mount.ids is not None)


def _layers(mount: _Mount, sources: list[op.Operation], bundle: str) -> op.AttachSource:
    """Of `lowerdir` alone: its paths are the host's, and must be opened before the pivot."""
    number, lowerdirs = len(sources), ""
    for word in mount.options.data:
        key, _, value = word.partition("=")
        if key != "lowerdir":
            raise unsupported(f"overlay mount at {mount.destination}: {key} is not supported")
        lowerdirs = value
    paths = tuple(_unescaped(path) for path in re.split(r"(?<!\\):", lowerdirs) if path)
    if not paths:
        raise invalid(f"overlay mount at {mount.destination} has no lowerdir")
    sources.append(op.OpenLayers(number, paths, bundle, mount.subpath))
    return op.AttachSource(mount.destination, number, mount.options.attributes, propagation=MS_PRIVATE)


def chown_of(entry: dict[str, Any]) -> list[op.Operation]:
    """As `sources_of`, and what changes its owners."""
    sources: list[op.Operation] = []
    step = _chown(_Mount.of(entry), sources)
    return [*sources, step]


def sources_of(entry: dict[str, Any], sources: list[op.Operation], anchor: str) -> None:
    """Of one mount of a spec: what opens its source, for who mounts it otherwise than we do."""
    mount = _Mount.of(entry)
    if mount.fstype == "overlay":
        _layers(mount, sources, anchor)
    else:
        _bind(mount, sources)


def _unescaped(path: str) -> str:
    return path.replace("\\:", ":").replace("\\\\", "\\")


def _cgroup_v2(
    mount: _Mount, sources: list[op.Operation], view: CgroupView, *, own_cgroup: bool
) -> Iterator[op.Operation]:
    """In a cgroup namespace a mount of its own shows ours as the root; without one, so does a bind."""
    if own_cgroup:
        yield _filesystem(mount, "cgroup2")
        return
    number = len(sources)
    sources.append(op.OpenSource(number, view.unified or "", recursive=False))
    yield op.AttachSource(mount.destination, number, mount.options.attributes, propagation=MS_PRIVATE)


def _cgroup_v1(
    mount: _Mount, sources: list[op.Operation], view: CgroupView, *, own_cgroup: bool
) -> Iterator[op.Operation]:
    """A tmpfs with one directory for each hierarchy, as runc."""
    attributes = mount.options.attributes
    if own_cgroup:
        yield from _cgroup_v1_own(mount, view)
        return
    directories = []
    for name, host in view.hierarchies:
        directories.append((name, number := len(sources)))
        sources.append(op.OpenSource(number, host, recursive=False))
    yield op.MountCgroups(mount.destination, attributes.set, tuple(directories), tuple(view.links))


def _cgroup_v1_own(mount: _Mount, view: CgroupView) -> Iterator[op.Operation]:
    """Mounts of its own: they show the cgroup namespace's root."""
    attributes = mount.options.attributes
    yield op.MountFilesystem(mount.destination, "tmpfs", "tmpfs", ("mode=755",), attributes.set & ~1)
    for name, _ in view.hierarchies:
        data = ("none", f"name={name}") if name == "systemd" else tuple(name.split(","))
        yield op.MountFilesystem(f"{mount.destination}/{name}", "cgroup", "cgroup", data, attributes.set)
    for name, target in view.links:
        yield op.Symlink(f"{mount.destination}/{name}", target)
    if attributes.set & 1:
        yield op.Remount(mount.destination, attributes)


def _devices(mounts: Sequence[_Mount], linux: dict[str, Any]) -> Iterator[op.Operation]:
    """Not where the user has mounted a /dev of his own, as runc."""
    if any(m.destination.rstrip("/") == "/dev" and m.is_bind for m in mounts):
        return
    given = {entry["path"] for entry in linux.get("devices") or ()}
    for name, minor in _DEVICES:
        if f"/dev/{name}" not in given:
            yield op.MakeDevice(f"/dev/{name}", "c", 1, minor, 0o666, 0, 0)
    if "/dev/tty" not in given:
        yield op.MakeDevice("/dev/tty", "c", 5, 0, 0o666, 0, 0)
    for entry in linux.get("devices") or ():
        yield _device(entry)
    for path, target in _LINKS:
        yield op.Symlink(path, target)
    yield op.Symlink("/dev/core", "/proc/kcore", if_exists="/proc/kcore")
    yield op.Symlink("/dev/ptmx", "pts/ptmx")


def _device(entry: dict[str, Any]) -> op.MakeDevice:
    kind = {"u": "c"}.get(entry["type"], entry["type"])
    if kind not in ("c", "b", "p"):
        raise invalid(f"device {entry['path']} has unknown type {entry['type']}")
    mode = entry.get("fileMode")
    return op.MakeDevice(
        entry["path"],
        kind,
        entry.get("major", 0),
        entry.get("minor", 0),
        0o666 if mode is None else mode & 0o7777,
        entry.get("uid", 0),
        entry.get("gid", 0),
    )


def _console(spec: dict[str, Any]) -> Iterator[op.Operation]:
    process_ = spec.get("process") or {}
    if process_.get("terminal"):
        yield console_of(process_)


def console_of(process_: dict[str, Any]) -> op.MakeConsole:
    size = process_.get("consoleSize") or {}
    return op.MakeConsole(size.get("height") or _CONSOLE[0], size.get("width") or _CONSOLE[1])


def _names(spec: dict[str, Any], flags: int) -> Iterator[op.Operation]:
    for key, make in (("hostname", op.SetHostname), ("domainname", op.SetDomainname)):
        if name := spec.get(key):
            if not flags & process.CLONE_NEWUTS:
                raise invalid(f"unable to set {key} without a private UTS namespace")
            yield make(name)


def _sysctls(linux: dict[str, Any], flags: int) -> Iterator[op.Operation]:
    for key, value in (linux.get("sysctl") or {}).items():
        sysctls.check(key, flags)
        yield op.SetSysctl(key, value)


def _propagation(linux: dict[str, Any]) -> Iterator[op.Operation]:
    name = linux.get("rootfsPropagation") or ""
    if name and name not in ("private", "rprivate"):
        try:
            yield op.RootPropagation(propagation_flags(name)[0])
        except KeyError:
            raise invalid(f"rootfsPropagation={name} is not supported") from None
