"""`delete`: a stopped container's remains; with `--force` a running one's, too."""

import os
import select
import signal

from sampan.errors import Conflict, NotFound
from sampan.linux.process import pidfd_send_signal
from sampan.runtime import cgroup, freezer, hooks
from sampan.runtime.failure import OciError
from sampan.runtimecli import entry as entries
from sampan.runtimecli.entry import Entry, Record
from sampan.runtimecli.flags import Flag, switch
from sampan.runtimecli.invocation import Invocation, Log, one_operand

FLAGS: list[Flag] = [switch("force f", "kill it first, and do not mind when there is none")]
_PATIENCE = 10_000  # milliseconds for a killed process to go


def run(invocation: Invocation) -> int:
    force = invocation.given["force"]
    try:
        with Entry(invocation.root, one_operand(invocation, "delete")) as entry:
            delete(entry.lock(), invocation.log, force=force)
    except NotFound:
        if not force:
            raise
    return 0


def delete(entry: Entry, log: Log, *, force: bool) -> None:
    """With the lock held. One that only waits for its start may go without force, as in runc."""
    record = entry.record()
    status = entry.status(record)
    if status not in ("stopped", "created") and not force:
        raise Conflict(f"cannot delete container {entry.id} that is not stopped: {status}")
    if record is not None and status != "stopped":
        _end(entry, record)
    try:
        spec = entry.config()
        cgroup.destroy(entry.cgroup())
    except OciError:  # no config.json: create was killed before it had made anything
        spec = {}
    about = hooks.state(entry.id, "stopped", 0, record.bundle if record else "", spec)
    try:
        hooks.run("poststop", hooks.parse(spec).poststop, about)
    except OciError as error:  # "MUST log a warning, but … continue" (runtime-spec, "Lifecycle")
        log.warn(str(error))
    entry.remove()


def _end(entry: Entry, record: Record) -> None:
    try:
        pidfd = os.pidfd_open(record.pid)
    except ProcessLookupError:
        return
    try:
        if not entries.alive(record):
            return
        freezer.release(entry.cgroup())
        pidfd_send_signal(pidfd, signal.SIGKILL)
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        if not poll.poll(_PATIENCE):
            raise Conflict("container init still running")
    except ProcessLookupError:
        return
    finally:
        os.close(pidfd)
