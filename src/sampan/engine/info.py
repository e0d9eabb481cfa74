"""What `docker version` and `docker info` print about this engine."""

import os
import platform
import threading
from typing import Any

from sampan.engine import runtimes, timestamps
from sampan.engine.facts import Facts
from sampan.engine.settings import VERSION, Settings

API_VERSION = "1.51"
MIN_API_VERSION = "1.24"
NO_SWARM = {
    "NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive", "ControlAvailable": False, "Error": "",
    "RemoteManagers": None,
}  # fmt: skip


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
    return {
        "ID": facts.identity,
        **counts,
        **_storage(settings),
        **_limits(facts),
        **_host(facts),
        "NFd": len(os.listdir("/proc/self/fd")),
        "NGoroutines": threading.active_count(),
        "NEventsListener": listeners,
        "SystemTime": timestamps.text(timestamps.now()),
        **_engine(settings),
        "Warnings": _warnings(facts),
    }


def _storage(settings: Settings) -> dict[str, Any]:
    return {
        "Driver": "overlay2",
        "DriverStatus": [["Supports d_type", "true"], ["Native Overlay Diff", "true"]],
        "DockerRootDir": settings.data_root,
        "Plugins": {
            "Volume": ["local"],
            "Network": ["bridge", "host", "null"],
            "Authorization": None,
            "Log": ["json-file", "none"],
        },
    }


def _limits(facts: Facts) -> dict[str, Any]:
    controllers = facts.controllers
    cpu = "cpu" in controllers
    return {
        "MemoryLimit": "memory" in controllers,
        "SwapLimit": _swap_limit(facts),
        "KernelMemoryTCP": False,
        "CpuCfsPeriod": cpu,
        "CpuCfsQuota": cpu,
        "CPUShares": cpu,
        "CPUSet": "cpuset" in controllers,
        "PidsLimit": "pids" in controllers,
        "OomKillDisable": facts.cgroup_version == 1 and "memory" in controllers,
        "IPv4Forwarding": _flag("/proc/sys/net/ipv4/ip_forward"),
        "BridgeNfIptables": _flag("/proc/sys/net/bridge/bridge-nf-call-iptables"),
        "BridgeNfIp6tables": _flag("/proc/sys/net/bridge/bridge-nf-call-ip6tables"),
        "CgroupDriver": "cgroupfs",
        "CgroupVersion": str(facts.cgroup_version),
    }


def _swap_limit(facts: Facts) -> bool:
    if facts.cgroup_version == 1:
        return os.path.exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes")
    return "memory" in facts.controllers and os.path.exists("/proc/swaps")


def _flag(path: str) -> bool:
    try:
        with open(path, encoding="ascii") as file:
            return file.read(2).strip() == "1"
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


def _engine(settings: Settings) -> dict[str, Any]:
    commit = {"ID": "", "Expected": ""}
    return {
        "ServerVersion": VERSION,
        "Debug": False,
        "LoggingDriver": "json-file",
        "IndexServerAddress": "https://index.docker.io/v1/",
        "RegistryConfig": _registries(settings),
        "ExperimentalBuild": False,
        "Runtimes": runtimes.described(settings),
        "DefaultRuntime": runtimes.default(settings),
        "Swarm": NO_SWARM,
        "LiveRestoreEnabled": True,
        "Isolation": "",
        "InitBinary": "",
        "ContainerdCommit": commit,
        "RuncCommit": commit,
        "InitCommit": commit,
        "SecurityOptions": ["name=seccomp,profile=builtin"],
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


def _warnings(facts: Facts) -> list[str] | None:
    """One line for each feature that this machine cannot give, in Docker's words."""
    missing = {
        "memory": "WARNING: No memory limit support",
        "cpu": "WARNING: No cpu cfs quota support",
        "cpuset": "WARNING: No cpuset support",
        "pids": "WARNING: No pids limit support",
    }
    return [text for name, text in missing.items() if name not in facts.controllers] or None
