"""The C library, opened once, and the one way to call it.

Each module of this package binds the functions that it needs at import time with `bind`, giving the
full prototype; nobody touches `argtypes` afterwards. `raw` is for system calls that glibc 2.36 (Debian
12) has no wrapper for; their numbers come from `NUMBERS`, per machine (asm/unistd_64.h,
asm-generic/unistd.h). All numbers from 424 on are the same on every architecture.

`typing` and `collections` are not imported: for sampan-runtime, which seals its interpreter first, those two
would cost more than the whole of that.
"""

from __future__ import annotations

import ctypes
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_libc = ctypes.CDLL(None, use_errno=True)

MACHINE = os.uname().machine

# Unified since Linux 5.1 (include/uapi/asm-generic/unistd.h).
NUMBERS: dict[str, int] = {
    "pidfd_send_signal": 424,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_open": 434,
    "clone3": 435,
    "close_range": 436,
    "openat2": 437,
    "pidfd_getfd": 438,
    "mount_setattr": 442,
} | {
    "x86_64": {
        "setresuid": 117,
        "setresgid": 119,
        "capget": 125,
        "capset": 126,
        "pivot_root": 155,
        "rt_sigaction": 13,
        "keyctl": 250,
        "seccomp": 317,
        "clone": 56,
        "ioctl": 16,
        "sendto": 44,
        "sendmsg": 46,
        "prlimit64": 302,
        "setsid": 112,
        "sched_setattr": 314,
        "ioprio_set": 251,
        "bpf": 321,
    },
    "aarch64": {
        "pivot_root": 41,
        "rt_sigaction": 134,
        "capget": 90,
        "capset": 91,
        "setresuid": 147,
        "setresgid": 149,
        "keyctl": 219,
        "seccomp": 277,
        "clone": 220,
        "ioctl": 29,
        "sendto": 206,
        "sendmsg": 211,
        "prlimit64": 261,
        "setsid": 157,
        "sched_setattr": 274,
        "ioprio_set": 30,
        "bpf": 280,
    },
}.get(MACHINE, {})


def bind(name: str, restype: Any, *argtypes: Any) -> Callable[..., Any]:
    """The libc function `name` with its prototype; call it through `check`."""
    function = getattr(_libc, name)
    function.restype = restype
    function.argtypes = argtypes
    return function  # type: ignore[no-any-return]


def raw(name: str, *argtypes: Any) -> Callable[..., int]:
    """The system call `name` as a function of its arguments (at most six), through syscall(2).

    Raises KeyError on a machine whose number for it we do not know.
    """
    # A prototype of its own per system call: a CFUNCTYPE over the same address, so that two calls
    # with different arguments do not rebind each other's `argtypes`.
    prototype = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, *argtypes, use_errno=True)
    syscall = prototype(ctypes.cast(_libc.syscall, ctypes.c_void_p).value or 0)
    number = NUMBERS[name]

    def call(*arguments: Any) -> int:
        return int(syscall(number, *arguments))

    return call


def check(result: int, operand: str | None = None) -> int:
    """Pass a result that is not negative through; otherwise raise OSError(errno, text, operand)."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), operand)
    return result
