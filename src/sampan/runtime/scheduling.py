"""`scheduler`, `ioPriority` and `execCPUAffinity` of a process: parsed before a fork, applied after."""

import os
from typing import Any, NamedTuple

from sampan.linux import schedule
from sampan.runtime.failure import OciError, invalid


class Scheduler(NamedTuple):
    policy: int
    flags: int
    nice: int
    priority: int
    times: tuple[int, int, int]  # runtime, deadline, period: nanoseconds


class Scheduling(NamedTuple):
    scheduler: Scheduler | None
    io_priority: tuple[int, int] | None  # class, level
    cpus: tuple[int, ...]  # that an exec'ed process starts on; () leaves it


def parse(process: dict[str, Any]) -> Scheduling | None:
    """None: nothing was asked for. Raises OciError."""
    scheduler, priority = process.get("scheduler"), process.get("ioPriority")
    affinity = process.get("execCPUAffinity") or {}
    if not (scheduler or priority or affinity):
        return None
    cpus = affinity.get("final") or affinity.get("initial") or ""
    return Scheduling(
        _scheduler(scheduler) if scheduler else None,
        _io_priority(priority) if priority else None,
        _cpus(cpus),
    )


def apply(wanted: Scheduling) -> None:
    """To the calling process. Raises OciError."""
    try:
        if wanted.scheduler is not None:
            schedule.sched_setattr(*wanted.scheduler)
        if wanted.io_priority is not None:
            schedule.ioprio_set(*wanted.io_priority)
        if wanted.cpus:
            os.sched_setaffinity(0, wanted.cpus)
    except OSError as error:
        doing = error.filename or "sched_setaffinity"
        raise OciError(
            "Internal", f"error setting {doing}: {os.strerror(error.errno or 0).lower()}"
        ) from None


def _scheduler(entry: dict[str, Any]) -> Scheduler:
    policy, flags = entry.get("policy", ""), entry.get("flags") or ()
    if policy not in schedule.POLICIES:
        raise invalid(f"invalid scheduler policy: {policy}")
    for flag in flags:
        if flag not in schedule.FLAGS:
            raise invalid(f"invalid scheduler flag: {flag}")
    nice, priority = entry.get("nice", 0), entry.get("priority", 0)
    if not -20 <= nice <= 19:
        raise invalid(f"invalid scheduler.nice: {nice}")
    if priority and policy not in ("SCHED_FIFO", "SCHED_RR"):
        raise invalid("scheduler.priority can only be specified for SchedFIFO or SchedRR policy")
    times = entry.get("runtime", 0), entry.get("deadline", 0), entry.get("period", 0)
    if any(times) and policy != "SCHED_DEADLINE":
        raise invalid("scheduler runtime/deadline/period can only be specified for SchedDeadline policy")
    return Scheduler(
        schedule.POLICIES[policy], sum(schedule.FLAGS[f] for f in set(flags)), nice, priority, times
    )


def _io_priority(entry: dict[str, Any]) -> tuple[int, int]:
    class_, level = entry.get("class", ""), entry.get("priority", 0)
    if class_ not in schedule.IO_CLASSES:
        raise invalid(f"invalid ioPriority.class: {class_}")
    if not 0 <= level <= 7:
        raise invalid(f"invalid ioPriority.priority: {level}")
    return schedule.IO_CLASSES[class_], level


def _cpus(text: str) -> tuple[int, ...]:
    """ "0-3,7", as cpuset(7) writes it."""
    found: set[int] = set()
    try:
        for part in filter(None, text.replace(" ", "").split(",")):
            first, _, last = part.partition("-")
            found.update(range(int(first), int(last or first) + 1))
    except ValueError:
        raise invalid(f"invalid list of CPUs: {text!r}") from None
    return tuple(sorted(found))
