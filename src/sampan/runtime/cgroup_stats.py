"""What a container has used: the counters of its cgroups and of its interfaces, under the names of the Engine
API's ContainerStatsResponse.

*Calm*; from one worker thread for all containers at once. The parsers are pure. Times are in nanoseconds,
sizes in bytes. A controller that is not there costs its numbers, never the rest.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sampan.runtime.cgroup import Cgroup

_UNLIMITED = 2**64 - 1
_TICK = 10**9 // os.sysconf("SC_CLK_TCK")
_LISTS = (
    "io_service_bytes_recursive", "io_serviced_recursive", "io_queue_recursive", "io_service_time_recursive",
    "io_wait_time_recursive", "io_merged_recursive", "io_time_recursive", "sectors_recursive",
)  # fmt: skip
# Of memory.stat of v2, as moby (daemon/stats_unix.go) picks them.
_MEMORY_V2 = (
    "active_anon", "active_file", "anon", "anon_thp", "file", "file_dirty", "file_mapped", "file_writeback",
    "inactive_anon", "inactive_file", "kernel_stack", "pgactivate", "pgdeactivate", "pgfault", "pglazyfree",
    "pglazyfreed", "pgmajfault", "pgrefill", "pgscan", "pgsteal", "shmem", "slab", "slab_reclaimable",
    "slab_unreclaimable", "sock", "thp_collapse_alloc", "thp_fault_alloc", "unevictable",
    "workingset_activate", "workingset_nodereclaim", "workingset_refault",
)  # fmt: skip
_INTERFACE = (
    "rx_bytes", "rx_packets", "rx_errors", "rx_dropped", "", "", "", "", "tx_bytes", "tx_packets",
    "tx_errors", "tx_dropped",
)  # fmt: skip  # the columns of /proc/PID/net/dev


class Machine(NamedTuple):
    """Of the whole machine, read once for all containers."""

    system_cpu_usage: int
    online_cpus: int
    memory: int


def machine(memory: int) -> Machine:
    return Machine(*parse_proc_stat(_read("/proc/stat")), memory)


def read(cgroup: Cgroup, pid: int, whole: Machine) -> dict[str, Any] | None:
    """`pid`: process 1 of a container with a network of its own, else 0. None: it has ended."""
    directories = [cgroup.unified] if cgroup.pure else list(cgroup.directories.values())
    if not any(directory and os.path.isdir(directory) for directory in directories):
        return None
    found = _v2(cgroup.unified or "", whole) if cgroup.pure else _v1(cgroup.controllers, whole)
    networks = parse_interfaces(_read(f"/proc/{pid}/net/dev")) if pid else {}
    return found | ({"networks": networks} if networks else {})


def nothing() -> dict[str, Any]:
    """Of a container that does not run."""
    return {
        "pids_stats": {},
        "blkio_stats": dict.fromkeys(_LISTS),
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": no_cpu(),
        "memory_stats": {},
    }


def no_cpu() -> dict[str, Any]:
    return {
        "cpu_usage": {"total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0},
        "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
    }


# -- v1 --------------------------------------------------------------------------------------------


def _v1(directories: Mapping[str, str], whole: Machine) -> dict[str, Any]:
    def text(controller: str, file: str) -> str:
        return _read(f"{directories[controller]}/{file}") if controller in directories else ""

    bytes_, count = (
        text("blkio", f"blkio.throttle.{file}_recursive") or text("blkio", f"blkio.throttle.{file}")
        for file in ("io_service_bytes", "io_serviced")
    )
    lists: dict[str, list[dict[str, Any]]] = {name: [] for name in _LISTS}
    lists["io_service_bytes_recursive"] = parse_blkio(bytes_)
    lists["io_serviced_recursive"] = parse_blkio(count)
    return {
        "pids_stats": parse_pids(text("pids", "pids.current"), text("pids", "pids.max"), unlimited=0),
        "blkio_stats": lists,
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": {**_cpu_v1(text), **_of_machine(whole)},
        "memory_stats": _memory_v1(text, whole.memory),
    }


def _cpu_v1(text: Any) -> dict[str, Any]:
    ticks, throttled = parse_pairs(text("cpuacct", "cpuacct.stat")), parse_pairs(text("cpu", "cpu.stat"))
    per_cpu = [int(word) for word in text("cpuacct", "cpuacct.usage_percpu").split()]
    usage: dict[str, Any] = {"total_usage": _number(text("cpuacct", "cpuacct.usage"))}
    if per_cpu:
        usage["percpu_usage"] = per_cpu
    usage["usage_in_kernelmode"] = ticks.get("system", 0) * _TICK
    usage["usage_in_usermode"] = ticks.get("user", 0) * _TICK
    return {
        "cpu_usage": usage,
        "throttling_data": {
            "periods": throttled.get("nr_periods", 0),
            "throttled_periods": throttled.get("nr_throttled", 0),
            "throttled_time": throttled.get("throttled_time", 0),
        },
    }


def _memory_v1(text: Any, memory: int) -> dict[str, Any]:
    usage = text("memory", "memory.usage_in_bytes")
    if not usage:
        return {}
    return _memory(
        usage=_number(usage),
        max_usage=_number(text("memory", "memory.max_usage_in_bytes")),
        stats=parse_pairs(text("memory", "memory.stat")),
        failcnt=_number(text("memory", "memory.failcnt")),
        limit=min(_number(text("memory", "memory.limit_in_bytes")), memory),
    )


# -- v2 --------------------------------------------------------------------------------------------


def _v2(directory: str, whole: Machine) -> dict[str, Any]:
    def text(file: str) -> str:
        return _read(f"{directory}/{file}")

    lists: dict[str, list[dict[str, Any]] | None] = dict.fromkeys(_LISTS)
    lists["io_service_bytes_recursive"] = parse_io(text("io.stat"))
    return {
        "pids_stats": parse_pids(text("pids.current"), text("pids.max"), unlimited=_UNLIMITED),
        "blkio_stats": lists,
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": {**_cpu_v2(parse_pairs(text("cpu.stat"))), **_of_machine(whole)},
        "memory_stats": _memory_v2(text, whole.memory),
    }


def _cpu_v2(found: Mapping[str, int]) -> dict[str, Any]:
    return {
        "cpu_usage": {
            "total_usage": found.get("usage_usec", 0) * 1000,
            "usage_in_kernelmode": found.get("system_usec", 0) * 1000,
            "usage_in_usermode": found.get("user_usec", 0) * 1000,
        },
        "throttling_data": {
            "periods": found.get("nr_periods", 0),
            "throttled_periods": found.get("nr_throttled", 0),
            "throttled_time": found.get("throttled_usec", 0) * 1000,
        },
    }


def _memory_v2(text: Any, memory: int) -> dict[str, Any]:
    usage, limit = text("memory.current"), text("memory.max").strip()
    if not usage:
        return {}
    return _memory(
        usage=_number(usage),
        max_usage=0,
        stats=memory_stat_v2(parse_pairs(text("memory.stat"))),
        failcnt=parse_pairs(text("memory.events")).get("oom", 0),
        limit=min(_number(limit), memory) if limit.isdecimal() else memory,
    )


def memory_stat_v2(found: Mapping[str, int]) -> dict[str, int]:
    """Some counters came to be two, of anonymous memory and of files (Linux 5.9), under one name here."""
    halves = {
        name: found.get(f"{name}_anon", 0) + found.get(f"{name}_file", 0)
        for name in ("workingset_refault", "workingset_activate")
    }
    return {name: found.get(name, halves.get(name, 0)) for name in _MEMORY_V2}


# -- both ------------------------------------------------------------------------------------------


def _memory(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _of_machine(whole: Machine) -> dict[str, int]:
    return {"system_cpu_usage": whole.system_cpu_usage, "online_cpus": whole.online_cpus}


def parse_pids(current: str, limit: str, *, unlimited: int) -> dict[str, int]:
    most = _number(limit) if limit.strip() != "max" else unlimited
    return _memory(current=_number(current), limit=most if current else 0)


def parse_pairs(text: str) -> dict[str, int]:
    """`name number` lines."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def parse_blkio(text: str) -> list[dict[str, Any]]:
    """`8:0 Read 4096` lines of v1; the sum over all devices at the end is left out."""
    found = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 3:
            found.append(_entry(fields[0], fields[1], int(fields[2])))
    return found


def parse_io(text: str) -> list[dict[str, Any]]:
    """`8:0 rbytes=4096 wbytes=0 …` lines of v2's io.stat."""
    found = []
    for line in text.splitlines():
        device, *pairs = line.split()
        values = dict(pair.partition("=")[::2] for pair in pairs)
        if ":" in device and "rbytes" in values:
            found.append(_entry(device, "read", int(values["rbytes"])))
            found.append(_entry(device, "write", int(values.get("wbytes", 0))))
    return found


def _entry(device: str, operation: str, value: int) -> dict[str, Any]:
    major, _, minor = device.partition(":")
    return {"major": int(major), "minor": int(minor), "op": operation, "value": value}


def parse_interfaces(text: str) -> dict[str, dict[str, int]]:
    """Ours are called eth0, eth1 …; loopback, and what the container made itself (a tunnel would be counted
    twice), is left out, as in Docker."""
    found = {}
    for line in text.splitlines():
        name, colon, rest = line.partition(":")
        if colon and name.strip().startswith("eth"):
            columns = zip(_INTERFACE, map(int, rest.split()), strict=False)
            found[name.strip()] = {column: value for column, value in columns if column}
    return found


def parse_proc_stat(text: str) -> tuple[int, int]:
    """(time of all CPUs without guests' and stolen time, number of CPUs) of /proc/stat."""
    lines = text.splitlines()
    total = sum(map(int, _first(lines).split()[1:8])) * _TICK
    return total, sum(line.startswith("cpu") for line in lines) - 1


def _first(lines: Iterable[str]) -> str:
    return next((line for line in lines if line.startswith("cpu ")), "cpu 0")


def _number(text: str) -> int:
    text = text.strip()
    return int(text) if text.isdecimal() else 0


def _read(path: str) -> str:
    """ "" for what is not there, or is gone."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(1 << 20)
    except OSError:
        return ""
