"""Attributes of files on ext4 and its like (ioctl_iflags(2)), and syncing one file system."""

import ctypes
import fcntl
import os
import struct

from sampan.linux.libc import bind, check

# _IOR('f', 1, long), _IOW('f', 2, long); the kernel reads and writes an int all the same.
FS_IOC_GETFLAGS = 0x80006601 | struct.calcsize("l") << 16
FS_IOC_SETFLAGS = 0x40006602 | struct.calcsize("l") << 16
FS_TOPDIR_FL = 0x00020000

_syncfs = bind("syncfs", ctypes.c_int, ctypes.c_int)


def set_topdir(path: str) -> bool:
    """Mark a directory whose subdirectories have nothing to do with each other (chattr +T).

    ext4 then spreads them over its block groups; without it, creating files soon after deleting many
    is 10 to 20 times slower. False where the file system has no such attribute.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flags = struct.unpack("i", fcntl.ioctl(descriptor, FS_IOC_GETFLAGS, struct.pack("i", 0)))[0]
        fcntl.ioctl(descriptor, FS_IOC_SETFLAGS, struct.pack("i", flags | FS_TOPDIR_FL))
    except OSError:  # ENOTTY, EOPNOTSUPP, EPERM: an optimization only
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def syncfs(path: str) -> None:
    """Put all that was written to the file system of `path` on disk; tells of errors since 5.8."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        check(_syncfs(descriptor), path)
    finally:
        os.close(descriptor)


def fsync_directory(path: str) -> None:
    """The names in `path` are on disk, after a rename into it for instance."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
