"""A container's files from outside, as it sees them itself: its root, with its volumes.

Calm. Of one that runs this is /proc/PID/root (proc(5)): its own mounts, tmpfs and all. Of one that does not,
the overlay and the volumes are opened beside each other. The daemon enters no namespace for it and runs
nothing of the container's; it only opens names in directories (`storage.inside`).
"""

import os
import select
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress

from sampan.engine import disks
from sampan.engine.containers import overlay, uppers
from sampan.engine.containers.record import Container, MountPoint
from sampan.engine.engine import Engine
from sampan.engine.volumes import limits
from sampan.errors import Conflict
from sampan.linux import task
from sampan.storage.inside import Mounted, Root

_PATH = os.O_PATH | os.O_CLOEXEC


@contextmanager
def opened(engine: Engine, container: Container, *, write: bool = False) -> Iterator[Root]:
    """`write`: the caller sees to it that a container that does not run stays so. Raises Conflict."""
    with ExitStack() as stack:
        writable = not container.definition.host_config.readonly_rootfs
        if container.running:
            fd = stack.enter_context(_closing(running_root(container)))
            yield Root(fd, writable=True)  # the kernel knows better what may be written
            return
        fd = stack.enter_context(_closing(stopped_root(engine, container, write=write)))
        mounts = {}
        for one in container.definition.mounts:
            with suppress(OSError):  # the runtime makes a missing one, or refuses to start
                mounts[os.fsencode(one.destination)] = Mounted(
                    stack.enter_context(_closing(_source(engine, one))), one.writable
                )
        yield Root(fd, mounts, writable=writable)


@contextmanager
def _closing(fd: int) -> Iterator[int]:
    try:
        yield fd
    finally:
        os.close(fd)


def _source(engine: Engine, one: MountPoint) -> int:
    if one.kind == "volume":
        with limits.opened(engine, engine.volumes.get(one.source)) as directory:
            return os.open(directory, _PATH)
    if one.kind == "bind":
        return os.open(one.source, _PATH)
    raise FileNotFoundError(one.destination)  # a tmpfs is only there while it runs


def running_root(container: Container) -> int:
    """The descriptor of a running container's root directory. Raises Conflict; a recycled pid is noticed."""
    if container.link is None:
        raise _ended(container)
    started = container.link.started
    pid = started.pid
    try:
        pidfd = os.pidfd_open(pid)
    except (OSError, ValueError):
        raise _ended(container) from None
    try:
        fd = os.open(f"/proc/{pid}/root", _PATH | os.O_DIRECTORY)
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        if poll.poll(0) or task.start_time(pid) != started.start_time:
            os.close(fd)
            raise _ended(container)
    except OSError:
        raise _ended(container) from None
    else:
        return fd
    finally:
        os.close(pidfd)


def _ended(container: Container) -> Conflict:
    return Conflict(f"container {container.id} has just ended: try again")


def stopped_root(engine: Engine, container: Container, *, write: bool = False) -> int:
    """The overlay alone, detached; not to be written to unless `write`."""
    layers = container.definition.lowerdirs
    data = engine.settings.container_data(container.id)
    with disks.attached(data) if uppers.limited(container) else nullcontext(data) as base:
        upper = f"{base}/diff"
        if not write:
            return overlay.root([upper, *layers], None, engine.settings.run_root)
        return overlay.root(layers, (upper, f"{base}/work"), engine.settings.run_root)
