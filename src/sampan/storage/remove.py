"""Deletes trees without following anything: no link, and no mount.

`shutil.rmtree` would delete through a mount that was forgotten inside; this refuses to cross one.
"""

import contextlib
import errno
import os
import stat

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(path: str) -> None:
    """Delete `path` and all below; nothing to do where it is missing."""
    parent, name = os.path.split(path.rstrip("/"))
    descriptor = os.open(parent or ".", _DIRECTORY)
    try:
        remove_at(descriptor, os.fsencode(name))
    except FileNotFoundError:
        pass
    finally:
        os.close(descriptor)


def remove_at(parent: int, name: bytes) -> None:
    """Delete `name` in the directory `parent`, whatever it is. EBUSY: something is mounted inside."""
    if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=parent)
        return
    device = os.fstat(parent).st_dev
    _empty(parent, name, device)
    os.rmdir(name, dir_fd=parent)


def _empty(parent: int, name: bytes, device: int) -> None:
    descriptor = os.open(name, _DIRECTORY, dir_fd=parent)
    try:
        if os.fstat(descriptor).st_dev != device:
            raise OSError(errno.EBUSY, "a file system is mounted here", os.fsdecode(name))
        with os.scandir(descriptor) as found:
            entries = [(os.fsencode(entry.name), entry.is_dir(follow_symlinks=False)) for entry in found]
        for inner, is_directory in entries:
            with contextlib.suppress(FileNotFoundError):  # somebody else removes, too: a monitor its socket
                if is_directory:
                    _empty(descriptor, inner, device)
                    os.rmdir(inner, dir_fd=descriptor)
                else:
                    os.unlink(inner, dir_fd=descriptor)
    finally:
        os.close(descriptor)
