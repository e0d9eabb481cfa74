"""inotify(7): hear of changes in directories and files.

*Calm.* One instance serves any number of watches; a user may have 128 instances
(fs.inotify.max_user_instances), so whoever watches many things shares one.
"""

import ctypes
import os
import select
import struct
from typing import ClassVar, NamedTuple

from sampan.linux import libc

_init1 = libc.bind("inotify_init1", ctypes.c_int, ctypes.c_int)
_add_watch = libc.bind("inotify_add_watch", ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
_rm_watch = libc.bind("inotify_rm_watch", ctypes.c_int, ctypes.c_int, ctypes.c_int)

_EVENT = struct.Struct("iIII")  # struct inotify_event: wd, mask, cookie, len; then the name


class Change(NamedTuple):
    watch: int
    mask: int
    name: str  # in a watched directory; "" for the watched thing itself


class Inotify:
    """Owned: close it, or use `with`. Non-blocking; `fileno` is readable when `read` has something."""

    MODIFY: ClassVar[int] = 0x2
    ATTRIB: ClassVar[int] = 0x4
    CLOSE_WRITE: ClassVar[int] = 0x8
    MOVED_FROM: ClassVar[int] = 0x40
    MOVED_TO: ClassVar[int] = 0x80
    CREATE: ClassVar[int] = 0x100
    DELETE: ClassVar[int] = 0x200
    DELETE_SELF: ClassVar[int] = 0x400
    MOVE_SELF: ClassVar[int] = 0x800
    Q_OVERFLOW: ClassVar[int] = 0x4000  # some changes were lost; it has no watch
    ISDIR: ClassVar[int] = 0x40000000
    IGNORED: ClassVar[int] = 0x8000  # the watch is gone

    def __init__(self) -> None:
        self._fd = libc.check(_init1(os.O_NONBLOCK | os.O_CLOEXEC), "inotify_init1")

    def __enter__(self) -> "Inotify":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def fileno(self) -> int:
        return self._fd

    def add(self, path: str, mask: int) -> int:
        """The watch's number; the same one again for the same inode, whose mask it replaces."""
        return libc.check(_add_watch(self._fd, os.fsencode(path), mask), path)

    def remove(self, watch: int) -> None:
        """Raises OSError(EINVAL) for a watch that is gone."""
        libc.check(_rm_watch(self._fd, watch), "inotify_rm_watch")

    def read(self) -> list[Change]:
        """Everything that is queued; [] when nothing is."""
        try:
            data = os.read(self._fd, 64 * 1024)
        except BlockingIOError:
            return []
        changes = []
        at = 0
        while at < len(data):
            watch, mask, _cookie, length = _EVENT.unpack_from(data, at)
            at += _EVENT.size
            name = os.fsdecode(data[at : at + length].rstrip(b"\0"))
            at += length
            changes.append(Change(watch, mask, name))
        return changes

    def wait(self, seconds: float) -> bool:
        """Whether something came, at most `seconds` from now; what came is dropped."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        came = bool(poll.poll(max(0.0, seconds) * 1000))
        self.read()
        return came
