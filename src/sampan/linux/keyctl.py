"""The session keyring: keyctl(2), KEYCTL_JOIN_SESSION_KEYRING."""

import ctypes
import os

from sampan.linux import libc

_KEYCTL_JOIN_SESSION_KEYRING = 1
_keyctl = libc.raw("keyctl", ctypes.c_int, ctypes.c_char_p)


def join_session_keyring(name: str) -> int:
    """A new (or, by this name, our existing) session keyring. Raises EDQUOT, or ENOSYS without keys."""
    return libc.check(_keyctl(_KEYCTL_JOIN_SESSION_KEYRING, os.fsencode(name)), name)
