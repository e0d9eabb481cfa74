"""What a process says about itself: prctl(2), /proc/self."""

import ctypes

from sampan.linux import libc
from sampan.linux.process import PR_SET_DUMPABLE, PR_SET_PDEATHSIG, prctl

_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36

_rt_sigaction = libc.raw("rt_sigaction", ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


def set_name(name: str) -> None:
    """/proc/self/comm; the kernel cuts it after 15 bytes."""
    text = ctypes.create_string_buffer(name.encode())
    prctl(_PR_SET_NAME, ctypes.addressof(text))


def set_undumpable() -> None:
    """No core file, and /proc/PID belongs to root (proc(5)). execve(2) resets it."""
    prctl(PR_SET_DUMPABLE, 0)


def set_child_subreaper(*, on: bool) -> None:
    """Orphans among our descendants become our children (Linux 3.4). Children do not inherit this."""
    prctl(_PR_SET_CHILD_SUBREAPER, int(on))


def set_parent_death_signal(signal: int) -> None:
    """Sent to us when the thread that forked us ends. A fork(2) clears it for the child."""
    prctl(PR_SET_PDEATHSIG, signal)


def reset_internal_signals() -> None:
    """posix_spawn(3) of glibc leaves its own two signals ignored in the new program, execve(2) keeps that,
    and the functions of libc refuse to touch them: a bare rt_sigaction(2) with SIG_DFL."""
    default = (ctypes.c_ulong * 4)()  # struct sigaction of the kernel: handler, flags, restorer, mask
    for number in (32, 33):  # SIGCANCEL, SIGSETXID
        libc.check(_rt_sigaction(number, ctypes.addressof(default), 0, 8), "rt_sigaction")


def set_oom_score_adjustment(value: int) -> bool:
    """From -1000 (never) to 1000. False where lowering it is not permitted (no CAP_SYS_RESOURCE)."""
    try:
        with open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
            file.write(b"%d" % value)
    except PermissionError:
        return False
    return True


def start_time(pid: int) -> int:
    """Clock ticks after boot at which `pid` started: with the pid, the name of a process for ever.

    Field 22 of /proc/PID/stat (proc(5)); the second field may contain blanks and parentheses.
    Raises FileNotFoundError or ProcessLookupError.
    """
    with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
        stat = file.read(4096)
    return int(stat[stat.rindex(b")") + 2 :].split()[19])
