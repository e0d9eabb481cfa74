"""The last step of an exec: into the container's pid namespace, where its processes can look at us.

Whoever has CAP_SYS_PTRACE in the container may read and write the memory of every process that its procfs
shows, take its descriptors and walk through its /proc/PID/root (CVE-2016-9962); PR_SET_DUMPABLE holds off
only those who have it not. So the process that joins does so in all other namespaces first, unseen, closes
what is the machine's, and becomes what it shall be: user, capabilities, filter. What then appears in the pid
namespace, a sibling of it, has no more than the container has. Zone: lonely.
"""

import os

from sampan.linux import process, seccomp
from sampan.runtime import link
from sampan.runtime.command import Command
from sampan.runtime.link import Link

# What is still to be done under the container's filter, with the first argument that it looks at.
_NEEDED = (
    ("clone", process.CLONE_PARENT | process.CLONE_PIDFD | 17),
    ("sendmsg", 0),
    ("sendto", 0),
    ("setsid", 0),
    ("ioctl", 0),
)


def can_become_first(command: Command) -> bool:
    """Whether the last fork can be made as the process of the spec. A filter may forbid it, and a limit of
    processes is one of the user's: then it must be made before."""
    if any(limit.name == "RLIMIT_NPROC" for limit in command.rlimits):
        return False
    program = command.seccomp
    return program is None or all(seccomp.allows(program, name, first) for name, first in _NEEDED)


def cross(end: Link) -> None:
    """Returns in a new process, born in the namespace that setns(2) has set; this one ends."""
    pidfd = process.clone_sibling()
    if pidfd < 0:
        return
    try:
        end.send_file(link.BORN, pidfd)
    finally:
        os._exit(0)
