"""Loop devices (loop(4)): a file with a file system in it, mounted and attached nowhere.

The device is set up to go with its last user (LO_FLAGS_AUTOCLEAR), so there is none to take away, whoever is
killed. Two devices for one file would destroy what is in it: a file that has one gets that, and a lock on the
file keeps everybody else out meanwhile.
"""

import errno
import fcntl
import os
import stat
import struct

from sampan.linux import mount

LOOP_CONFIGURE = 0x4C0A  # Linux 5.8
LOOP_GET_STATUS64 = 0x4C05
LOOP_CTL_GET_FREE = 0x4C82
LO_FLAGS_AUTOCLEAR = 4
LO_FLAGS_DIRECT_IO = 16
INFO64 = struct.Struct("=QQQQQIIII64s64s32s2Q")  # struct loop_info64
CONFIG = struct.Struct(f"=II{INFO64.size}s8Q")  # struct loop_config
_ATTEMPTS = 64  # others may be faster to take a free one
_NAME = 63  # bytes of lo_file_name without its NUL


def mounted(image: str, fstype: str = "ext4", options: tuple[str, ...] = ("discard",)) -> int:
    """A detached mount of the file system in the file `image`; all of them are of one file system. It goes
    with its descriptor, or where it was attached to. Raises OSError."""
    lock = os.open(image, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # not of the file that the device gets: it would keep the lock
        device, path = _device_of(lock) or _attached(image)
        try:
            return _mounted(fstype, path, options)
        finally:
            os.close(device)
    finally:
        os.close(lock)


def _mounted(fstype: str, device: str, options: tuple[str, ...]) -> int:
    context = mount.fsopen(fstype)
    try:
        mount.fsconfig_string(context, "source", device)
        for option in options:
            mount.fsconfig_flag(context, option)
        mount.fsconfig_create(context)
        return mount.fsmount(context)
    except OSError as error:
        said = mount.fslog(context)
        raise OSError(error.errno, error.strerror, said or device) from None
    finally:
        os.close(context)


def _device_of(file: int) -> tuple[int, str] | None:
    """Open, so that it stays: (descriptor, path) of the one that has the file already."""
    wanted = os.fstat(file)
    for name in os.listdir("/sys/block"):
        if not name.startswith("loop") or not os.path.exists(f"/sys/block/{name}/loop"):
            continue
        try:
            device = os.open(f"/dev/{name}", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        found = status(device)
        if found == (wanted.st_dev, wanted.st_ino):
            return device, f"/dev/{name}"
        os.close(device)
    return None


def status(device: int) -> tuple[int, int] | None:
    """(st_dev, st_ino) of the file that it shows; None: it has none, or is about to lose it."""
    buffer = bytearray(INFO64.size)
    try:
        fcntl.ioctl(device, LOOP_GET_STATUS64, buffer)
    except OSError:  # ENXIO
        return None
    fields = INFO64.unpack(buffer)
    return decoded(fields[0]), fields[1]


def decoded(device: int) -> int:
    """lo_device is huge_encode_dev (include/linux/kdev_t.h), and stat(2) gives new_encode_dev: the same for
    all majors and minors that there are."""
    major, minor = (device & 0xFFF00) >> 8, (device & 0xFF) | ((device >> 12) & 0xFFF00)
    return os.makedev(major, minor)


def _attached(image: str) -> tuple[int, str]:
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    file = os.open(image, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for _ in range(_ATTEMPTS):
            path = f"/dev/loop{fcntl.ioctl(control, LOOP_CTL_GET_FREE)}"
            device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                configure(device, file, image)
            except OSError as error:
                os.close(device)
                if error.errno != errno.EBUSY:
                    raise OSError(error.errno, error.strerror, path) from None
            else:
                return device, path
    finally:
        os.close(file)
        os.close(control)
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), "/dev/loop-control")


def configure(device: int, file: int, name: str) -> None:
    """Show `file`, without a second cache where its file system allows that. Raises OSError(EBUSY) for a
    device that is taken."""
    assert stat.S_ISREG(os.fstat(file).st_mode)
    flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO
    shown = os.fsencode(name)[-_NAME:]
    info = INFO64.pack(0, 0, 0, 0, 0, 0, 0, 0, flags, shown, b"", b"", 0, 0)
    try:
        fcntl.ioctl(device, LOOP_CONFIGURE, CONFIG.pack(file, 0, info, *[0] * 8))
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        info = INFO64.pack(0, 0, 0, 0, 0, 0, 0, 0, LO_FLAGS_AUTOCLEAR, shown, b"", b"", 0, 0)
        fcntl.ioctl(device, LOOP_CONFIGURE, CONFIG.pack(file, 0, info, *[0] * 8))
