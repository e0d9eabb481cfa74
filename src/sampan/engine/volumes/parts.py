"""A part of a volume, or of another directory that containers write to."""

import os

from sampan.linux.openat2 import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, openat2

_INSIDE = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS


def open_part(directory: str, subpath: str, flags: int) -> int:
    """Its descriptor. Whoever writes there can have us look at nothing
    else. Raises OSError."""
    base = os.open(directory, os.O_PATH | os.O_CLOEXEC)
    try:
        return openat2(base, os.fsencode(subpath), flags, _INSIDE)
    finally:
        os.close(base)
