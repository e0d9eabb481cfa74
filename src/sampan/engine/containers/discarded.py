"""Limits that this machine cannot set: one warning each, in Docker's words, and the container goes without
(moby daemon/daemon_unix.go, verifyPlatformContainerResources). Pure.
"""

from typing import Any, NamedTuple

from sampan.engine.containers.config import HostConfig
from sampan.engine.facts import Facts


class Limit(NamedTuple):
    """`fields` of HostConfig, with what they are without the limit."""

    feature: str
    fields: dict[str, Any]
    what: str
    outcome: str


_LIMITS = (
    Limit(
        "memory",
        {"memory": 0, "memory_swap": -1},
        "memory limit capabilities",
        "Limitation discarded.",
    ),
    Limit("swap", {"memory_swap": -1}, "swap limit capabilities", "Memory limited without swap."),
    Limit(
        "swappiness",
        {"memory_swappiness": None},
        "memory swappiness capabilities",
        "Memory swappiness discarded.",
    ),
    Limit(
        "reservation",
        {"memory_reservation": 0},
        "memory soft limit capabilities",
        "Limitation discarded.",
    ),
    Limit("pids", {"pids_limit": None}, "PIDs limit capabilities", "PIDs limit discarded."),
    Limit("shares", {"cpu_shares": 0}, "CPU shares", "Shares discarded."),
    Limit("cpuset", {"cpuset_cpus": "", "cpuset_mems": ""}, "cpuset", "Cpuset discarded."),
    Limit("weight", {"blkio_weight": 0}, "Block I/O weight", "Weight discarded."),
    Limit(
        "weight device", {"blkio_weight_device": None}, "Block I/O weight_device", "Weight-device discarded."
    ),
    Limit(
        "read bps",
        {"blkio_device_read_bps": None},
        "BPS Block I/O read limit",
        "Block I/O BPS read limit discarded.",
    ),
    Limit(
        "write bps",
        {"blkio_device_write_bps": None},
        "BPS Block I/O write limit",
        "Block I/O BPS write limit discarded.",
    ),
    Limit(
        "read iops",
        {"blkio_device_read_iops": None},
        "IOPS Block read limit",
        "Block I/O IOPS read limit discarded.",
    ),
    Limit(
        "write iops",
        {"blkio_device_write_iops": None},
        "IOPS Block write limit",
        "Block I/O IOPS write limit discarded.",
    ),
)


def discard(host: HostConfig, facts: Facts) -> list[str]:
    """Take out of `host` what cannot be, and say so."""
    warnings = []
    for limit in _LIMITS:
        if limit.feature not in facts.features and _asked(host, limit):
            for field, nothing in limit.fields.items():
                setattr(host, field, nothing)
            warnings.append(
                f"Your kernel does not support {limit.what} or the cgroup is not mounted. {limit.outcome}"
            )
    return warnings + _about_cfs(host, facts) + _about_oom(host, facts)


def _asked(host: HostConfig, limit: Limit) -> bool:
    if limit.feature == "swap":
        return host.memory > 0 and host.memory_swap >= 0
    if limit.feature == "memory":
        return host.memory > 0
    values = (getattr(host, field) for field in limit.fields)
    return any(value not in (None, 0, -1, "", []) for value in values)


def _about_cfs(host: HostConfig, facts: Facts) -> list[str]:
    if "cfs" in facts.features or not (host.cpu_period or host.cpu_quota):
        return []
    host.cpu_period = host.cpu_quota = 0
    return ["Your kernel does not support CPU CFS scheduler. CPU period/quota discarded."]


def _about_oom(host: HostConfig, facts: Facts) -> list[str]:
    if not host.oom_kill_disable:
        return []
    if "oom" not in facts.features:
        host.oom_kill_disable = None
        return ["Your kernel does not support OomKillDisable. OomKillDisable discarded."]
    if host.memory:
        return []
    return [
        "OOM killer is disabled for the container, but no memory limit is set, this can result in the system"
        " running out of resources."
    ]
