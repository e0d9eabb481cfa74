"""Digests of what a COPY takes: names, kinds, modes and content, never times (nor owners where they do not
count), so that a fresh clone hits the cache.

A file that has not changed is not read again: what was hashed is remembered under its device, inode, size,
mtime and ctime. ctime cannot be set by hand; a file changed so recently that its next change could have the
same ctime is not remembered (the "racy" case of git's index).
"""

import hashlib
import os
import stat
import threading
import time
from collections.abc import Iterable, Sequence

from sampan.build.views import Found, View, open_file, read_link

_CHUNK = 1 << 20
_TICK = 20_000_000  # nanoseconds: twice the coarsest clock that the kernel stamps with (CONFIG_HZ=100)
_COARSE = 2_000_000_000  # where a file system keeps no fractions of a second
_REMEMBERED = 400_000  # files

_Key = tuple[int, int, int, int, int]


class Hashes:
    """Thread-safe."""

    def __init__(self) -> None:
        self._files: dict[_Key, bytes] = {}
        self._trees: dict[bytes, bytes] = {}
        self._lock = threading.Lock()

    def file(self, view: View, found: Found) -> bytes:
        key = _key(found.status)
        known = self._files.get(key)
        return known if known is not None else self._read(view, found)

    def _read(self, view: View, found: Found) -> bytes:
        hashed = hashlib.sha256()
        fd = open_file(view, found.path)
        try:
            before = os.fstat(fd)
            while piece := os.read(fd, _CHUNK):
                hashed.update(piece)
            digest = hashed.digest()
            self.remember(before, os.fstat(fd), digest)
        finally:
            os.close(fd)
        return digest

    def remember(self, before: os.stat_result, after: os.stat_result, digest: bytes) -> None:
        key = _key(after)
        if key != _key(before) or _is_racy(after.st_ctime_ns):
            return
        with self._lock:
            while len(self._files) >= _REMEMBERED:
                del self._files[next(iter(self._files))]
            self._files[key] = digest

    def tree(self, fingerprint: bytes) -> bytes | None:
        """The digest of a tree whose every file looks as it did."""
        return self._trees.get(fingerprint)

    def remember_tree(self, fingerprint: bytes, digest: bytes) -> None:
        with self._lock:
            while len(self._trees) >= 256:
                del self._trees[next(iter(self._trees))]
            self._trees[fingerprint] = digest


def _is_racy(ctime: int) -> bool:
    """Whether a change right now could leave the same time behind."""
    is_fine = ctime % 1_000_000 != 0
    return time.time_ns() - ctime < (_TICK if is_fine else _COARSE)


def _key(status: os.stat_result) -> _Key:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def digest(view: View, entries: Sequence[Found], hashes: Hashes, *, owners: bool) -> bytes:
    """Of a file, or of a directory (the first entry) with everything that is to be copied of it."""
    top = entries[0]
    fingerprint, youngest = _fingerprint(entries, top.path, owners=owners)
    known = hashes.tree(fingerprint)
    if known is not None:
        return known
    found = _content(view, entries, top.path, hashes, owners=owners)
    if not _is_racy(youngest):
        hashes.remember_tree(fingerprint, found)
    return found


def _fingerprint(entries: Iterable[Found], top: str, *, owners: bool) -> tuple[bytes, int]:
    """Of what stat(2) says about all of them; and the latest ctime among them."""
    youngest, rows = 0, []
    for path, status in entries:
        ctime = status.st_ctime_ns
        youngest = max(youngest, ctime)
        rows.append(
            f"{path}\0{status.st_mode}\0{status.st_dev}\0{status.st_ino}\0{status.st_size}\0{status.st_mtime_ns}"
            f"\0{ctime}\0{status.st_uid}\0{status.st_gid}\n"
        )
    text = f"{top}\0{owners}\n" + "".join(rows)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest(), youngest


def _content(view: View, entries: Iterable[Found], top: str, hashes: Hashes, *, owners: bool) -> bytes:
    hashed = hashlib.sha256()
    cut = len(top) + 1 if top else 0
    for found in entries:
        status = found.status
        name = found.path[cut:] if found.path != top else ""
        owner = f"\0{status.st_uid}\0{status.st_gid}" if owners else ""
        hashed.update(f"{name}\0{status.st_mode:o}{owner}\0".encode("utf-8", "surrogateescape"))
        if stat.S_ISREG(status.st_mode):
            hashed.update(hashes.file(view, found))
        elif stat.S_ISLNK(status.st_mode):
            hashed.update(os.fsencode(read_link(view, found.path)))
        elif stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
            hashed.update(str(status.st_rdev).encode())
        hashed.update(b"\n")
    return hashed.digest()
