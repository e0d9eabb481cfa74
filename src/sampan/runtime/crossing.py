"""The last step of an exec: into the container's pid namespace, where its processes can look at us.

Whoever has CAP_SYS_PTRACE in the container may read and write the memory of every process that its procfs
shows, take its descriptors and walk through its /proc/PID/root (CVE-2016-9962); PR_SET_DUMPABLE holds off
only those who have it not. So the process that joins does so in all other namespaces first, unseen, closes
what is the machine's, and becomes what it shall be: user, capabilities, filter. What then appears in the pid
namespace, a sibling of it, has no more than the container has. Zone: lonely.
"""

import os
import resource

from sampan.linux import process, seccomp
from sampan.runtime import link
from sampan.runtime.command import Command, Rlimit
from sampan.runtime.link import Link

# What is still to be done under the container's filter, with the first argument that it looks at.
_NEEDED = (
    ("clone", process.CLONE_PARENT | process.CLONE_PIDFD | 17),
    ("sendmsg", 0),
    ("sendto", 0),
    ("setsid", 0),
    ("ioctl", 0),
)
_LIMITS = ("prlimit64", 0)


def can_become_first(command: Command) -> bool:
    """Whether the last fork can be made as the process of the spec. A filter of the user's own may forbid it:
    then it must be made before."""
    needed: tuple[tuple[str, int], ...] = _NEEDED
    if limit := _processes(command):
        needed = (*_NEEDED, _LIMITS)
        if _above(_roomier(limit).hard, resource.getrlimit(resource.RLIMIT_NPROC)[1]):
            return False
    program = command.seccomp
    return program is None or all(seccomp.allows(program, name, first) for name, first in needed)


def with_room(command: Command) -> Command:
    """For the fork, with two processes more than may be: for a moment there are two of us, and setresuid(2),
    by whose count execve(2) refuses otherwise, has not counted its caller yet (kernel/sys.c,
    flag_nproc_exceeded). So whoever is above his limit is refused by the fork. `set_exactly` is for its
    other side."""
    return command._replace(rlimits=tuple(map(_roomier, command.rlimits)))


def set_exactly(command: Command) -> None:
    """Lower it again, which needs no power."""
    if limit := _processes(command):
        resource.setrlimit(limit.number, (limit.soft, limit.hard))


def _processes(command: Command) -> Rlimit | None:
    return next((limit for limit in command.rlimits if limit.number == resource.RLIMIT_NPROC), None)


def _roomier(limit: Rlimit) -> Rlimit:
    if limit.number != resource.RLIMIT_NPROC or limit.soft == resource.RLIM_INFINITY:
        return limit
    soft = limit.soft + 2
    return limit._replace(soft=soft, hard=soft if _above(soft, limit.hard) else limit.hard)


def _above(one: int, other: int) -> bool:
    if resource.RLIM_INFINITY in (one, other):
        return other != resource.RLIM_INFINITY
    return one > other


def cross(end: Link) -> None:
    """Returns in a new process, born in the namespace that setns(2) has set; this one ends."""
    pidfd = process.clone_sibling()
    if pidfd < 0:
        return
    try:
        end.send_file(link.BORN, pidfd)
    finally:
        os._exit(0)
