"""`kill`: a signal to the container's first process, or to all of them."""

import contextlib
import os
import signal

from sampan.errors import Conflict, InvalidArgument
from sampan.runtime import freezer
from sampan.runtimecli import processes
from sampan.runtimecli.entry import Entry, running
from sampan.runtimecli.flags import Flag, switch
from sampan.runtimecli.invocation import Invocation

FLAGS: list[Flag] = [switch("all a", "to every process of the container")]


def run(invocation: Invocation) -> int:
    if not 1 <= len(invocation.operands) <= 2:
        raise InvalidArgument('"sampan-runtime kill" requires a minimum of 1 argument, maximum of 2')
    identifier, *rest = invocation.operands
    number = parse(rest[0] if rest else "TERM")
    with Entry(invocation.root, identifier) as entry:
        kill(entry, number, whole=invocation.given["all"])
    return 0


def kill(entry: Entry, number: int, *, whole: bool) -> None:
    """Raises Conflict in runc's words: engines know "container not running" by them."""
    if whole:
        for pid in processes.of(entry.cgroup()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
    else:
        try:
            os.kill(running(entry).pid, number)
        except ProcessLookupError:
            raise Conflict("container not running") from None
    if number == signal.SIGKILL:
        freezer.release(entry.cgroup())


def parse(text: str) -> int:
    """A number, or a name with or without SIG."""
    if text.isascii() and text.isdigit():
        number = int(text)
        if 0 <= number <= signal.SIGRTMAX:
            return number
    with contextlib.suppress(KeyError):
        return int(signal.Signals["SIG" + text.upper().removeprefix("SIG")])
    raise InvalidArgument(f'unknown signal "{text}"')
