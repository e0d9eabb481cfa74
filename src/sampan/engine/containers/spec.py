"""A container → the OCI runtime-spec that the runtime carries out. Pure: what has to be looked up on the
machine comes in as `Surroundings`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sampan.engine.containers import security
from sampan.engine.containers.capabilities import effective
from sampan.engine.containers.config import HostConfig
from sampan.engine.containers.record import Definition, MountPoint
from sampan.oci import runtime

INIT = "/sbin/docker-init"  # where Docker has process 1 of --init
_PERIOD = 100_000  # microseconds of a CFS period, where a share of CPUs was asked for
_NETWORK_FILES = {"/etc/resolv.conf": "resolv.conf", "/etc/hostname": "hostname", "/etc/hosts": "hosts"}


@dataclass(frozen=True)
class Surroundings:
    """`joined`: namespace type → path in /proc of the container to join; `volumes`: name → directory;
    `network_files`: directory with hosts, hostname, resolv.conf; `shm`: a foreign /dev/shm;
    `init`: the host's file of process 1, "" without;
    `devices`, `device_rules`: resolved `--device` and, if privileged, all of the host's;
    `linked`: variables of `--link`; `block_io`: of linux.resources, what names devices;
    `ids`: uidMappings and gidMappings of a user namespace, if there is to be one; `mapped`: those of mounts
    whose owners were asked for, by their destination."""

    hostname: str
    network_files: str
    joined: dict[str, str] = field(default_factory=dict)
    volumes: dict[str, str] = field(default_factory=dict)
    shm: str = ""
    devices: list[dict[str, Any]] = field(default_factory=list)
    device_rules: list[dict[str, Any]] = field(default_factory=list)
    nofile: tuple[int, int] = (1024, 524288)
    init: str = ""
    linked: list[str] = field(default_factory=list)
    block_io: dict[str, Any] = field(default_factory=dict)
    ids: dict[str, Any] = field(default_factory=dict)
    mapped: dict[str, dict[str, Any]] = field(default_factory=dict)


def build(definition: Definition, around: Surroundings) -> dict[str, Any]:
    """The whole config.json; the root is an overlay that travels with the launch."""
    host = definition.host_config
    private_uts = host.uts_mode != "host"
    spec: dict[str, Any] = {
        "ociVersion": runtime.VERSION,
        "process": process(definition, around),
        "root": {"path": "rootfs", "readonly": host.readonly_rootfs},
        "mounts": _mounts(definition, around),
        "linux": _linux(definition, around),
    }
    if private_uts:
        spec["hostname"] = around.hostname
        if definition.config.domainname:
            spec["domainname"] = definition.config.domainname
    if host.annotations:
        spec["annotations"] = host.annotations
    return spec


def process(definition: Definition, around: Surroundings) -> dict[str, Any]:
    config, host = definition.config, definition.host_config
    entry: dict[str, Any] = {
        "terminal": config.tty,
        "args": [definition.path, *definition.args],
        "env": environment(around.hostname, config.env or [], around.linked, tty=config.tty),
        "cwd": config.working_dir or "/",
        "user": user_of(config.user, host.group_add or []),
        "capabilities": _capabilities(host),
        "noNewPrivileges": security.no_new_privileges(host),
        "oomScoreAdj": host.oom_score_adj,
        "rlimits": rlimits(host, around.nofile),
    }
    if around.init:
        entry["args"] = [INIT, "--", *entry["args"]]
    if config.tty and host.console_size and all(host.console_size):
        entry["consoleSize"] = {"height": host.console_size[0], "width": host.console_size[1]}
    return entry


def environment(hostname: str, given: list[str], linked: Sequence[str] = (), *, tty: bool) -> list[str]:
    """Docker's defaults and those of links, replaced or followed by what was given. HOME is the runtime's: it
    knows passwd."""
    default = {"PATH": runtime.PATH, "HOSTNAME": hostname} | ({"TERM": "xterm"} if tty else {})
    return merged([*(f"{name}={value}" for name, value in default.items()), *linked], given)


def merged(base: list[str], over: list[str]) -> list[str]:
    """`over` wins by name; a name without `=` takes the variable away."""
    values = {entry.partition("=")[0]: entry for entry in base}
    for entry in over:
        name, equals, _ = entry.partition("=")
        if equals:
            values[name] = entry
        else:
            values.pop(name, None)
    return list(values.values())


def user_of(user: str, groups: list[str]) -> dict[str, Any]:
    """Names are looked up by the runtime, inside the container."""
    entry: dict[str, Any] = {"uid": 0, "gid": 0, "username": user}
    if groups:
        entry["additionalGroups"] = groups
    return entry


def _capabilities(host: HostConfig) -> dict[str, list[str]]:
    names = effective(host.cap_add or [], host.cap_drop or [], privileged=host.privileged)
    return {"bounding": names, "effective": names, "permitted": names, "inheritable": [], "ambient": []}


def rlimits(host: HostConfig, nofile: tuple[int, int]) -> list[dict[str, Any]]:
    """Without anything asked for, RLIMIT_NOFILE as it was before the daemon raised its own."""
    limits = {"nofile": nofile} | {one.name: (one.soft, one.hard) for one in host.ulimits or ()}
    return [
        {"type": f"RLIMIT_{name.upper()}", "soft": soft, "hard": hard}
        for name, (soft, hard) in limits.items()
    ]


def _linux(definition: Definition, around: Surroundings) -> dict[str, Any]:
    host = definition.host_config
    linux: dict[str, Any] = {
        "namespaces": _namespaces(host, around),
        "resources": resources(host, around),
        "maskedPaths": list(host.masked_paths) if host.masked_paths is not None else [],
        "readonlyPaths": list(host.readonly_paths) if host.readonly_paths is not None else [],
        "sysctl": _sysctls(host),
        "devices": around.devices,
        "rootfsPropagation": _propagation(definition.mounts),
    }
    if around.ids:
        linux["namespaces"].append({"type": "user"})
        linux |= around.ids
    if parent := host.cgroup_parent or definition.cgroup_parent:
        linux["cgroupsPath"] = f"{parent.rstrip('/')}/{definition.id}"
    return linux


def _namespaces(host: HostConfig, around: Surroundings) -> list[dict[str, str]]:
    """Each one new, joined, or left out (the host's)."""
    modes = {
        "network": host.network_mode,
        "uts": host.uts_mode,
        "pid": host.pid_mode,
        "ipc": host.ipc_mode,
        "cgroup": host.cgroupns_mode,
    }
    entries = [{"type": "mount"}]
    for kind, mode in modes.items():
        if kind in around.joined:
            entries.append({"type": kind, "path": around.joined[kind]})
        elif mode != "host":
            entries.append({"type": kind})
    return entries


def _sysctls(host: HostConfig) -> dict[str, str]:
    private = host.network_mode != "host" and not host.network_mode.startswith("container:")
    return (dict(runtime.SYSCTLS) if private else {}) | (host.sysctls or {})


def _propagation(mounts: list[MountPoint]) -> str:
    modes = {mount.propagation for mount in mounts if mount.kind == "bind"}
    if modes & {"shared", "rshared"}:
        return "shared"
    return "rslave" if modes & {"slave", "rslave"} else "private"


def resources(host: HostConfig, around: Surroundings) -> dict[str, Any]:
    found = {"devices": _device_rules(host, around), **limits(host)}
    if around.block_io:
        found["blockIO"] = found.get("blockIO", {}) | around.block_io
    return found


def limits(host: HostConfig) -> dict[str, Any]:
    """Those of `resources` that `docker update` may change, too."""
    found: dict[str, Any] = {}
    if memory := _memory(host):
        found["memory"] = memory
    if cpu := _cpu(host):
        found["cpu"] = cpu
    if host.pids_limit is not None and host.pids_limit != 0:
        found["pids"] = {"limit": host.pids_limit if host.pids_limit > 0 else -1}
    if host.blkio_weight:
        found["blockIO"] = {"weight": host.blkio_weight}
    return found


def _device_rules(host: HostConfig, around: Surroundings) -> list[dict[str, Any]]:
    if host.privileged:
        return [dict(runtime.ALLOW_ALL_DEVICES)]
    return [dict(rule) for rule in runtime.DEVICE_RULES] + around.device_rules


def _memory(host: HostConfig) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if host.memory:
        found["limit"] = host.memory
        found["swap"] = host.memory_swap or 2 * host.memory
    elif host.memory_swap:
        found["swap"] = host.memory_swap
    if host.memory_reservation:
        found["reservation"] = host.memory_reservation
    if host.memory_swappiness is not None and host.memory_swappiness != -1:
        found["swappiness"] = host.memory_swappiness
    if host.oom_kill_disable:
        found["disableOOMKiller"] = True
    return found


def _cpu(host: HostConfig) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if host.nano_cpus:
        found |= {"period": _PERIOD, "quota": host.nano_cpus * _PERIOD // 10**9}
    if host.cpu_period:
        found["period"] = host.cpu_period
    if host.cpu_quota:
        found["quota"] = host.cpu_quota
    if host.cpu_shares:
        found["shares"] = host.cpu_shares
    if host.cpu_realtime_period:
        found["realtimePeriod"] = host.cpu_realtime_period
    if host.cpu_realtime_runtime:
        found["realtimeRuntime"] = host.cpu_realtime_runtime
    if host.cpuset_cpus:
        found["cpus"] = host.cpuset_cpus
    if host.cpuset_mems:
        found["mems"] = host.cpuset_mems
    return found


def _mounts(definition: Definition, around: Surroundings) -> list[dict[str, Any]]:
    """The defaults, then the user's, the shorter paths first; the user's replace what they cover."""
    host = definition.host_config
    taken = {mount.destination for mount in definition.mounts}
    entries = [
        _adapted(dict(entry), host, around)
        for entry in runtime.MOUNTS
        if entry["destination"] not in taken
        and not ("/dev" in taken and entry["destination"].startswith("/dev/"))
    ]
    if host.ipc_mode == "none":
        entries = [entry for entry in entries if entry["destination"] != "/dev/shm"]
    later = [_mount(mount, around) for mount in definition.mounts]
    later += [
        {
            "destination": path,
            "type": "bind",
            "source": f"{around.network_files}/{name}",
            "options": ["rbind", "rprivate", *(["ro"] if host.readonly_rootfs else [])],
            **around.ids,
        }
        for path, name in _NETWORK_FILES.items()
        if path not in taken
    ]
    later.sort(key=lambda entry: entry["destination"].count("/"))
    if around.init:
        later.append({"destination": INIT, "type": "bind", "source": around.init, "options": ["bind", "ro"]})
    return entries + later


def _adapted(entry: dict[str, Any], host: HostConfig, around: Surroundings) -> dict[str, Any]:
    """One default mount under this container's options."""
    destination, options = entry["destination"], list(entry["options"])
    writable = host.privileged or (destination == "/sys/fs/cgroup" and security.writable_cgroups(host))
    if writable and destination in ("/sys", "/sys/fs/cgroup"):
        options = [option for option in options if option != "ro"] + ["rw"]
    if destination == "/dev/shm":
        if around.shm:
            return _bound(destination, around.shm)
        options = [option for option in options if not option.startswith("size=")]
        options.append(f"size={host.shm_size or runtime.SHM_SIZE}")
    return {**entry, "options": options}


def _bound(destination: str, source: str) -> dict[str, Any]:
    return {"destination": destination, "type": "bind", "source": source, "options": ["rbind", "rprivate"]}


def _mount(mount: MountPoint, around: Surroundings) -> dict[str, Any]:
    if mount.kind == "tmpfs":
        return {
            "destination": mount.destination,
            "type": "tmpfs",
            "source": "tmpfs",
            "options": mount.options,
        }
    # Ours: the specification has no word for it.
    below: dict[str, Any] = {"subpath": mount.subpath} if mount.subpath else {}
    if mount.kind == "image" and len(mount.lowerdirs) > 1:  # without an upper one, overlayfs wants two
        layers = ":".join(path.replace("\\", "\\\\").replace(":", "\\:") for path in mount.lowerdirs)
        options = ["ro", f"lowerdir={layers}"]
        entry = {"destination": mount.destination, "type": "overlay", "source": "overlay", "options": options}
        return entry | below
    source = around.volumes[mount.source] if mount.kind == "volume" else mount.source
    source = mount.lowerdirs[0] if mount.kind == "image" else source
    options = ["rbind" if mount.recursive else "bind", mount.propagation or "rprivate"]
    if not mount.writable:
        options.append("rro" if mount.recursive_readonly and mount.kind == "bind" else "ro")
    entry = {"destination": mount.destination, "type": "bind", "source": source, "options": options} | below
    if mount.ownership is not None:
        return entry | around.mapped[mount.destination] | ({"chown": True} if mount.ownership.chown else {})
    return entry if mount.kind == "bind" else entry | around.ids  # what is ours keeps its ids on the disk
