"""The root of a container that does not run, as a detached mount: a descriptor, and nothing on the machine's
own tree (fsmount(2)). It goes with its descriptor."""

import errno
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress

from sampan.errors import Internal
from sampan.linux import mount

_GUARDS = (("metacopy", "off"), ("redirect_dir", "nofollow"))  # as runtime.rootfs
_LOWER_BY_LOWER = (6, 8)  # Linux


def root(lowerdirs: Sequence[str], writable: tuple[str, str] | None, scratch: str) -> int:
    """A descriptor of the merged directory. `lowerdirs`: top first; `writable`: upper and work directory;
    `scratch`: a directory for old kernels, where the mount is visible for a moment."""
    if writable is None and len(lowerdirs) == 1:
        return os.open(lowerdirs[0], os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _release() >= _LOWER_BY_LOWER:
            return _detached(lowerdirs, writable)
        return _by_page(lowerdirs, writable, scratch)
    except OSError as error:
        raise Internal(f"cannot look into the container: {error.strerror}: {error.filename}") from error


def _release() -> tuple[int, int]:
    major, minor, *_ = os.uname().release.split(".")
    return int(major), int(minor.split("-")[0])


def _detached(lowerdirs: Sequence[str], writable: tuple[str, str] | None) -> int:
    context = mount.fsopen("overlay")
    try:
        mount.fsconfig_string(context, "source", "overlay")
        for path in lowerdirs:
            mount.fsconfig_string(context, "lowerdir+", path)
        if writable is not None:
            mount.fsconfig_string(context, "upperdir", writable[0])
            mount.fsconfig_string(context, "workdir", writable[1])
        for key, value in _GUARDS:
            with suppress(OSError):
                mount.fsconfig_string(context, key, value)
        try:
            mount.fsconfig_create(context)
        except OSError as error:
            raise OSError(error.errno, error.strerror, mount.fslog(context) or "overlay") from None
        return mount.fsmount(context)
    finally:
        os.close(context)


def _by_page(lowerdirs: Sequence[str], writable: tuple[str, str] | None, scratch: str) -> int:
    """mount(2), a copy of the mount, and the first one is gone again."""
    options = ["lowerdir=" + ":".join(_quoted(path).replace(":", "\\:") for path in lowerdirs)]
    if writable is not None:
        options += [f"upperdir={_quoted(writable[0])}", f"workdir={_quoted(writable[1])}"]
    guards = [f"{key}={value}" for key, value in _GUARDS]
    point = tempfile.mkdtemp(prefix="view-", dir=scratch)
    try:
        try:
            mount.mount("overlay", point, "overlay", 0, ",".join(options + guards))
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            mount.mount("overlay", point, "overlay", 0, ",".join(options))
        try:
            return mount.open_tree(mount.AT_FDCWD, point)
        finally:
            mount.umount2(point, mount.MNT_DETACH)
    finally:
        os.rmdir(point)


def _quoted(path: str) -> str:
    return path.replace("\\", "\\\\").replace(",", "\\,")
