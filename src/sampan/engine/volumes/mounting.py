"""Volumes with options of the local driver: their device is mounted on their directory while it is needed.

In the machine's own mount namespace, as Docker has it: several containers share one tmpfs. Who needs a volume
is known in memory, and again after the daemon's start from the containers that still run; a mount that nobody
holds is taken away then.
"""

import asyncio
import errno
import os
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from sampan.engine import disks
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.engine.volumes import limits
from sampan.engine.volumes.store import Volume
from sampan.errors import Internal, InvalidArgument
from sampan.linux import mount as mounts

_OPTIONS = ("type", "o", "device", "size", "uid", "gid")
_OWN = ("size", "uid", "gid")  # of a directory of ours; uid and gid are not of Docker
_NEEDED = {"device": ("type",), "type": ("device",), "o": ("device", "type")}
# mount(8) → (flags to set, flags to clear) of mount(2)
_FLAGS = {
    "defaults": (0, 0),
    "ro": (mounts.MS_RDONLY, 0),
    "rw": (0, mounts.MS_RDONLY),
    "nosuid": (mounts.MS_NOSUID, 0),
    "suid": (0, mounts.MS_NOSUID),
    "nodev": (mounts.MS_NODEV, 0),
    "dev": (0, mounts.MS_NODEV),
    "noexec": (mounts.MS_NOEXEC, 0),
    "exec": (0, mounts.MS_NOEXEC),
    "sync": (mounts.MS_SYNCHRONOUS, 0),
    "async": (0, mounts.MS_SYNCHRONOUS),
    "noatime": (mounts.MS_NOATIME, 0),
    "atime": (0, mounts.MS_NOATIME),
    "nodiratime": (mounts.MS_NODIRATIME, 0),
    "diratime": (0, mounts.MS_NODIRATIME),
    "relatime": (mounts.MS_RELATIME, 0),
    "norelatime": (0, mounts.MS_RELATIME),
    "strictatime": (mounts.MS_STRICTATIME, 0),
    "nostrictatime": (0, mounts.MS_STRICTATIME),
    "bind": (mounts.MS_BIND, 0),
    "rbind": (mounts.MS_BIND | mounts.MS_REC, 0),
}


def check_options(name: str, options: dict[str, str]) -> None:
    """Docker's refusals of `volume create --opt`. Raises InvalidArgument."""
    for key in options:
        if key not in _OPTIONS:
            raise InvalidArgument(f'create {name}: invalid option: "{key}"')
    for key, others in _NEEDED.items():
        for other in others:
            if key in options and other not in options:
                raise InvalidArgument(f'create {name}: missing required option: "{other}"')
    for key in _OWN:
        if key in options and "device" in options:
            raise InvalidArgument(
                f'create {name}: {key} is not for a volume that has a device: give it in "o"'
            )
    limits.check(name, options)


def mountable(volume: Volume) -> bool:
    return bool(volume.options and (volume.options.get("device") or limits.size(volume)))


async def mount_for(engine: Engine, container: Container) -> None:
    """Before its start. Raises Internal in Docker's words, with nothing held."""
    for volume in _volumes(engine, container):
        await _hold(engine, volume, container.id)


async def unmount_unused(engine: Engine, container: Container) -> None:
    """After its end; what it does not hold is a result."""
    for volume in _volumes(engine, container):
        await _release(engine, volume, container.id)


def adopt(engine: Engine, container: Container) -> None:
    """It runs since before this daemon: its volumes are mounted."""
    for volume in _volumes(engine, container):
        engine.volumes.holders.setdefault(volume.name, set()).add(container.id)


async def unmount_strays(engine: Engine) -> None:
    """At the daemon's start: what the containers that ended meanwhile have left."""
    for volume in engine.volumes:
        if mountable(volume):
            await _release(engine, volume, "")


@asynccontextmanager
async def mounted(engine: Engine, volumes: Iterable[Volume]) -> AsyncIterator[None]:
    """For a look inside without a container."""
    looked_at = [volume for volume in volumes if mountable(volume)]
    holder = f"look {id(looked_at)}"
    for volume in looked_at:
        await _hold(engine, volume, holder)
    try:
        yield
    finally:
        for volume in looked_at:
            await _release(engine, volume, holder)


def _volumes(engine: Engine, container: Container) -> list[Volume]:
    return [
        volume
        for mount in container.definition.mounts
        if mount.kind == "volume" and mount.source in engine.volumes
        if mountable(volume := engine.volumes.get(mount.source))
    ]


async def _hold(engine: Engine, volume: Volume, holder: str) -> None:
    async with engine.volumes.mounting:
        holders = engine.volumes.holders.setdefault(volume.name, set())
        if not holders:
            mount = limits.mount if limits.size(volume) else _mount
            await asyncio.to_thread(mount, volume, engine.volumes.directory(volume.name))
        holders.add(holder)


async def _release(engine: Engine, volume: Volume, holder: str) -> None:
    async with engine.volumes.mounting:
        holders = engine.volumes.holders.get(volume.name, set())
        held = bool(holders)
        holders.discard(holder)
        if not holders and (held or not holder):
            engine.volumes.holders.pop(volume.name, None)
            await asyncio.to_thread(_unmount, engine.volumes.directory(volume.name))


def parse(text: str) -> tuple[int, str]:
    """(flags, data) of the option `o`."""
    flags, data = 0, []
    for word in filter(None, text.split(",")):
        if (change := _FLAGS.get(word)) is not None:
            flags = (flags | change[0]) & ~change[1]
        else:
            data.append(word)
    return flags, ",".join(data)


def _mount(volume: Volume, directory: str) -> None:
    options = volume.options or {}
    device, kind = options["device"], options.get("type", "")
    flags, data = parse(options.get("o", ""))
    _unmount(directory)  # of an earlier daemon
    try:
        mounts.mount(device, directory, kind, flags, _resolved(data))
        if flags & mounts.MS_BIND and flags & ~(mounts.MS_BIND | mounts.MS_REC):  # mount(2): not at once
            mounts.mount("", directory, "", flags & ~mounts.MS_REC | mounts.MS_REMOUNT)
    except OSError as error:
        _unmount(directory)
        shown = ",".join("password=********" if w.startswith("password=") else w for w in data.split(","))
        what = f", flags: {flags:#x}" if flags else ""
        what += f", data: {shown}" if shown else ""
        raise Internal(
            f"error while mounting volume '{directory}': failed to mount local volume: mount"
            f" {device}:{directory}{what}: {os.strerror(error.errno or 0).lower()}"
        ) from None


def _resolved(data: str) -> str:
    """mount(2) of NFS wants an address where people write a name; there is no helper to look it up."""
    return ",".join(map(_resolved_word, data.split(",")))


def _resolved_word(word: str) -> str:
    key, _, value = word.partition("=")
    return f"addr={socket.gethostbyname(value)}" if key == "addr" and value and ":" not in value else word


def _unmount(directory: str) -> None:
    disks.unmount(os.path.dirname(directory))  # where a daemon was killed on the way
    try:
        mounts.umount2(directory, mounts.MNT_DETACH)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOENT):  # not mounted; no directory
            raise
