"""openat2(2): opening below a directory, with the rules for resolving the path given (Linux 5.6)."""

import ctypes
import os

from sampan.linux.libc import check, raw

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10


class open_how(ctypes.Structure):  # the kernel's name (include/uapi/linux/openat2.h)
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_openat2 = raw("openat2", ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(open_how), ctypes.c_size_t)
_SIZE = ctypes.sizeof(open_how)


def openat2(directory: int, path: bytes, flags: int, resolve: int, mode: int = 0) -> int:
    """A new close-on-exec descriptor. EXDEV: the path leaves `directory`; ELOOP: a link was forbidden.

    EAGAIN: a rename elsewhere raced with a `..` and the kernel could not tell (openat2(2), ERRORS).
    """
    how = open_how(flags | os.O_CLOEXEC, mode, resolve)
    while True:
        try:
            return check(_openat2(directory, path, ctypes.byref(how), _SIZE), os.fsdecode(path))
        except BlockingIOError:
            continue
