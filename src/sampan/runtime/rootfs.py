"""The root: overlay or bind, and the pivot into it. In the child, in its new mount namespace."""

import os
from collections.abc import Sequence

from sampan.linux import capability, loop, mount, overlay, process
from sampan.linux.mount import AT_FDCWD, AT_RECURSIVE, MS_PRIVATE, MS_REC, OPEN_TREE_CLONE
from sampan.linux.openat2 import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, openat2
from sampan.runtime import operations as op
from sampan.runtime import ownership
from sampan.runtime.failure import OciError, invalid
from sampan.runtime.protocol import Rootfs
from sampan.runtime.stage import Stage

_PAGE = 4095  # mount(2): data is one page, with its NUL
_LAYERS = 500  # OVL_MAX_STACK
_STRING = 255  # fs/fsopen.c: strndup_user(…, 256)


def open_source(step: op.OpenSource, stage: Stage) -> None:
    flags = OPEN_TREE_CLONE | (AT_RECURSIVE if step.recursive else 0)
    if step.subpath:
        base = os.open(step.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        stage.sources[step.number] = _open_below(base, step.path, step.subpath, flags)
        os.close(base)
    else:
        stage.sources[step.number] = mount.open_tree(AT_FDCWD, step.path, flags)
    if step.ids is not None:
        ownership.show_as(stage.sources[step.number], stage.mapped[step.ids], step)


def open_layers(step: op.OpenLayers, stage: Stage) -> None:
    """It is attached for a moment: before Linux 6.15 nothing below a detached mount can be copied."""
    anchor = _attach_overlay(step.lowerdirs, (), step.anchor)
    subpath = step.subpath or "."
    stage.sources[step.number] = _open_below(anchor, "the image", subpath, OPEN_TREE_CLONE)
    os.close(anchor)
    mount.umount2(step.anchor, mount.MNT_DETACH)


def _open_below(base: int, name: str, subpath: str, flags: int) -> int:
    """Whoever else writes there cannot lead us out, nor change it between the look and the mount."""
    try:
        fd = openat2(base, os.fsencode(subpath), os.O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise invalid(f"cannot access path {name}/{subpath}: {reason}") from None
    tree = mount.open_tree(fd, "", flags)
    os.close(fd)
    return tree


def make_private(_step: op.MakePrivate, _stage: Stage) -> None:
    mount.mount("", "/", "", MS_REC | MS_PRIVATE)


def attach_disk(step: op.AttachDisk, stage: Stage) -> None:
    place = os.open(step.path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    mount.move_mount(stage.disk, place)
    os.close(place)


def open_disk(wanted: Rootfs) -> int:
    """A detached mount of its own file system. Raises OciError."""
    try:
        return loop.mounted(wanted.disk)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        reason = f"{(error.strerror or str(error)).lower()}{where}"
        raise OciError("Internal", f"cannot mount the container's disk {wanted.disk}: {reason}") from None


def mount_overlay(step: op.MountOverlay, stage: Stage) -> None:
    writable = (("upperdir", step.upperdir), ("workdir", step.workdir))
    if step.idmapped:
        stage.new_root = stage.root = _attach_idmapped(step, writable, stage.user_namespace)
        return
    lowerdirs = _with_machine_apart(step.lowerdirs, step.anchor)
    stage.new_root = stage.root = _attach_overlay(lowerdirs, writable, step.anchor)


def _attach_idmapped(step: op.MountOverlay, writable: Sequence[tuple[str, str]], user_namespace: int) -> int:
    """overlayfs works in its upper directory as who has mounted it: that must be one whom the idmapped mount
    knows. setfsuid(2) takes powers over files from the effective set, and leaves them in the permitted."""
    if "/" in step.lowerdirs:  # nothing can be mounted over it for a path that starts there
        raise invalid("the machine itself as an image has no other ids: use --userns host")
    both = os.path.commonpath((step.upperdir, step.workdir))  # they must be of one mount
    for path in (*step.lowerdirs, both):
        _idmap_in_place(path, user_namespace)
    owner = os.stat(step.upperdir)
    process.setfsids(owner.st_uid, owner.st_gid)
    try:
        _, permitted, _ = capability.capget()
        capability.capset(permitted, permitted, 0)
        return _attach_overlay(step.lowerdirs, writable, step.anchor)
    finally:
        process.setfsids(0, 0)


def _idmap_in_place(path: str, user_namespace: int) -> None:
    """Over itself, in this mount namespace: overlayfs takes its layers by path."""
    fd = mount.open_tree(AT_FDCWD, path, OPEN_TREE_CLONE)
    mount.idmap(fd, user_namespace)
    target = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    mount.move_mount(fd, target)
    os.close(target)
    os.close(fd)


def _attach_overlay(lowerdirs: Sequence[str], writable: Sequence[tuple[str, str]], anchor: str) -> int:
    """On the directory `anchor`: the overlay's root."""
    if len(lowerdirs) > _LAYERS:
        raise invalid(f"an image of {len(lowerdirs)} layers: overlayfs takes {_LAYERS}")
    if not overlay.takes_layers_singly():
        _overlay_by_page(lowerdirs, writable, anchor)
        return os.open(anchor, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    root = overlay.by_layer(lowerdirs, writable, _set_path)
    place = os.open(anchor, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    mount.move_mount(root, place)
    os.close(place)
    return root


def _with_machine_apart(lowerdirs: Sequence[str], anchor: str) -> Sequence[str]:
    """Layers on top of the machine itself: they lie below `/`, and overlayfs takes no lower directory that is
    inside another (fs/overlayfs/super.c, ovl_check_layer: ELOOP). So `/` becomes an overlay of its own first,
    with nothing on it, at the anchor: only what is mounted in this namespace can be a lower directory."""
    if len(lowerdirs) < 2 or lowerdirs[-1] != "/":
        return lowerdirs
    mount.mount("tmpfs", anchor, "tmpfs", 0, "size=4k")
    os.close(_attach_overlay((anchor, "/"), (), anchor))
    return (*lowerdirs[:-1], anchor)


def _set_path(context: int, key: str, path: str) -> None:
    """A string of fsconfig(2) ends at 255 bytes; a longer path is named from its parent. Looked up at once
    (fs/overlayfs/params.c, ovl_parse_layer)."""
    if len(os.fsencode(path)) <= _STRING:
        mount.fsconfig_string(context, key, path)
        return
    parent, name = os.path.split(path)
    os.chdir(parent)
    try:
        mount.fsconfig_string(context, key, name)
    finally:
        os.chdir("/")


def _overlay_by_page(lowerdirs: Sequence[str], writable: Sequence[tuple[str, str]], anchor: str) -> None:
    """mount(2), the layers named from their common directory to make them short."""
    common = os.path.commonpath(lowerdirs) if len(lowerdirs) > 1 else os.path.dirname(lowerdirs[0])
    os.chdir(common)
    relative = [path[len(common) :].lstrip("/") or "." for path in lowerdirs]
    options, guards = overlay.options(relative, writable), overlay.guards()
    if len(os.fsencode(",".join(options + guards))) > _PAGE:
        guards = []
    if len(os.fsencode(",".join(options))) > _PAGE:
        raise invalid(f"an image of {len(lowerdirs)} layers does not fit this kernel's mount options")
    try:
        overlay.by_page(anchor, options, guards)
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
