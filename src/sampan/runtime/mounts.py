"""Mounts inside the new root, each attached by descriptors on a target that was resolved once."""

import errno
import os
import stat

from sampan.linux import mount
from sampan.linux.mount import AT_RECURSIVE, MOUNT_ATTR_RDONLY, MS_PRIVATE, OPEN_TREE_CLONE
from sampan.runtime import operations as op
from sampan.runtime.copyup import copy_tree
from sampan.runtime.failure import OciError, invalid, of_system
from sampan.runtime.paths import open_path, open_target
from sampan.runtime.stage import Stage

_NULL = os.makedev(1, 3)


def mount_filesystem(step: op.MountFilesystem, stage: Stage) -> None:
    try:
        early = step.attributes & ~MOUNT_ATTR_RDONLY if step.copy_up else step.attributes
        fd = _made(step, early)
        target = open_target(stage.root, step.destination, directory=True, ordinary=step.ordinary)
        if step.copy_up:
            copy_tree(target, fd)
            mount.mount_setattr(fd, set=step.attributes)
        mount.move_mount(fd, target)
        if step.propagation:
            mount.mount_setattr(fd, propagation=step.propagation)
    except OSError as error:
        raise of_system(f'mounting "{step.source}" to rootfs at "{step.destination}"', error) from None
    os.close(target)
    if step.fstype == "proc" and step.destination == "/proc":
        stage.proc = fd
    else:
        os.close(fd)


def _made(step: op.MountFilesystem, attributes: int) -> int:
    try:
        return filesystem(step.fstype, step.source, step.data, attributes)
    except OSError as error:
        data = tuple(map(_wrapped, step.data)) if step.fstype == "devpts" else step.data
        if error.errno != errno.EINVAL or data == step.data:
            raise
        return filesystem(step.fstype, step.source, data, attributes)


def _wrapped(word: str) -> str:
    """Until devpts came to fsparam_gid it took digits alone but read them as an int, by way of a long
    (fs/devpts/inode.c of 6.1: "gid=%u", match_int). A gid above 2^31, which a user namespace's map may well
    hold, is out of range, unless it is written as the unsigned long with the same bits as that int.
    """
    key, _, value = word.partition("=")
    gid = int(value) if key == "gid" and value.isdecimal() else 0
    return f"gid={gid + (1 << 64) - (1 << 32)}" if 1 << 31 <= gid < 1 << 32 else word


def filesystem(fstype: str, source: str, data: tuple[str, ...], attributes: int) -> int:
    """A detached mount. The kernel's own explanation of a refused option goes into the error."""
    context = mount.fsopen(fstype)
    try:
        mount.fsconfig_string(context, "source", source)
        for word in data:
            key, equals, value = word.partition("=")
            if equals:
                mount.fsconfig_string(context, key, value)
            else:
                mount.fsconfig_flag(context, key)
        mount.fsconfig_create(context)
        return mount.fsmount(context, attributes)
    except OSError as error:
        said = mount.fslog(context)
        raise OSError(error.errno, error.strerror, said or error.filename) from None
    finally:
        os.close(context)


def attach_source(step: op.AttachSource, stage: Stage) -> None:
    fd = stage.sources.pop(step.number)
    is_directory = stat.S_ISDIR(os.fstat(fd).st_mode)
    try:
        _prepare(fd, step)
        target = open_target(stage.root, step.destination, directory=is_directory)
        if stat.S_ISDIR(os.fstat(target).st_mode) != is_directory:
            raise _kinds_differ(step.destination)
        mount.move_mount(fd, target)
    except OSError as error:
        raise of_system(f'mounting to rootfs at "{step.destination}"', error) from None
    os.close(target)
    os.close(fd)


def _kinds_differ(destination: str) -> OciError:
    return invalid(
        f'error mounting to rootfs at "{destination}": not a directory: Are you trying to mount a directory '
        "onto a file (or vice-versa)? Check if the specified host path exists and is the expected type"
    )


def _prepare(fd: int, step: op.AttachSource) -> None:
    """While it is attached nowhere."""
    own, below = step.attributes, step.below
    if not step.propagation_recursive:
        mount.mount_setattr(fd, set=own.set, clear=own.clear, propagation=step.propagation)
    else:
        mount.mount_setattr(
            fd, set=below.set, clear=below.clear, propagation=step.propagation, recursive=True
        )
        if own != op.NONE:
            mount.mount_setattr(fd, set=own.set, clear=own.clear)
    if below != op.NONE and not step.propagation_recursive:
        mount.mount_setattr(fd, set=below.set, clear=below.clear, recursive=True)


def mount_cgroups(step: op.MountCgroups, stage: Stage) -> None:
    """Filled first, then made read-only; the tmpfs may be used while it is attached nowhere."""
    tree = filesystem("tmpfs", "tmpfs", ("mode=755",), step.attributes & ~MOUNT_ATTR_RDONLY)
    for name, _ in step.directories:
        os.mkdir(name, 0o755, dir_fd=tree)
    for name, where in step.links:
        os.symlink(where, name, dir_fd=tree)
    if step.attributes & MOUNT_ATTR_RDONLY:
        mount.mount_setattr(tree, set=MOUNT_ATTR_RDONLY)
    target = open_target(stage.root, step.destination, directory=True)
    mount.move_mount(tree, target)
    for name, number in step.directories:
        fd = stage.sources.pop(number)
        mount.mount_setattr(fd, set=step.attributes, propagation=MS_PRIVATE)
        place = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=tree)
        mount.move_mount(fd, place)
        os.close(place)
        os.close(fd)
    os.close(target)
    os.close(tree)


def remount(step: op.Remount, stage: Stage) -> None:
    fd = stage.open(step.destination)
    mount.mount_setattr(fd, set=step.attributes.set, clear=step.attributes.clear)
    os.close(fd)


def symlink(step: op.Symlink, stage: Stage) -> None:
    if step.if_exists:
        try:
            os.close(stage.open(step.if_exists))
        except OSError:
            return
    parent, _, name = step.path.rpartition("/")
    directory = open_target(stage.root, parent or "/", directory=True)
    try:
        os.symlink(step.target, name, dir_fd=directory)
    except FileExistsError:
        pass
    finally:
        os.close(directory)


def readonly_path(step: op.ReadonlyPath, stage: Stage) -> None:
    """A read-only copy of the mount, on itself."""
    if (target := _existing(stage, step.path)) < 0:
        return
    fd = mount.open_tree(target, "", OPEN_TREE_CLONE | AT_RECURSIVE)
    mount.mount_setattr(fd, set=MOUNT_ATTR_RDONLY, propagation=MS_PRIVATE, recursive=True)
    mount.move_mount(fd, target)
    os.close(fd)
    os.close(target)


def mask_path(step: op.MaskPath, stage: Stage) -> None:
    """/dev/null over a file, an empty read-only directory over a directory; what is not there needs none."""
    if (target := _existing(stage, step.path)) < 0:
        return
    if stat.S_ISDIR(os.fstat(target).st_mode):
        _mask_directory(stage, target)
    else:
        fd = mount.open_tree(_null(stage))
        mount.mount_setattr(fd, propagation=MS_PRIVATE)
        mount.move_mount(fd, target)
        os.close(fd)
    os.close(target)


def mask_tree(step: op.MaskTree, stage: Stage) -> None:
    if (target := _existing(stage, step.path)) < 0:
        return
    if not stat.S_ISDIR(os.fstat(target).st_mode):
        raise invalid(f"cannot mask {step.path}: not a directory")
    _mask_directory(stage, target)
    os.close(target)


def _mask_directory(stage: Stage, target: int) -> None:
    """All share one tmpfs: the first attaches it, the others copies (a detached mount cannot be copied
    before Linux 6.15)."""
    if stage.mask < 0:
        stage.mask = filesystem(
            "tmpfs", "tmpfs", ("nr_blocks=1", "nr_inodes=1", "mode=755"), MOUNT_ATTR_RDONLY
        )
        mount.move_mount(stage.mask, target)
        return
    fd = mount.open_tree(stage.mask)
    mount.move_mount(fd, target)
    os.close(fd)


def _null(stage: Stage) -> int:
    """The container's /dev/null, and nothing else that may have that name (CVE-2025-31133)."""
    if stage.null < 0:
        fd = open_path(stage.root, "/dev/null", ordinary=True)
        status = os.fstat(fd)
        if not stat.S_ISCHR(status.st_mode) or status.st_rdev != _NULL:
            raise invalid("cannot mask paths: /dev/null of the container is not the null device")
        stage.null = fd
    return stage.null


def _existing(stage: Stage, path: str) -> int:
    try:
        return stage.open(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return -1
        raise of_system(f"masking {path}", error) from None
