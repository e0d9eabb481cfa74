"""Mounts by file descriptor: the mount API of Linux 5.2 and mount_setattr(2) of 5.12.

Everything is close-on-exec. A descriptor that a function returns is the caller's.
"""

import ctypes
import os

from sampan.linux import libc

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000
AT_SYMLINK_NOFOLLOW = 0x100
OPEN_TREE_CLONE = 1
MOVE_MOUNT_F_EMPTY_PATH = 0x4
MOVE_MOUNT_T_EMPTY_PATH = 0x40

MOUNT_ATTR_RDONLY = 0x1
MOUNT_ATTR_NOSUID = 0x2
MOUNT_ATTR_NODEV = 0x4
MOUNT_ATTR_NOEXEC = 0x8
MOUNT_ATTR__ATIME = 0x70
MOUNT_ATTR_RELATIME = 0x0
MOUNT_ATTR_NOATIME = 0x10
MOUNT_ATTR_STRICTATIME = 0x20
MOUNT_ATTR_NODIRATIME = 0x80
MOUNT_ATTR_IDMAP = 0x100000  # Linux 5.12; layers of overlayfs: 5.19
MOUNT_ATTR_NOSYMFOLLOW = 0x200000
MOUNT_ATTR_IDMAP = 0x100000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_SYNCHRONOUS = 0x10
MS_REMOUNT = 0x20
MS_NOATIME = 0x400
MS_NODIRATIME = 0x800
MS_BIND = 0x1000
MS_REC = 0x4000
MS_UNBINDABLE = 0x20000
MS_PRIVATE = 0x40000
MS_SLAVE = 0x80000
MS_SHARED = 0x100000
MS_RELATIME = 0x200000
MS_STRICTATIME = 0x1000000
MNT_DETACH = 2

PROC_SUPER_MAGIC = 0x9FA0
DEVPTS_SUPER_MAGIC = 0x1CD1
CGROUP2_SUPER_MAGIC = 0x63677270

_FSCONFIG_SET_FLAG = 0
_FSCONFIG_SET_STRING = 1
_FSCONFIG_CMD_CREATE = 6
_FSOPEN_CLOEXEC = 1
_FSMOUNT_CLOEXEC = 1
_OPEN_TREE_CLOEXEC = os.O_CLOEXEC
_EMPTY_BOTH = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH


class MountAttr(ctypes.Structure):
    """struct mount_attr (mount_setattr(2)), MOUNT_ATTR_SIZE_VER0."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


class Statfs(ctypes.Structure):
    """struct statfs of the 64-bit architectures (statfs(2)); only `f_type` is read."""

    _fields_ = [("f_type", ctypes.c_long), ("rest", ctypes.c_long * 15)]


_fsopen = libc.raw("fsopen", ctypes.c_char_p, ctypes.c_uint)
_fsconfig = libc.raw("fsconfig", ctypes.c_int, ctypes.c_uint, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int)
_fsmount = libc.raw("fsmount", ctypes.c_int, ctypes.c_uint, ctypes.c_uint)
_move_mount = libc.raw(
    "move_mount", ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint
)
_open_tree = libc.raw("open_tree", ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
_mount_setattr = libc.raw(
    "mount_setattr",
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.c_uint,
    ctypes.POINTER(MountAttr),
    ctypes.c_size_t,
)
_mount = libc.bind(
    "mount",
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_ulong,
    ctypes.c_char_p,
)
_umount2 = libc.bind("umount2", ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
_pivot_root = libc.raw("pivot_root", ctypes.c_char_p, ctypes.c_char_p)
_fstatfs = libc.bind("fstatfs", ctypes.c_int, ctypes.c_int, ctypes.POINTER(Statfs))


def fsopen(fstype: str) -> int:
    """Raises OSError(ENODEV) for a filesystem that the kernel does not have."""
    return libc.check(_fsopen(os.fsencode(fstype), _FSOPEN_CLOEXEC), fstype)


def fsconfig_string(fd: int, key: str, value: str) -> None:
    result = _fsconfig(fd, _FSCONFIG_SET_STRING, os.fsencode(key), os.fsencode(value), 0)
    libc.check(result, f"{key}={value}")


def fsconfig_flag(fd: int, key: str) -> None:
    libc.check(_fsconfig(fd, _FSCONFIG_SET_FLAG, os.fsencode(key), None, 0), key)


def fsconfig_create(fd: int) -> None:
    libc.check(_fsconfig(fd, _FSCONFIG_CMD_CREATE, None, None, 0), "fsconfig")


def fsmount(fd: int, attributes: int = 0) -> int:
    """A detached mount of the filesystem that `fd` configured; `attributes` are MOUNT_ATTR_*."""
    return libc.check(_fsmount(fd, _FSMOUNT_CLOEXEC, attributes), "fsmount")


def fslog(fd: int) -> str:
    """What the kernel said about the configuration so far ("e overlay: …"); "" when it said nothing."""
    lines = []
    try:
        while line := os.read(fd, 512):
            lines.append(os.fsdecode(line).strip()[2:])
    except OSError:  # ENODATA: no more
        pass
    return "; ".join(lines)


def move_mount(fd: int, target: int) -> None:
    """Attach the detached mount `fd` on the file or directory `target` (both descriptors)."""
    libc.check(_move_mount(fd, b"", target, b"", _EMPTY_BOTH), "move_mount")


def open_tree(directory: int, path: str = "", flags: int = OPEN_TREE_CLONE) -> int:
    """A detached copy of the mount at `path` (add AT_RECURSIVE for those below); "": `directory` itself."""
    extra = 0 if path else AT_EMPTY_PATH
    return libc.check(_open_tree(directory, os.fsencode(path), flags | extra | _OPEN_TREE_CLOEXEC), path)


def mount_setattr(
    fd: int, *, set: int = 0, clear: int = 0, propagation: int = 0, recursive: bool = False
) -> None:
    """Change the mount that `fd` is the root of. Raises OSError(ENOSYS) before Linux 5.12."""
    attributes = MountAttr(set, clear, propagation, 0)
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    result = _mount_setattr(fd, b"", flags, ctypes.byref(attributes), ctypes.sizeof(attributes))
    libc.check(result, "mount_setattr")


def mount_idmapped(fd: int, namespace: int) -> None:
    """Map the owners of the detached mount `fd` as the user namespace `namespace` does. Raises OSError:
    ENOSYS before Linux 5.12, EINVAL for a file system that does not know it."""
    attributes = MountAttr(MOUNT_ATTR_IDMAP, 0, 0, namespace)
    result = _mount_setattr(fd, b"", AT_EMPTY_PATH, ctypes.byref(attributes), ctypes.sizeof(attributes))
    libc.check(result, "mount_setattr")


def idmap(fd: int, user_namespace: int, *, recursive: bool = False) -> None:
    """Show the detached mount `fd` with its ids as that user namespace maps them. Raises OSError(EINVAL)
    where the file system cannot."""
    attributes = MountAttr(MOUNT_ATTR_IDMAP, 0, 0, user_namespace)
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    result = _mount_setattr(fd, b"", flags, ctypes.byref(attributes), ctypes.sizeof(attributes))
    libc.check(result, "mount_setattr")


def mount(source: str, target: str, fstype: str, flags: int, data: str = "") -> None:
    """mount(2): for propagation, and for what the descriptors cannot do on old kernels."""
    libc.check(
        _mount(os.fsencode(source), os.fsencode(target), os.fsencode(fstype), flags, os.fsencode(data)),
        target,
    )


def umount2(target: str, flags: int) -> None:
    libc.check(_umount2(os.fsencode(target), flags), target)


def pivot_root(new_root: str, put_old: str) -> None:
    libc.check(_pivot_root(os.fsencode(new_root), os.fsencode(put_old)), new_root)


def fstatfs_type(fd: int) -> int:
    """The magic number of the filesystem that `fd` lives on."""
    buffer = Statfs()
    libc.check(_fstatfs(fd, ctypes.byref(buffer)), "fstatfs")
    return int(buffer.f_type)
