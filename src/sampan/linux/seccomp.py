"""Load a compiled filter, and ask it: seccomp(2)."""

import ctypes
import struct

from sampan.linux import libc

SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4  # do not also turn speculation mitigations on, as runc and Docker
_SECCOMP_SET_MODE_FILTER = 1
_INSTRUCTION = 8  # sizeof(struct sock_filter)
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SECCOMP_RET_ALLOW = 0x7FFF0000
_LD, _AND, _JA, _JEQ, _JGT, _JGE, _JSET, _RET = 0x20, 0x54, 0x05, 0x15, 0x25, 0x35, 0x45, 0x06


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


def allows(program: bytes, name: str, first: int = 0) -> bool:
    """Whether the filter lets our own system call `name` (of `libc.NUMBERS`) through, with that first
    argument and the others 0. False for a program that says more than libseccomp's do."""
    data = struct.pack("=IIQ6Q", libc.NUMBERS[name], _AUDIT_ARCH[libc.MACHINE], 0, first, 0, 0, 0, 0, 0)
    at = accumulator = 0
    while at < len(program) // _INSTRUCTION:
        code, true, false, k = struct.unpack_from("=HBBI", program, at * _INSTRUCTION)
        at += 1
        if code == _RET:
            return bool(k == _SECCOMP_RET_ALLOW)
        if code == _LD:
            (accumulator,) = struct.unpack_from("=I", data, k)
        elif code == _AND:
            accumulator &= k
        elif code == _JA:
            at += k
        elif code in (_JEQ, _JGT, _JGE, _JSET):
            at += true if _holds(code, accumulator, k) else false
        else:
            break
    return False


def _holds(code: int, accumulator: int, k: int) -> bool:
    if code == _JEQ:
        return accumulator == k
    if code == _JGT:
        return accumulator > k
    return accumulator >= k if code == _JGE else bool(accumulator & k)
