"""What `docker version` and `docker info` print about this engine."""

import os
import platform
import threading
from typing import Any

from sampan.engine import runtimes, timestamps
from sampan.engine.containers import logdrivers
from sampan.engine.facts import Facts
from sampan.engine.settings import VERSION, Settings
from sampan.linux import mount

API_VERSION = "1.51"
MIN_API_VERSION = "1.24"
NO_SWARM = {
    "NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive", "ControlAvailable": False, "Error": "",
    "RemoteManagers": None,
}  # fmt: skip

_OVERLAY = "/sys/module/overlay/parameters"
_FILESYSTEMS = {
    0xEF53: "extfs", 0x58465342: "xfs", 0x9123683E: "btrfs", 0x01021994: "tmpfs", 0x2FC12FC1: "zfs",
    0x794C7630: "overlayfs", 0xF2F52010: "f2fs", 0x6969: "nfs", 0x137F: "minix", 0x65735546: "fuseblk",
}  # fmt: skip
_PRIVATE_CGROUPS = {1: [], 2: ["name=cgroupns"]}  # by default, as in Docker: on v2 only
# Field of the API, or feature of `engine.cgroup_features` → its name in a warning (moby daemon/info_unix.go).
_LIMITS = (
    ("MemoryLimit", "memory limit"),
    ("SwapLimit", "swap limit"),
    ("CpuCfsQuota", "cpu cfs quota"),
    ("CpuCfsPeriod", "cpu cfs period"),
    ("CPUShares", "cpu shares"),
    ("CPUSet", "cpuset"),
    ("PidsLimit", "pids limit"),
)
_LEGACY_LIMITS = (("KernelMemoryTCP", "kernel memory TCP limit"), ("OomKillDisable", "oom kill disable"))
_LEGACY_IO = (
    ("read bps", "throttle.read_bps_device"),
    ("write bps", "throttle.write_bps_device"),
    ("read iops", "throttle.read_iops_device"),
    ("write iops", "throttle.write_iops_device"),
)  # not the weight: no kernel since 5.0 has it by that name
_UNIFIED_IO = (
    ("weight", "io.weight"),
    ("weight device", "io.weight (per device)"),
    ("read bps", "io.max (rbps)"),
    ("write bps", "io.max (wbps)"),
    ("read iops", "io.max (riops)"),
    ("write iops", "io.max (wiops)"),
)


def version(facts: Facts) -> dict[str, Any]:
    details = {
        "ApiVersion": API_VERSION,
        "Arch": facts.architecture,
        "Experimental": "false",
        "KernelVersion": facts.kernel,
        "MinAPIVersion": MIN_API_VERSION,
        "Os": "linux",
        "PythonVersion": platform.python_version(),
    }
    return {
        "Platform": {"Name": "sampan"},
        "Components": [{"Name": "Engine", "Version": VERSION, "Details": details}],
        "Version": VERSION,
        "ApiVersion": API_VERSION,
        "MinAPIVersion": MIN_API_VERSION,
        "GitCommit": "",
        "GoVersion": "",
        "Os": "linux",
        "Arch": facts.architecture,
        "KernelVersion": facts.kernel,
        "BuildTime": "",
    }


def info(facts: Facts, settings: Settings, counts: dict[str, int], listeners: int) -> dict[str, Any]:
    """`counts`: Containers, ContainersRunning, ContainersPaused, ContainersStopped, Images."""
    limits = _limits(facts)
    return {
        "ID": facts.identity,
        **counts,
        **_storage(settings),
        **limits,
        **_host(facts),
        "NFd": len(os.listdir("/proc/self/fd")),
        "NGoroutines": threading.active_count(),
        "NEventsListener": listeners,
        "SystemTime": timestamps.text(timestamps.now()),
        **_engine(settings),
        "SecurityOptions": _security(facts, settings),
        "Warnings": _warnings(facts, limits),
    }


def _storage(settings: Settings) -> dict[str, Any]:
    return {
        "Driver": "overlay2",
        "DriverStatus": [
            ["Backing Filesystem", _filesystem(settings.data_root)],
            ["Supports d_type", "true"],
            ["Using metacopy", str(_flag(f"{_OVERLAY}/metacopy", "Y")).lower()],
            ["Native Overlay Diff", "true"],
            ["userxattr", "false"],
        ],
        "DockerRootDir": settings.data_root,
        "Plugins": {
            "Volume": ["local"],
            "Network": ["bridge", "host", "null"],
            "Authorization": None,
            "Log": list(logdrivers.DRIVERS),
        },
    }


def _filesystem(path: str) -> str:
    """By moby's names (pkg/fsutils): those of statfs(2)'s magic numbers."""
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        return _FILESYSTEMS.get(mount.fstatfs_type(fd), "<unknown>")
    finally:
        os.close(fd)


def _limits(facts: Facts) -> dict[str, Any]:
    features = facts.features
    return {
        "MemoryLimit": "memory" in features,
        "SwapLimit": "swap" in features,
        "KernelMemoryTCP": os.path.exists("/sys/fs/cgroup/memory/memory.kmem.tcp.limit_in_bytes"),
        "CpuCfsPeriod": "cfs" in features,
        "CpuCfsQuota": "cfs" in features,
        "CPUShares": "shares" in features,
        "CPUSet": "cpuset" in features,
        "PidsLimit": "pids" in features,
        "OomKillDisable": "oom" in features,
        "IPv4Forwarding": _flag("/proc/sys/net/ipv4/ip_forward"),
        "BridgeNfIptables": _flag("/proc/sys/net/bridge/bridge-nf-call-iptables"),
        "BridgeNfIp6tables": _flag("/proc/sys/net/bridge/bridge-nf-call-ip6tables"),
        "CgroupDriver": "cgroupfs",
        "CgroupVersion": str(facts.cgroup_version),
    }


def _flag(path: str, on: str = "1") -> bool:
    try:
        with open(path, encoding="ascii") as file:
            return file.read(2).strip() == on
    except OSError:
        return False


def _host(facts: Facts) -> dict[str, Any]:
    return {
        "Name": facts.hostname,
        "KernelVersion": facts.kernel,
        "OperatingSystem": facts.operating_system,
        "OSVersion": facts.os_version,
        "OSType": "linux",
        "Architecture": facts.machine,
        "NCPU": facts.cpus,
        "MemTotal": facts.memory,
        "HttpProxy": "",
        "HttpsProxy": "",
        "NoProxy": "",
        "Labels": [],
        "GenericResources": None,
    }


def _security(facts: Facts, settings: Settings) -> list[str]:
    remapped = ["name=userns"] if settings.file.get("userns-remap") else []
    return ["name=seccomp,profile=builtin", *remapped, *_PRIVATE_CGROUPS[facts.cgroup_version]]


def _engine(settings: Settings) -> dict[str, Any]:
    ours = {"ID": f"sampan-{VERSION}", "Expected": f"sampan-{VERSION}"}
    return {
        "ServerVersion": VERSION,
        "Debug": False,
        "LoggingDriver": str(settings.file.get("log-driver", "json-file")),
        "IndexServerAddress": "https://index.docker.io/v1/",
        "RegistryConfig": _registries(settings),
        "ExperimentalBuild": False,
        "Runtimes": runtimes.described(settings),
        "DefaultRuntime": runtimes.default(settings),
        "Swarm": NO_SWARM,
        "LiveRestoreEnabled": True,
        "Isolation": "",
        # Programs of Docker's that others depend on by name; what does their work here comes with us.
        "InitBinary": "docker-init",
        "ContainerdCommit": ours,
        "RuncCommit": ours,
        "InitCommit": ours,
    }


def _registries(settings: Settings) -> dict[str, Any]:
    hosts = settings.file.get("registries", {})
    configs = {
        host: {
            "Name": host,
            "Mirrors": list(table.get("mirrors", [])),
            "Secure": not table.get("insecure", False),
            "Official": host == "docker.io",
        }
        for host, table in {"docker.io": {}, **hosts}.items()
    }
    return {
        "InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8"],
        "IndexConfigs": configs,
        "Mirrors": configs["docker.io"]["Mirrors"],
    }


def _warnings(facts: Facts, limits: dict[str, Any]) -> list[str] | None:
    """One line for each feature that this machine cannot give, in Docker's words."""
    found = [f"No {label} support" for name, label in _LIMITS if not limits[name]]
    if facts.cgroup_version == 1:
        found += [f"No {label} support" for name, label in _LEGACY_LIMITS if not limits[name]]
        found += [f"No blkio {file} support" for name, file in _LEGACY_IO if name not in facts.features]
    else:
        found += [f"No {label} support" for name, label in _UNIFIED_IO if name not in facts.features]
    if not limits["IPv4Forwarding"]:
        found.append("IPv4 forwarding is disabled")
    return [f"WARNING: {text}" for text in found] or None
