"""`start`: let a created container's program begin."""

import os
import signal

from sampan.errors import Conflict
from sampan.linux.process import pidfd_send_signal
from sampan.runtime import container, hooks
from sampan.runtime.failure import OciError
from sampan.runtime.link import Link
from sampan.runtimecli.entry import Entry, Record
from sampan.runtimecli.flags import Flag
from sampan.runtimecli.invocation import Invocation, one_operand

FLAGS: list[Flag] = []


def run(invocation: Invocation) -> int:
    with Entry(invocation.root, one_operand(invocation, "start")) as entry:
        start(entry.lock())
    return 0


def start(entry: Entry) -> None:
    """With the lock held. Raises Conflict in runc's words."""
    record = entry.record()
    status = entry.status(record)
    if status == "stopped":
        raise Conflict("cannot start a container that has stopped")
    if record is None or status != "created":
        raise Conflict(f"cannot start an already {'created' if record is None else 'running'} container")
    pidfd = os.pidfd_open(record.pid)
    try:
        _open(entry, record, pidfd)
    finally:
        os.close(pidfd)


def _open(entry: Entry, record: Record, pidfd: int) -> None:
    """The gate goes first: a start that is killed in the middle leaves a container that ends, none that
    seems to wait."""
    try:
        end = Link(entry.knock())
    except OSError:
        raise Conflict("cannot start a container that has stopped") from None
    entry.close_gate()
    spec = entry.config()
    about = hooks.state(entry.id, "created", record.pid, record.bundle, spec)
    waiting = container.Container(record.pid, pidfd, entry.cgroup(), spec, end, about=about)
    try:
        container.start(waiting)
    except OciError:
        pidfd_send_signal(pidfd, signal.SIGKILL)
        raise
