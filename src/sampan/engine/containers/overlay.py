"""The root of a container that does not run, as a detached mount: a descriptor, and nothing on the machine's
own tree (fsmount(2)). It goes with its descriptor."""

import os
import tempfile
from collections.abc import Sequence

from sampan.errors import Internal
from sampan.linux import mount, overlay


def root(lowerdirs: Sequence[str], writable: tuple[str, str] | None, scratch: str) -> int:
    """A descriptor of the merged directory. `lowerdirs`: top first; `writable`: upper and work directory;
    `scratch`: a directory for old kernels, where the mount is visible for a moment."""
    if writable is None and len(lowerdirs) == 1:
        return os.open(lowerdirs[0], os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    upper = () if writable is None else (("upperdir", writable[0]), ("workdir", writable[1]))
    try:
        if overlay.takes_layers_singly():
            return overlay.by_layer(lowerdirs, upper)
        return _by_page(overlay.options(lowerdirs, upper), scratch)
    except OSError as error:
        raise Internal(f"cannot look into the container: {error.strerror}: {error.filename}") from error


def _by_page(options: Sequence[str], scratch: str) -> int:
    """mount(2), a copy of the mount, and the first one is gone again."""
    point = tempfile.mkdtemp(prefix="view-", dir=scratch)
    try:
        overlay.by_page(point, options, overlay.guards())
        try:
            return mount.open_tree(mount.AT_FDCWD, point)
        finally:
            mount.umount2(point, mount.MNT_DETACH)
    finally:
        os.rmdir(point)
