"""`pause`: every process of the container stands still."""

from sampan.errors import Conflict
from sampan.runtime import freezer
from sampan.runtimecli.entry import Entry
from sampan.runtimecli.flags import Flag
from sampan.runtimecli.invocation import Invocation, one_operand

FLAGS: list[Flag] = []


def run(invocation: Invocation) -> int:
    with Entry(invocation.root, one_operand(invocation, "pause")) as entry:
        status = entry.lock().status(entry.record())
        if status not in ("running", "created"):
            raise Conflict(f"container not running or created: {status}")
        freezer.freeze(entry.cgroup())
    return 0
