"""`sampan update`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.console import ExitWith
from sampan.cli.container import options as creation
from sampan.cli.container import ports
from sampan.cli.container.several import each
from sampan.client.container.update import update

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] CONTAINER [CONTAINER...]"
SHORT = "Change the resources, ports and restart policy of one or more containers"
ALIASES = ("container update", "update")
ARGUMENTS = (1, None)
FLAGS = (
    ("blkio-weight", "", "uint16", 0, "Weight of block I/O, 10 to 1000; 0 is none"),
    ("cpu-period", "", "int", 0, "Period of the processor quota, in microseconds"),
    ("cpu-quota", "", "int", 0, "Processor time per period, in microseconds"),
    ("cpu-rt-period", "", "int", 0, "Period of the real-time quota, in microseconds"),
    ("cpu-rt-runtime", "", "int", 0, "Real-time processor time per period, in microseconds"),
    ("cpu-shares", "c", "int", 0, "Share of processor time (relative weight)"),
    ("cpus", "", "decimal", 0, "Number of processors"),
    ("cpuset-cpus", "", "string", "", "Processors to run on (0-3, 0,1)"),
    ("cpuset-mems", "", "string", "", "Memory nodes to use (0-3, 0,1)"),
    ("memory", "m", "bytes", 0, "Memory limit"),
    ("memory-reservation", "", "bytes", 0, "Memory soft limit"),
    ("memory-swap", "", "bytes", 0, "Limit of memory and swap together; -1 is no limit"),
    ("pids-limit", "", "int", 0, "Limit of the number of processes (-1 is no limit)"),
    ("publish-add", "", "list", None, "Publish a port on the host from now on, as -p of run does"),
    ("publish-rm", "", "list", None, "No longer publish a port: [[ADDRESS:]HOST:]CONTAINER"),
    ("restart", "", "string", "", "When to start the container again after it ended"),
)
_FIELDS = {
    "blkio-weight": "BlkioWeight",
    "cpu-period": "CpuPeriod",
    "cpu-quota": "CpuQuota",
    "cpu-rt-period": "CpuRealtimePeriod",
    "cpu-rt-runtime": "CpuRealtimeRuntime",
    "cpu-shares": "CpuShares",
    "cpus": "NanoCpus",
    "cpuset-cpus": "CpusetCpus",
    "cpuset-mems": "CpusetMems",
    "memory": "Memory",
    "memory-reservation": "MemoryReservation",
    "memory-swap": "MemorySwap",
    "pids-limit": "PidsLimit",
}


def main(session: Session, options: Values, arguments: list[str]) -> int:
    if not options.changed:
        raise ExitWith(1, "you must provide one or more flags when using this command")
    changes: dict[str, Any] = {
        field: options[flag] for flag, field in _FIELDS.items() if flag in options.changed
    }
    if options["restart"]:
        changes["RestartPolicy"] = creation.policy(options["restart"])
    for flag, field in (("publish-add", "PublishAdd"), ("publish-rm", "PublishRm")):
        if options[flag]:
            changes[field] = ports.publish(options[flag])[1]
    warnings: list[str] = []
    status = each(arguments, lambda name: warnings.extend(update(session.client, name, changes)))
    for warning in warnings:
        console.out(warning)
    return status
