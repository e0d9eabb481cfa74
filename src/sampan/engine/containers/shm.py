"""/dev/shm of a container whose IPC others may join: a tmpfs in its run directory, that they all show.

A mount of one mount namespace cannot be cloned into another (open_tree(2), EINVAL), so it is in the machine's
own, as in Docker; `discard_run` takes it away with the directory. Calm.
"""

import errno
import os

from sampan.linux import mount
from sampan.storage.remove import remove_tree


def make(path: str, size: int) -> None:
    os.mkdir(path, 0o700)
    flags = mount.MS_NOSUID | mount.MS_NODEV | mount.MS_NOEXEC
    mount.mount("shm", path, "tmpfs", flags, f"mode=1777,size={size}")


def drop(run: str) -> None:
    """The container has ended; those who joined keep what they have mounted."""
    try:
        mount.umount2(f"{run}/shm", mount.MNT_DETACH)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOENT):
            raise


def discard_run(run: str) -> None:
    drop(run)
    remove_tree(run)
