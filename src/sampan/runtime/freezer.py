"""Freezing a container's processes and letting them go on: the freezer of v1, `cgroup.freeze` of v2.

*Calm*: it waits until every process stands still. Nothing is forked and no namespace entered, so the
daemon's worker threads do this themselves. Whether a container is frozen the kernel knows better than any
record, also after the daemon was killed in the middle.
"""

import contextlib
import os
import select
import time

from sampan.runtime.cgroup import Cgroup
from sampan.runtime.failure import OciError

_PATIENCE = 10.0  # seconds for a process in the middle of a system call to come to a stop
_AGAIN = 0.002  # seconds between two looks at v1's state
_THAW_AFTER = 50  # looks


def freeze(cgroup: Cgroup) -> None:
    """Returns when nothing of it runs. Raises OciError, with everything thawed again; OSError ENOENT when
    the container has ended."""
    file, freezing, _ = _switch(cgroup)
    if freezing == "1":
        _freeze_v2(cgroup, file)
    else:
        _freeze_v1(cgroup, file)


def thaw(cgroup: Cgroup) -> None:
    """Nothing to do where nothing is frozen."""
    file, _, thawing = _switch(cgroup)
    _write(file, thawing)


def frozen(cgroup: Cgroup) -> bool:
    """Whether somebody has asked for it to be; False when there is no such cgroup any more."""
    try:
        file, freezing, _ = _switch(cgroup)
        state = _read(file)
    except (OSError, OciError):
        return False
    return state == "1" if freezing == "1" else state in ("FROZEN", "FREEZING")


def release(cgroup: Cgroup) -> None:
    """For who kills it: v1 lets no signal through to a frozen process, SIGKILL neither."""
    with contextlib.suppress(OSError, OciError):
        thaw(cgroup)


def _switch(cgroup: Cgroup) -> tuple[str, str, str]:
    """(file, what freezes, what thaws). Where v1's freezer is mounted it is taken, also beside a v2 tree, as
    runc does."""
    if (directory := cgroup.controllers.get("freezer")) is not None:
        return f"{directory}/freezer.state", "FROZEN", "THAWED"
    if cgroup.unified is not None:
        return f"{cgroup.unified}/cgroup.freeze", "1", "0"  # Linux 5.2, of every v2 cgroup
    raise OciError("Unsupported", "cannot freeze: this machine has no freezer cgroup")


def _freeze_v2(cgroup: Cgroup, file: str) -> None:
    """cgroup.events tells by POLLPRI when the last one stands still (cgroups(7))."""
    events = os.open(f"{cgroup.unified}/cgroup.events", os.O_RDONLY | os.O_CLOEXEC)
    try:
        poll = select.poll()
        poll.register(events, select.POLLPRI)
        _write(file, "1")
        deadline = time.monotonic() + _PATIENCE
        while b"frozen 1" not in os.pread(events, 4096, 0):
            if (left := deadline - time.monotonic()) <= 0:
                raise _given_up(file, "0")
            poll.poll(left * 1000)
    finally:
        os.close(events)


def _freeze_v1(cgroup: Cgroup, file: str) -> None:
    """v1 tells nothing: the state turns from FREEZING to FROZEN when it is read (freezer-subsystem.rst), so
    it is read again. A process that forks meanwhile may keep it at FREEZING; to thaw and to ask again helps
    (as runc found out)."""
    deadline = time.monotonic() + _PATIENCE
    looks = 0
    _write(file, "FROZEN")
    while _read(file) != "FROZEN":
        if time.monotonic() > deadline:
            raise _given_up(file, "THAWED")
        looks += 1
        if looks % _THAW_AFTER == 0:
            _write(file, "THAWED")
        _write(file, "FROZEN")
        time.sleep(_AGAIN)


def _given_up(file: str, thawing: str) -> OciError:
    with contextlib.suppress(OSError):
        _write(file, thawing)
    return OciError("Internal", "unable to freeze: a process of the container does not stop")


def _write(path: str, value: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def _read(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read(64).strip()
