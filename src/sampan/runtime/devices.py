"""Device nodes and the terminal, in the container's own /dev."""

import fcntl
import os
import stat
import struct
import termios

from sampan.linux import mount
from sampan.linux.mount import DEVPTS_SUPER_MAGIC, MS_PRIVATE
from sampan.runtime import operations as op
from sampan.runtime.failure import invalid, of_system
from sampan.runtime.paths import open_path, open_target
from sampan.runtime.stage import Stage

_TYPES = {"c": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}
_TIOCSPTLCK = 0x40045431
_TIOCGPTPEER = 0x5441  # Linux 4.13: the slave by descriptor, whatever /dev/pts/N may be by then
_UNLOCKED = struct.pack("i", 0)


def make_device(step: op.MakeDevice, stage: Stage) -> None:
    parent, _, name = step.path.rpartition("/")
    mode, device = step.mode | _TYPES[step.kind], os.makedev(step.major, step.minor)
    directory = open_target(stage.root, parent or "/", directory=True)
    try:
        try:
            os.mknod(name, mode, device, dir_fd=directory)
        except FileExistsError:
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if stat.S_IFMT(found.st_mode) != _TYPES[step.kind] or found.st_rdev != device:
                raise invalid(f"{step.path} of the container is in the way of a device") from None
        if step.uid or step.gid:
            os.chown(name, step.uid, step.gid, dir_fd=directory, follow_symlinks=False)
    except OSError as error:
        raise of_system(f"making device {step.path}", error) from None
    finally:
        os.close(directory)


def make_console(step: op.MakeConsole, stage: Stage) -> None:
    slave = open_terminal(stage, step)
    _bind_console(stage, slave)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    os.close(slave)


def open_terminal(stage: Stage, step: op.MakeConsole) -> int:
    """The slave of a new pseudoterminal; the master goes to `stage.console` (CVE-2025-52565)."""
    ptmx = open_path(stage.root, "/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY, ordinary=True)
    if mount.fstatfs_type(ptmx) != DEVPTS_SUPER_MAGIC:
        raise invalid("/dev/pts of the container is not a devpts")
    fcntl.ioctl(ptmx, _TIOCSPTLCK, _UNLOCKED)
    slave = fcntl.ioctl(ptmx, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(ptmx, termios.TIOCSWINSZ, struct.pack("HHHH", step.height, step.width, 0, 0))
    stage.console = ptmx
    return slave


def _bind_console(stage: Stage, slave: int) -> None:
    target = open_target(stage.root, "/dev/console", directory=False, ordinary=False)
    fd = mount.open_tree(slave)
    mount.mount_setattr(fd, propagation=MS_PRIVATE)
    mount.move_mount(fd, target)
    os.close(fd)
    os.close(target)
