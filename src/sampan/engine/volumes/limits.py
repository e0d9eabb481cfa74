"""`volume create -o size=… -o uid=… -o gid=…`: how much goes into a volume, and whose it is. Calm.

A volume of limited size has a disk (`engine.disks`), of which one directory is shown at the volume's own.
That is mounted while a container has it, like a device that was named; looking into it needs no such mount.
"""

import contextlib
import os
from collections.abc import Iterator

from sampan.engine import disks
from sampan.engine.engine import Engine
from sampan.engine.volumes.store import Volume
from sampan.errors import Internal, InvalidArgument
from sampan.linux import mount as mounts
from sampan.storage import walk

_LAST = 2**32 - 2


def check(name: str, options: dict[str, str]) -> None:
    """Raises InvalidArgument."""
    if "size" in options:
        disks.parse(options["size"])
    for key in ("uid", "gid"):
        text = options.get(key, "0")
        if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= _LAST):
            raise InvalidArgument(f"create {name}: invalid option: {key}={text} is no ID")


def size(volume: Volume) -> int:
    """Bytes; 0: as much as the machine has."""
    text = (volume.options or {}).get("size", "")
    return disks.parse(text) if text else 0


def owner(volume: Volume) -> tuple[int, int] | None:
    """Who was asked for; -1 for a part that was not (chown(2))."""
    options = volume.options or {}
    if "uid" not in options and "gid" not in options:
        return None
    return int(options.get("uid", "-1")), int(options.get("gid", "-1"))


def prepare(engine: Engine, volume: Volume, template: str) -> None:
    """A new one. `template`: of its disk, if it has one."""
    home = engine.volumes.home(volume.name)
    if template:
        disks.make(template, home)
    if (asked := owner(volume)) is not None:
        with opened(engine, volume) as directory:
            os.chown(directory, *asked)


@contextlib.contextmanager
def opened(engine: Engine, volume: Volume) -> Iterator[str]:
    """A path of this process to what is in it."""
    if not size(volume):
        yield engine.volumes.directory(volume.name)
        return
    with disks.opened(engine.volumes.home(volume.name)) as root:
        yield f"{root}/{disks.UPPER}"


def used(engine: Engine, volume: Volume) -> int:
    """Bytes."""
    with opened(engine, volume) as directory:
        return walk.usage(directory)


def mount(_volume: Volume, directory: str) -> None:
    """Show its disk at the volume's own directory."""
    home = os.path.dirname(directory)
    try:
        with disks.attached(home) as root:
            tree = mounts.open_tree(mounts.AT_FDCWD, f"{root}/{disks.UPPER}")
        target = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            mounts.move_mount(tree, target)
        finally:
            os.close(target)
            os.close(tree)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise Internal(f"error while mounting volume '{directory}': {reason}") from None
