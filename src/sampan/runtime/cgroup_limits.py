"""`linux.resources` of a spec → files to write, for v1 and for v2. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_UNLIMITED = "max"
_NO_SWAP = (
    "Your kernel does not support swap limit capabilities or the cgroup is not mounted. "
    "Memory limited without swap."
)
_WEIGHT = "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded."


class Write(NamedTuple):
    controller: str
    file: str
    value: str
    missing: str  # warning where the file is not there; "": say nothing
    other: str = ""  # file to try then


def v1(resources: Mapping[str, Any]) -> list[Write]:
    return [
        *_memory_v1(resources.get("memory") or {}),
        *_cpu_v1(resources.get("cpu") or {}),
        *_pids(resources.get("pids") or {}),
        *_io_v1(resources.get("blockIO") or {}),
    ]


def v2(resources: Mapping[str, Any]) -> list[Write]:
    return [
        *_memory_v2(resources.get("memory") or {}),
        *_cpu_v2(resources.get("cpu") or {}),
        *_pids(resources.get("pids") or {}),
        *_io_v2(resources.get("blockIO") or {}),
        *_unified(resources.get("unified") or {}),
    ]


def weight_of_shares(shares: int) -> int:
    """cpu.shares 2…262144 → cpu.weight 1…10000, as runc before 1.4 (libcontainer/cgroups/utils.go)."""
    return 1 + (max(2, min(shares, 262144)) - 2) * 9999 // 262142


def _discarded(what: str) -> str:
    return f"Your kernel does not support {what} or the cgroup is not mounted. Limitation discarded."


def _memory_v1(memory: Mapping[str, Any]) -> Iterator[Write]:
    lost = _discarded("memory limit capabilities")
    if limit := memory.get("limit"):
        yield Write("memory", "memory.limit_in_bytes", str(limit), lost)
    if swap := memory.get("swap"):
        yield Write("memory", "memory.memsw.limit_in_bytes", str(swap), _NO_SWAP)
    if reservation := memory.get("reservation"):
        yield Write("memory", "memory.soft_limit_in_bytes", str(reservation), lost)
    if (swappiness := memory.get("swappiness")) is not None and 0 <= swappiness <= 100:
        yield Write("memory", "memory.swappiness", str(swappiness), _discarded("memory swappiness"))
    if memory.get("disableOOMKiller"):
        yield Write("memory", "memory.oom_control", "1", _discarded("OomKillDisable"))


def _memory_v2(memory: Mapping[str, Any]) -> Iterator[Write]:
    limit, swap = memory.get("limit") or 0, memory.get("swap") or 0
    if limit:
        value = str(limit) if limit > 0 else _UNLIMITED
        yield Write("memory", "memory.max", value, _discarded("memory limit capabilities"))
    if swap:
        # The spec's is memory and swap together; v2's is swap alone.
        value = _UNLIMITED if swap < 0 else str(max(0, swap - max(limit, 0)))
        yield Write("memory", "memory.swap.max", value, _NO_SWAP)
    if reservation := memory.get("reservation"):
        value = str(reservation) if reservation > 0 else _UNLIMITED
        yield Write("memory", "memory.low", value, _discarded("memory soft limit capabilities"))


def _cpu_v1(cpu: Mapping[str, Any]) -> Iterator[Write]:
    if shares := cpu.get("shares"):
        yield Write("cpu", "cpu.shares", str(shares), _discarded("CPU shares"))
    if period := cpu.get("period"):
        yield Write("cpu", "cpu.cfs_period_us", str(period), _discarded("CPU cfs period"))
    if quota := cpu.get("quota"):
        yield Write("cpu", "cpu.cfs_quota_us", str(quota), _discarded("CPU cfs quota"))
    if period := cpu.get("realtimePeriod"):
        yield Write("cpu", "cpu.rt_period_us", str(period), _discarded("CPU real-time scheduler"))
    if runtime := cpu.get("realtimeRuntime"):
        yield Write("cpu", "cpu.rt_runtime_us", str(runtime), _discarded("CPU real-time scheduler"))
    yield from _cpuset(cpu)


def _cpu_v2(cpu: Mapping[str, Any]) -> Iterator[Write]:
    if shares := cpu.get("shares"):
        yield Write("cpu", "cpu.weight", str(weight_of_shares(shares)), _discarded("CPU shares"))
    quota, period = cpu.get("quota") or 0, cpu.get("period") or 0
    if quota or period:
        value = f"{quota if quota > 0 else _UNLIMITED} {period or 100000}"
        yield Write("cpu", "cpu.max", value, _discarded("CPU cfs quota"))
    yield from _cpuset(cpu)


def _cpuset(cpu: Mapping[str, Any]) -> Iterator[Write]:
    for key in ("cpus", "mems"):
        if value := cpu.get(key):
            yield Write("cpuset", f"cpuset.{key}", value, _discarded("cpuset"))


def _pids(pids: Mapping[str, Any]) -> Iterator[Write]:
    if limit := pids.get("limit"):
        value = str(limit) if limit > 0 else _UNLIMITED
        yield Write("pids", "pids.max", value, _discarded("pids limit capabilities"))


_THROTTLES = (
    ("throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps"),
    ("throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "wbps"),
    ("throttleReadIOPSDevice", "blkio.throttle.read_iops_device", "riops"),
    ("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "wiops"),
)


def _io_v1(io: Mapping[str, Any]) -> Iterator[Write]:
    if weight := io.get("weight"):
        yield Write("blkio", "blkio.weight", str(weight), _WEIGHT, "blkio.bfq.weight")
    for entry in io.get("weightDevice") or ():
        lost, value = _discarded("Block I/O weight_device"), _weight_of(entry)
        yield Write("blkio", "blkio.weight_device", value, lost, "blkio.bfq.weight_device")
    for key, file, _ in _THROTTLES:
        for device, rate in _rates(io.get(key) or ()):
            yield Write("blkio", file, f"{device} {rate}", _discarded("Block I/O throttling"))


def _io_v2(io: Mapping[str, Any]) -> Iterator[Write]:
    if weight := io.get("weight"):
        # blkio.weight 10…1000 → io.weight 1…10000, as runc.
        value = str(1 + (weight - 10) * 9999 // 990)
        yield Write("io", "io.weight", value, _WEIGHT)
    for entry in io.get("weightDevice") or ():
        yield Write("io", "io.bfq.weight", _weight_of(entry), _discarded("Block I/O weight_device"))
    for key, _, word in _THROTTLES:
        for device, rate in _rates(io.get(key) or ()):
            yield Write("io", "io.max", f"{device} {word}={rate}", _discarded("Block I/O throttling"))


def _weight_of(entry: Mapping[str, Any]) -> str:
    return f"{entry['major']}:{entry['minor']} {entry.get('weight') or 0}"


def _rates(entries: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, int]]:
    for entry in entries:
        yield f"{entry['major']}:{entry['minor']}", entry["rate"]


def _unified(files: Mapping[str, str]) -> Iterator[Write]:
    for file, value in files.items():
        if "/" not in file:
            yield Write(file.split(".")[0], file, value, _discarded(file))
