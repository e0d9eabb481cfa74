"""Whom the files of a mount belong to: shown otherwise (an idmapped mount), or changed for good. In the
child.

An idmapped mount leaves the disk alone: who looks through it sees other owners, and what is written through
it gets the ones of the disk (mount_setattr(2), MOUNT_ATTR_IDMAP).
"""

import errno
import os
import stat

from sampan.linux import mount
from sampan.runtime import operations as op
from sampan.runtime.failure import OciError, invalid
from sampan.runtime.stage import Stage

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def show_as(fd: int, user_namespace: int, step: op.OpenSource) -> None:
    """`fd`: a detached mount. Raises OciError in one line."""
    try:
        mount.idmap(fd, user_namespace, recursive=step.recursive)
    except OSError as error:
        raise _cannot_map(step.path, error) from None


def _cannot_map(path: str, error: OSError) -> OciError:
    reason = (error.strerror or "").lower()
    if error.errno == errno.ENOSYS:
        reason = "idmapped mounts need Linux 5.12"
    elif error.errno == errno.EINVAL:
        reason = f"this kernel has no idmapped mounts of its file system ({_file_system(path)})"
    elif error.errno == errno.EPERM:
        reason = "it is an idmapped mount already, or of a file system that was mounted in a user namespace"
    return invalid(f"cannot map the owners of {path}: {reason}")


def _file_system(path: str) -> str:
    """Its type, from the host's procfs (proc_pid_mountinfo(5))."""
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as file:
                number = next(line.split()[1] for line in file if line.startswith("mnt_id:"))
        finally:
            os.close(fd)
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            fields = next(line.split() for line in file if line.split()[0] == number)
        return fields[fields.index("-") + 1]
    except (OSError, StopIteration, ValueError, IndexError):
        return "unknown"


def chown_source(step: op.ChownSource, stage: Stage) -> None:
    assert stage.owner is not None
    uid, gid = stage.owner()
    if step.ids is not None:
        uid, gid = step.ids.uid(uid), step.ids.gid(gid)
    fd = stage.sources.pop(step.number)
    try:
        chown_tree(fd, uid, gid)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise invalid(f"cannot change the owners of {step.path}: {reason}") from None
    finally:
        os.close(fd)


def chown_tree(fd: int, uid: int, gid: int) -> None:
    """A file, or a directory with everything below it on this mount. Whoever writes there meanwhile cannot
    lead us elsewhere: every name is looked at in a directory that is open, and no link is followed. What has
    gone since is no error. Raises OSError."""
    if stat.S_ISDIR(os.fstat(fd).st_mode):
        _chown_below(os.open(".", _DIRECTORY, dir_fd=fd), uid, gid)
    _chown(os.fstat(fd), f"/proc/self/fd/{fd}", uid, gid, link=True)


def _chown_below(directory: int, uid: int, gid: int) -> None:
    try:
        for name in os.listdir(directory):
            try:
                status = os.stat(name, dir_fd=directory, follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    _chown_below(os.open(name, _DIRECTORY, dir_fd=directory), uid, gid)
                _chown(status, name, uid, gid, directory=directory)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                if error.errno != errno.ELOOP:  # a directory that has become a link
                    raise
    finally:
        os.close(directory)


def _chown(
    status: os.stat_result, name: str, uid: int, gid: int, *, directory: int | None = None, link: bool = False
) -> None:
    """Only what is another's: a change takes away set-user-ID bits, and writes (chown(2))."""
    if (status.st_uid, status.st_gid) != (uid, gid):
        os.chown(name, uid, gid, dir_fd=directory, follow_symlinks=link)
