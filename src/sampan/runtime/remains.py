"""What a monitor left behind that was killed: its container must neither run on unseen nor leak.

*Calm*: for the daemon's worker threads. Without a monitor nobody takes the container's output, knows
its end or can enter it, so it is ended (as containerd does). Its exit code is then what can be known:
137 when we killed it; what the launcher saw, when it had ended by itself; else 255, Docker's "unknown".
"""

import os
import select
import time
from typing import NamedTuple

from sampan.linux.inotify import Inotify
from sampan.linux.process import pidfd_send_signal
from sampan.linux.task import start_time
from sampan.runtime import cgroup, cgroup_layout, container, freezer, rundir
from sampan.runtime.cgroup import Cgroup
from sampan.runtime.failure import OciError
from sampan.runtime.logs import timestamp
from sampan.runtime.protocol import MONITOR_SOCKET, Exited, Started
from sampan.runtime.rundir import RunDirectory

KILLED = 137
UNKNOWN = 255
LOST = "the container's monitor was killed"
_SIGKILL = 9
_PATIENCE = 10.0  # seconds for a killed process to go
_BIRTH = 5.0  # seconds for a monitor that has its lock to have its socket


class Ended(NamedTuple):
    """`killed`: it still ran. `oom_killed`: as its cgroup tells."""

    killed: bool
    oom_killed: bool
    finished_at: str


def end(directory: RunDirectory, started: Started | None) -> Ended:
    """Kill what runs of a container and take its cgroup away. The caller holds the lock.

    Raises TimeoutError when the process does not go (uninterruptible sleep): try again later.
    """
    group = _cgroup(directory)
    killed = started is not None and _kill(started, group)
    oom_killed = group is not None and cgroup.oom_kills(group) > 0
    if group is not None:
        cgroup.destroy(group)
    directory.unlink(MONITOR_SOCKET)
    return Ended(killed, oom_killed, timestamp(time.time_ns()))


def conclude(state_dir: str, run_dir: str, started: Started, ended: Ended, known: int | None) -> Exited:
    """Write the exit record in the monitor's place. `known`: the code that the launcher saw."""
    code = known if known is not None else KILLED if ended.killed else UNKNOWN
    exited = Exited(started.id, code, ended.oom_killed, ended.finished_at, started.started_at, LOST)
    rundir.write_exit(state_dir, run_dir, exited, sync=True)
    return exited


def wait_for_socket(directory: RunDirectory) -> bool:
    """A monitor that has just taken its lock is about to listen. False: it ended, or does not."""
    with Inotify() as watch:
        watch.add(directory.path, Inotify.CREATE | Inotify.DELETE)
        deadline = time.monotonic() + _BIRTH
        while not os.path.exists(f"/proc/self/fd/{directory.fd}/{MONITOR_SOCKET}"):
            if directory.lock() or not watch.wait(deadline - time.monotonic()):
                return False
    return True


def _kill(started: Started, group: Cgroup | None) -> bool:
    """Whether it was still there."""
    try:
        pidfd = os.pidfd_open(started.pid)
    except ProcessLookupError:
        return False
    try:
        if start_time(started.pid) != started.start_time or _gone(pidfd, 0):
            return False  # the number belongs to somebody else, or to a zombie
        pidfd_send_signal(pidfd, _SIGKILL)
        if group is not None:
            freezer.release(group)
        if not _gone(pidfd, _PATIENCE):
            raise TimeoutError(f"process {started.pid} does not end")
    except (FileNotFoundError, ProcessLookupError):
        return False
    finally:
        os.close(pidfd)
    return True


def _gone(pidfd: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _cgroup(directory: RunDirectory) -> Cgroup | None:
    """None: nothing was ever made."""
    try:
        spec = container.load(f"/proc/self/fd/{directory.fd}/config.json")
    except OciError:  # never written, or not whole: then nothing was ever made of it
        return None
    identifier = os.path.basename(os.path.normpath(directory.path))
    return cgroup.find(cgroup_layout.detect(), container.cgroups_path(identifier, spec))
