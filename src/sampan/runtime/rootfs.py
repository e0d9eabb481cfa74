"""The root: overlay or bind, and the pivot into it. In the child, in its new mount namespace."""

import errno
import os

from sampan.linux import mount
from sampan.linux.mount import AT_FDCWD, AT_RECURSIVE, MS_PRIVATE, MS_REC, OPEN_TREE_CLONE
from sampan.runtime import operations as op
from sampan.runtime.failure import invalid
from sampan.runtime.stage import Stage

# Features that a hostile layer could use through its xattrs (fs/overlayfs, "trusted.overlay.*").
_GUARDS = (("metacopy", "off"), ("redirect_dir", "nofollow"))
_PAGE = 4095  # mount(2): data is one page, with its NUL
_LAYERS = 500  # OVL_MAX_STACK


def open_source(step: op.OpenSource, stage: Stage) -> None:
    flags = OPEN_TREE_CLONE | (AT_RECURSIVE if step.recursive else 0)
    stage.sources[step.number] = mount.open_tree(AT_FDCWD, step.path, flags)


def make_private(_step: op.MakePrivate, _stage: Stage) -> None:
    mount.mount("", "/", "", MS_REC | MS_PRIVATE)


def mount_overlay(step: op.MountOverlay, stage: Stage) -> None:
    if len(step.lowerdirs) > _LAYERS:
        raise invalid(f"an image of {len(step.lowerdirs)} layers: overlayfs takes {_LAYERS}")
    if _takes_layers_singly():
        root = _overlay_by_layer(step)
        anchor = os.open(step.anchor, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        mount.move_mount(root, anchor)
        os.close(anchor)
    else:
        _overlay_by_page(step)
        root = os.open(step.anchor, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    stage.new_root = stage.root = root


def _takes_layers_singly() -> bool:
    """ "lowerdir+" came with Linux 6.8. Before 6.5 overlayfs had no parser of its own for fsconfig(2): it
    would take the word, and refuse the mount with a line in the kernel's log."""
    major, minor, *_ = os.uname().release.split(".")
    return (int(major), int(minor.split("-")[0])) >= (6, 8)


def _overlay_by_layer(step: op.MountOverlay) -> int:
    context = mount.fsopen("overlay")
    try:
        mount.fsconfig_string(context, "source", "overlay")
        for path in step.lowerdirs:
            mount.fsconfig_string(context, "lowerdir+", path)
        mount.fsconfig_string(context, "upperdir", step.upperdir)
        mount.fsconfig_string(context, "workdir", step.workdir)
        for key, value in _GUARDS:
            _if_known(context, key, value)
        try:
            mount.fsconfig_create(context)
        except OSError as error:
            raise OSError(error.errno, error.strerror, mount.fslog(context) or "overlay") from None
        return mount.fsmount(context)
    finally:
        os.close(context)


def _if_known(context: int, key: str, value: str) -> None:
    try:
        mount.fsconfig_string(context, key, value)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise


def _overlay_by_page(step: op.MountOverlay) -> None:
    """mount(2), the layers named from their common directory to make them short."""
    common = (
        os.path.commonpath(step.lowerdirs) if len(step.lowerdirs) > 1 else os.path.dirname(step.lowerdirs[0])
    )
    os.chdir(common)
    relative = [path[len(common) :].lstrip("/") or "." for path in step.lowerdirs]
    lower = ":".join(path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,") for path in relative)
    options = [
        f"lowerdir={lower}",
        "upperdir=" + step.upperdir.replace("\\", "\\\\").replace(",", "\\,"),
        "workdir=" + step.workdir.replace("\\", "\\\\").replace(",", "\\,"),
    ]
    guards = [f"{key}={value}" for key, value in _GUARDS]
    if len(os.fsencode(",".join(options + guards))) > _PAGE:
        guards = []
    if len(os.fsencode(",".join(options))) > _PAGE:
        raise invalid(f"an image of {len(step.lowerdirs)} layers does not fit this kernel's mount options")
    try:
        mount.mount("overlay", step.anchor, "overlay", 0, ",".join(options + guards))
    except OSError as error:
        if error.errno != errno.EINVAL or not guards:
            raise
        mount.mount("overlay", step.anchor, "overlay", 0, ",".join(options))
    finally:
        os.chdir("/")


def bind_root(step: op.BindRoot, stage: Stage) -> None:
    stage.new_root = mount.open_tree(AT_FDCWD, step.path, OPEN_TREE_CLONE | AT_RECURSIVE)
    mount.mount_setattr(stage.new_root, propagation=MS_PRIVATE, recursive=True)
    anchor = os.open(step.anchor, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    mount.move_mount(stage.new_root, anchor)
    os.close(anchor)
    stage.root = stage.new_root  # until the pivot


def pivot(_step: op.Pivot, stage: Stage) -> None:
    """The old root ends on top of the new one at "/", and is taken from there (pivot_root(2), Notes)."""
    os.fchdir(stage.new_root)
    mount.pivot_root(".", ".")
    mount.umount2(".", mount.MNT_DETACH)
    os.chdir("/")
    os.close(stage.new_root)
    stage.root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def readonly_root(_step: op.ReadonlyRoot, stage: Stage) -> None:
    mount.mount_setattr(stage.root, set=mount.MOUNT_ATTR_RDONLY)


def root_propagation(step: op.RootPropagation, stage: Stage) -> None:
    mount.mount_setattr(stage.root, propagation=step.flags)
