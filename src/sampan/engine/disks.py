"""A limit for what is written, on any file system: an ext4 in a sparse file of that size.

The first one of a size costs tens of milliseconds, every further one is a copy of a few hundred kilobytes.
In it are an upper and a work directory for overlayfs; a volume has its files in the upper one. It is mounted
for as long as somebody looks, in the container's own mount namespace or attached nowhere at all, and the loop
device goes with the last mount (`linux.loop`): there is nothing to take away, whoever is killed.
"""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

from sampan.engine.containers.logdrivers import parse_size
from sampan.engine.engine import Engine
from sampan.errors import Internal, InvalidArgument, NotFound, Unsupported
from sampan.linux import loop, mount
from sampan.storage.duplicate import copy_data

UPPER, WORK = "diff", "work"
_MEGA = 1 << 20
_SMALLEST = _MEGA
_LARGEST = 1 << 44  # of ext4 with blocks of 4 KiB
_JOURNALS = ((128, 4), (512, 8), (4096, 16))  # MiB: below that size, that journal
_JOURNAL = 32
_PER_INODE = 16384  # bytes, as mke2fs.conf(5)
_INODE = 256
_RESERVED = 16  # MiB that ext4 keeps at most, or 2 % (fs/ext4/super.c, ext4_calculate_resv_clusters)
_GROUP = 128 * _MEGA
_PER_GROUP = 16384  # bytes: bitmaps and descriptors


class Geometry(NamedTuple):
    """Of a file system with so much room for files."""

    image: int  # bytes
    journal: int  # MiB; 0: none
    inodes: int


def geometry(size: int) -> Geometry:
    """Pure."""
    journal = next((mebi for below, mebi in _JOURNALS if size < below * _MEGA), _JOURNAL)
    inodes = max(size // _PER_INODE, 1024)
    reserved = min(size // 50, _RESERVED * _MEGA)
    groups = size // _GROUP + 1
    own = journal * _MEGA + inodes * _INODE + reserved + groups * _PER_GROUP + _MEGA
    return Geometry(-(-(size + own) // _MEGA) * _MEGA, journal, inodes)


def parse(text: str) -> int:
    """ "2g" → bytes. Raises InvalidArgument."""
    size = parse_size(text)
    if not _SMALLEST <= size <= _LARGEST:
        raise InvalidArgument(f"invalid size: '{text}': at least 1m and at most 16t can be had")
    return size


async def template(engine: Engine, size: int) -> str:
    """The file that disks of this size are copies of. Two who make it at once make the same."""
    place = f"{engine.settings.data_root}/disks"
    path = f"{place}/ext4-{size}.img"
    if await asyncio.to_thread(os.path.exists, path):
        return path
    scratch = await asyncio.to_thread(tempfile.mkdtemp, prefix="new-", dir=place)
    try:
        await _format(engine, scratch, geometry(size))
        await asyncio.to_thread(os.rename, f"{scratch}/image", path)
    finally:
        await asyncio.to_thread(engine.images.store.discard, scratch)
    return path


async def _format(engine: Engine, scratch: str, wanted: Geometry) -> None:
    await asyncio.to_thread(_prepare, scratch, wanted.image)
    extended = "lazy_itable_init=0,lazy_journal_init=1,discard,root_owner=0:0"
    features = "^resize_inode" + ("" if wanted.journal else ",^has_journal")
    arguments = ["-q", "-F", "-b", "4096", "-m", "0", "-I", str(_INODE), "-N", str(wanted.inodes)]
    arguments += ["-J", f"size={wanted.journal}", "-E", extended, "-O", features]
    said = os.memfd_create("mkfs", os.MFD_CLOEXEC)
    try:
        code = await engine.launcher.format(
            [*arguments, "-d", f"{scratch}/root", f"{scratch}/image"], said, said
        )
        if code:
            text = os.pread(said, 4096, 0).decode(errors="replace").strip().replace("\n", " ")
            raise Internal(f"cannot make a disk: mkfs.ext4: {text or f'exit status {code}'}")
    except NotFound:
        raise Unsupported("a disk of limited size needs mkfs.ext4 (e2fsprogs), which is not there") from None
    finally:
        os.close(said)


def _prepare(scratch: str, size: int) -> None:
    os.mkdir(f"{scratch}/root", 0o755)
    for name, mode in ((UPPER, 0o755), (WORK, 0o711)):
        os.mkdir(f"{scratch}/root/{name}")
        os.chmod(f"{scratch}/root/{name}", mode)
    with open(f"{scratch}/image", "xb") as file:
        file.truncate(size)


def make(source: str, directory: str) -> None:
    """DIRECTORY/disk.img, a copy of the template `source`, and the place where it will be mounted. Calm."""
    os.mkdir(place(directory), 0o700)
    with open(source, "rb") as inner, open(image(directory), "xb", buffering=0) as outer:
        os.fchmod(outer.fileno(), 0o600)
        copy_data(inner.fileno(), outer.fileno())


def image(directory: str) -> str:
    return f"{directory}/disk.img"


def place(directory: str) -> str:
    return f"{directory}/disk"


@contextlib.contextmanager
def opened(directory: str) -> Iterator[str]:
    """A path of this process to the root of DIRECTORY's disk, which is mounted nowhere for it. Calm."""
    fd = _mounted(directory)
    try:
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)


@contextlib.contextmanager
def attached(directory: str) -> Iterator[str]:
    """The same on the machine's own tree, for a moment: before Linux 6.15 overlayfs takes no directory, and
    open_tree(2) copies none, of a mount that is attached nowhere. `unmount` takes away what a daemon that was
    killed has left. Calm."""
    fd, target = _mounted(directory), place(directory)
    try:
        at = os.open(target, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            mount.move_mount(fd, at)
        finally:
            os.close(at)
        try:
            yield target
        finally:
            mount.umount2(target, mount.MNT_DETACH)
    finally:
        os.close(fd)


def unmount(directory: str) -> None:
    """Calm."""
    with contextlib.suppress(OSError):  # EINVAL: it is not mounted
        while True:
            mount.umount2(place(directory), mount.MNT_DETACH)


def _mounted(directory: str) -> int:
    try:
        return loop.mounted(image(directory))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        where = f" ({error.filename})" if error.filename else ""
        raise Internal(f"cannot mount the disk {image(directory)}: {reason}{where}") from None
