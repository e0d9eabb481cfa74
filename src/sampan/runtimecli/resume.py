"""`resume`: let a paused container go on."""

from sampan.errors import Conflict
from sampan.runtime import freezer
from sampan.runtimecli.entry import Entry
from sampan.runtimecli.flags import Flag
from sampan.runtimecli.invocation import Invocation, one_operand

FLAGS: list[Flag] = []


def run(invocation: Invocation) -> int:
    with Entry(invocation.root, one_operand(invocation, "resume")) as entry:
        if entry.lock().status(entry.record()) != "paused":
            raise Conflict("container not paused")
        freezer.thaw(entry.cgroup())
    return 0
