"""What a sample of a container's counters says, as Docker's client computes it (docker/cli,
cli/command/container/stats_helpers.go).
"""

from __future__ import annotations

from sampan.cli import format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Sample = Mapping[str, Any]

UNKNOWN = "--"


class Usage:
    """One row. `container`: the name by which it was asked for; `sample` None: nothing is known yet, or any
    more.
    """

    def __init__(self, container: str, sample: Sample | None = None) -> None:
        self.container = container
        self.sample = sample


def cpu_percent(sample: Sample) -> float:
    """The share of one CPU's time since the sample before; 200 is two whole CPUs."""
    now, before = sample.get("cpu_stats") or {}, sample.get("precpu_stats") or {}
    usage, old = now.get("cpu_usage") or {}, before.get("cpu_usage") or {}
    spent = usage.get("total_usage", 0) - old.get("total_usage", 0)
    passed = now.get("system_cpu_usage", 0) - before.get("system_cpu_usage", 0)
    count = now.get("online_cpus", 0) or len(usage.get("percpu_usage") or ())
    return spent / passed * count * 100 if spent > 0 and passed > 0 else 0.0


def memory(sample: Sample) -> int:
    """Without what of the page cache could be given back at once: v1 and v2 call it otherwise."""
    found = sample.get("memory_stats") or {}
    usage: int = found.get("usage", 0)
    counters = found.get("stats") or {}
    for name in ("total_inactive_file", "inactive_file"):
        if name in counters and counters[name] < usage:
            return usage - int(counters[name])
    return usage


def memory_limit(sample: Sample) -> int:
    return int((sample.get("memory_stats") or {}).get("limit", 0))


def memory_percent(sample: Sample) -> float:
    limit = memory_limit(sample)
    return memory(sample) / limit * 100 if limit else 0.0


def block_io(sample: Sample) -> tuple[int, int]:
    """(read, written) bytes."""
    read = written = 0
    for entry in (sample.get("blkio_stats") or {}).get("io_service_bytes_recursive") or ():
        first = entry.get("op", "")[:1].lower()
        read += entry["value"] if first == "r" else 0
        written += entry["value"] if first == "w" else 0
    return read, written


def network(sample: Sample) -> tuple[int, int]:
    """(received, sent) bytes of all interfaces."""
    interfaces = (sample.get("networks") or {}).values()
    return sum(one["rx_bytes"] for one in interfaces), sum(one["tx_bytes"] for one in interfaces)


def _pair(first: str, second: str) -> str:
    return f"{first} / {second}"


def _name(row: Usage, view: format.View) -> str:
    return UNKNOWN if row.sample is None else str(row.sample.get("name", "")).removeprefix("/")


def _identity(row: Usage, view: format.View) -> str:
    if row.sample is None:
        return UNKNOWN
    identity = str(row.sample.get("id", ""))
    return identity[:12] if view.trunc else identity


def _cpu(row: Usage, view: format.View) -> str:
    return UNKNOWN if row.sample is None else f"{cpu_percent(row.sample):.2f}%"


def _memory_usage(row: Usage, view: format.View) -> str:
    if row.sample is None:
        return _pair(UNKNOWN, UNKNOWN)
    return _pair(format.binary_size(memory(row.sample)), format.binary_size(memory_limit(row.sample)))


def _memory_percent(row: Usage, view: format.View) -> str:
    return UNKNOWN if row.sample is None else f"{memory_percent(row.sample):.2f}%"


def _network(row: Usage, view: format.View) -> str:
    if row.sample is None:
        return UNKNOWN
    return _pair(*(format.size(count, 3) for count in network(row.sample)))


def _block_io(row: Usage, view: format.View) -> str:
    if row.sample is None:
        return UNKNOWN
    return _pair(*(format.size(count, 3) for count in block_io(row.sample)))


def _pids(row: Usage, view: format.View) -> str:
    return UNKNOWN if row.sample is None else str((row.sample.get("pids_stats") or {}).get("current", 0))


ROW = "*container.statsContext"
COLUMNS = ("ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs")
FIELDS: dict[str, format.Field] = {
    "BlockIO": ("BLOCK I/O", _block_io),
    "CPUPerc": ("CPU %", _cpu),
    "Container": ("CONTAINER", lambda row, view: row.container),
    "ID": ("CONTAINER ID", _identity),
    "MemPerc": ("MEM %", _memory_percent),
    "MemUsage": ("MEM USAGE / LIMIT", _memory_usage),
    "Name": ("NAME", _name),
    "NetIO": ("NET I/O", _network),
    "PIDs": ("PIDS", _pids),
}
