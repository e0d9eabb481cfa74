"""What a container may use: memory, processors, processes, block devices. A part of `check`. Pure."""

from sampan.engine.containers.config import HostConfig
from sampan.engine.facts import Facts
from sampan.errors import InvalidArgument
from sampan.oci.runtime import MINIMUM_MEMORY

_LARGEST_CPU = 8192
RLIMITS = frozenset(
    (
        "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc",
        "rss", "rtprio", "rttime", "sigpending", "stack"
    )
)  # fmt: skip


def check(host: HostConfig, facts: Facts) -> None:
    """Raises InvalidArgument."""
    _refuse(host, facts)
    _memory(host)
    _cpu(host, facts)
    if not -1000 <= host.oom_score_adj <= 1000:
        raise InvalidArgument(f"Invalid value {host.oom_score_adj}, range for oom score adj is [-1000, 1000]")
    if host.shm_size < 0:
        raise InvalidArgument("SHM size can not be less than 0")
    if host.blkio_weight and not 10 <= host.blkio_weight <= 1000:
        raise InvalidArgument("Range of blkio weight is from 10 to 1000")
    if host.pids_limit is not None and not -(2**31) <= host.pids_limit < 2**31:
        raise InvalidArgument(f"invalid pids limit: {host.pids_limit}")
    for limit in host.ulimits or ():
        if limit.name not in RLIMITS:
            raise InvalidArgument(f"invalid ulimit type: {limit.name}")
        if limit.hard != -1 and (limit.soft > limit.hard or limit.soft == -1):
            soft, hard = limit.soft, limit.hard
            raise InvalidArgument(
                f"ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"
            )


def _memory(host: HostConfig) -> None:
    memory, swap, reservation = host.memory, host.memory_swap, host.memory_reservation
    if memory < 0 or reservation < 0:
        raise InvalidArgument("Memory limit can not be negative")
    if 0 < memory < MINIMUM_MEMORY:
        raise InvalidArgument("Minimum memory limit allowed is 6MB")
    if memory > 0 and 0 < swap < memory:
        raise InvalidArgument("Minimum memoryswap limit should be larger than memory limit, see usage")
    if memory == 0 and swap > 0:
        raise InvalidArgument("You should always set the Memory limit when using Memoryswap limit, see usage")
    if 0 < reservation < MINIMUM_MEMORY:
        raise InvalidArgument("Minimum memory reservation allowed is 6MB")
    if 0 < memory < reservation:
        raise InvalidArgument("Minimum memory limit can not be less than memory reservation limit, see usage")
    if host.memory_swappiness is not None and not -1 <= host.memory_swappiness <= 100:
        raise InvalidArgument(
            f"Invalid value: {host.memory_swappiness}, valid memory swappiness range is 0-100"
        )


def _cpu(host: HostConfig, facts: Facts) -> None:
    if host.nano_cpus and (host.cpu_period or host.cpu_quota):
        other = "CPU Period" if host.cpu_period else "CPU Quota"
        raise InvalidArgument(f"Conflicting options: Nano CPUs and {other} cannot both be set")
    if host.nano_cpus < 0 or host.nano_cpus > facts.cpus * 10**9:
        raise InvalidArgument(
            f"range of CPUs is from 0.01 to {facts.cpus:.2f}, as there are only {facts.cpus} CPUs available"
        )
    if host.cpu_shares < 0:
        raise InvalidArgument(f"invalid CPU shares ({host.cpu_shares}): value must be a positive integer")
    if host.cpu_period and not 1000 <= host.cpu_period <= 1_000_000:
        raise InvalidArgument(
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"
        )
    if 0 < host.cpu_quota < 1000:
        raise InvalidArgument("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    _cpuset(host.cpuset_cpus, "cpus", facts.cpus)
    _cpuset(host.cpuset_mems, "mems", None)


def _cpuset(text: str, what: str, count: int | None) -> None:
    """Ranges are never expanded (CVE-2018-20699)."""
    if not text:
        return
    for part in text.split(","):
        ends = part.strip().split("-")
        if len(ends) > 2 or not all(end.isascii() and end.isdigit() for end in ends):
            raise InvalidArgument(f"Invalid value {text} for cpuset {what}")
        numbers = [int(end) if len(end) < 9 else 10**9 for end in ends]
        if numbers[-1] > _LARGEST_CPU:
            raise InvalidArgument(
                f"Invalid value {text} for cpuset {what}: value of out range, maximum is {_LARGEST_CPU}"
            )
        if numbers[0] > numbers[-1]:
            raise InvalidArgument(f"Invalid value {text} for cpuset {what}")
        if count is not None and numbers[-1] >= count:
            have = f"0-{count - 1}" if count > 1 else "0"
            raise InvalidArgument(f"Requested CPUs are not available - requested {text}, available: {have}")


def _refuse(host: HostConfig, facts: Facts) -> None:
    """What Docker does not discard where the kernel cannot do it."""
    if host.nano_cpus and "cfs" not in facts.features:
        raise InvalidArgument(
            "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not"
            " mounted"
        )
    if (host.cpu_realtime_period or host.cpu_realtime_runtime) and "realtime" not in facts.features:
        raise InvalidArgument("kernel does not support CPU real-time scheduler")
