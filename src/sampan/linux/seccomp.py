"""Load a compiled filter: seccomp(2)."""

import ctypes

from sampan.linux import libc

SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4  # do not also turn speculation mitigations on, as runc and Docker
_SECCOMP_SET_MODE_FILTER = 1
_INSTRUCTION = 8  # sizeof(struct sock_filter)


class SockFprog(ctypes.Structure):
    """struct sock_fprog (linux/filter.h)."""

    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


_seccomp = libc.raw("seccomp", ctypes.c_uint, ctypes.c_uint, ctypes.POINTER(SockFprog))


def load(program: bytes, flags: int = 0) -> None:
    """Put `program` (an array of struct sock_filter) on this thread for good.

    Raises OSError(EACCES) without CAP_SYS_ADMIN and no_new_privs, EINVAL for a program that is none.
    """
    argument = SockFprog(len(program) // _INSTRUCTION, program)
    libc.check(_seccomp(_SECCOMP_SET_MODE_FILTER, flags, ctypes.byref(argument)), "seccomp")
