"""Processes and what they carry along: clone3(2), namespaces, prctl(2), signals.

Python has os.setns and os.unshare only from 3.12, and no clone3 at all.
"""

import _signal  # `signal` wraps every call in enum conversions
import ctypes
import os

from sampan.linux import libc

CLONE_PIDFD = 0x1000  # Linux 5.2
CLONE_PARENT = 0x8000
CLONE_NEWTIME = 0x80
CLONE_NEWNS = 0x20000
CLONE_NEWCGROUP = 0x2000000
CLONE_NEWUTS = 0x4000000
CLONE_NEWIPC = 0x8000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
CLONE_CLEAR_SIGHAND = 0x1_0000_0000  # Linux 5.5
CLONE_INTO_CGROUP = 0x2_0000_0000  # Linux 5.7

PR_SET_PDEATHSIG = 1
PR_GET_DUMPABLE = 3
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
PR_CAP_AMBIENT_RAISE = 2

_SIGNALS = tuple(n for n in range(1, 65) if n not in (9, 19, 32, 33))  # SIGKILL, SIGSTOP, and glibc's own


class CloneArgs(ctypes.Structure):
    """struct clone_args (clone(2)), CLONE_ARGS_SIZE_VER2."""

    _fields_ = [
        (name, ctypes.c_uint64)
        for name in (
            "flags",
            "pidfd",
            "child_tid",
            "parent_tid",
            "exit_signal",
            "stack",
            "stack_size",
            "tls",
            "set_tid",
            "set_tid_size",
            "cgroup",
        )
    ]


_clone3 = libc.raw("clone3", ctypes.POINTER(CloneArgs), ctypes.c_size_t)
# The order of the last two differs between architectures; both are zero here.
_clone = libc.raw("clone", ctypes.c_ulong, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong)
_setns = libc.bind("setns", ctypes.c_int, ctypes.c_int, ctypes.c_int)
_unshare = libc.bind("unshare", ctypes.c_int, ctypes.c_int)
_prctl = libc.bind("prctl", ctypes.c_int, ctypes.c_int, *[ctypes.c_ulong] * 4)
_close_range = libc.raw("close_range", ctypes.c_uint, ctypes.c_uint, ctypes.c_int)
_setdomainname = libc.bind("setdomainname", ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)
_sethostname = libc.bind("sethostname", ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)
_execve = libc.bind("execve", ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p)
_setresuid = libc.raw("setresuid", *[ctypes.c_uint] * 3)
_setresgid = libc.raw("setresgid", *[ctypes.c_uint] * 3)
_setfsuid = libc.bind("setfsuid", ctypes.c_int, ctypes.c_uint)
_setfsgid = libc.bind("setfsgid", ctypes.c_int, ctypes.c_uint)
_pidfd_send_signal = libc.raw("pidfd_send_signal", ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint)


def clone3(flags: int, cgroup: int | None = None) -> tuple[int, int]:
    """(pid, pidfd) in the parent, (0, -1) in the child; SIGCHLD at its end. Signal handlers are cleared.

    Like os.fork, but with namespaces and, given an open directory of cgroup v2, born in that cgroup.
    Only for a process with one thread: none of the fork handlers of glibc or of Python run. Python's
    own state needs none of them then: the interpreter lock is held by the one thread on both sides.
    """
    pidfd = ctypes.c_int(-1)
    arguments = CloneArgs(flags=flags | CLONE_PIDFD | CLONE_CLEAR_SIGHAND, exit_signal=_signal.SIGCHLD)
    arguments.pidfd = ctypes.addressof(pidfd)
    if cgroup is not None:
        arguments.flags |= CLONE_INTO_CGROUP
        arguments.cgroup = cgroup
    pid = libc.check(_clone3(ctypes.byref(arguments), ctypes.sizeof(arguments)), "clone3")
    return pid, pidfd.value if pid else -1


def clone_sibling() -> int:
    """A pidfd in the parent, -1 in the child, which is a child of our own parent. As `clone3`, but with the
    system call that seccomp filters let through."""
    pidfd = ctypes.c_int(-1)
    flags = CLONE_PARENT | CLONE_PIDFD | _signal.SIGCHLD
    pid = libc.check(_clone(flags, None, ctypes.addressof(pidfd), None, 0), "clone")
    return pidfd.value if pid else -1


def setns(fd: int, kind: int) -> None:
    """Join the namespace behind `fd`, or those of `kind` of the process that a pidfd stands for (5.8)."""
    libc.check(_setns(fd, kind), "setns")


def unshare(flags: int) -> None:
    libc.check(_unshare(flags), "unshare")


def prctl(option: int, argument: int = 0, argument3: int = 0) -> int:
    return libc.check(_prctl(option, argument, argument3, 0, 0), "prctl")


def close_range(first: int, last: int = 0xFFFFFFFF, flags: int = 0) -> None:
    libc.check(_close_range(first, last, flags), "close_range")


def sethostname(name: str) -> None:
    value = os.fsencode(name)
    libc.check(_sethostname(value, len(value)), "sethostname")


def setdomainname(name: str) -> None:
    value = os.fsencode(name)
    libc.check(_setdomainname(value, len(value)), "setdomainname")


def setresuid(uid: int) -> None:
    """All three ids of the calling thread.

    The bare system call: glibc's wrapper signals all threads that it knows of, by ids that are stale
    in a process made by clone3.
    """
    libc.check(_setresuid(uid, uid, uid), "setresuid")


def setresgid(gid: int) -> None:
    libc.check(_setresgid(gid, gid, gid), "setresgid")


def setfsids(uid: int, gid: int) -> None:
    """Whose the files are that this thread makes (setfsuid(2): it never tells of an error)."""
    _setfsgid(gid)
    _setfsuid(uid)


def execve(path: bytes, arguments: list[bytes], environment: list[bytes]) -> None:
    """Returns only by an OSError. The environment as it is: os.execve would want a mapping."""
    argv = (ctypes.c_char_p * (len(arguments) + 1))(*arguments, None)
    envp = (ctypes.c_char_p * (len(environment) + 1))(*environment, None)
    libc.check(_execve(path, argv, envp), os.fsdecode(path))


def pidfd_send_signal(pidfd: int, signal: int) -> None:
    """Raises ProcessLookupError once the process was reaped. Never reaches a recycled pid."""
    libc.check(_pidfd_send_signal(pidfd, signal, None, 0), "pidfd_send_signal")


def reset_signals() -> None:
    """Every disposition to its default, nothing blocked, in a child of `clone3` (whose handlers are cleared).

    Ignored signals stay ignored over execve(2), and CPython ignores SIGPIPE and SIGXFSZ.
    """
    default, ignored = _signal.SIG_DFL, _signal.SIG_IGN
    for number in _SIGNALS:
        if _signal.getsignal(number) == ignored:  # no system call
            _signal.signal(number, default)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
