"""The outer tar of `load`: its members go to files, hashed while they are written.

Archives come as streams, with the documents that explain the layers before or behind them. So every regular
member is kept by name, as a file in a workspace of the store; nothing of its path is used on disk. Links
between members, as `docker save` wrote them once for layers that repeat, are followed by name within the
archive.
"""

import hashlib
import os
import posixpath
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sampan.errors import InvalidArgument
from sampan.storage import tar
from sampan.storage.buffer import Buffer
from sampan.storage.decompress import decompress
from sampan.storage.tar import Entry, Limits, TarReader

_DOCUMENT_LIMIT = 20 << 20  # bytes of one JSON document
_MEMBERS = 100_000
_LINKS = 8


class Member(NamedTuple):
    path: str
    digest: str
    size: int


class Archive:
    """`kept` is told of each member that is here as a whole."""

    def __init__(self, directory: str, kept: Callable[[Member], None]) -> None:
        self._directory = directory
        self._kept = kept
        self._members: dict[str, Member] = {}
        self._links: dict[str, str] = {}

    def read(self, chunks: Iterator[bytes], space: int) -> None:
        """Take in the whole stream, plain or compressed; not more than `space` bytes."""
        buffer = Buffer(decompress(chunks))
        reader = TarReader(buffer, Limits(entries=_MEMBERS, total=space))
        for entry in reader:
            name = _name(entry.name)
            if entry.type == tar.REGULAR:
                space -= entry.size
                if space < 0:
                    raise OSError(28, os.strerror(28))
                member = self._members[name] = self._keep(reader, len(self._members))
                self._kept(member)
            elif entry.type in (tar.SYMLINK, tar.HARD_LINK):
                self._links[name] = _target(entry, name)
        buffer.drain()

    def _keep(self, reader: TarReader, number: int) -> Member:
        path = os.path.join(self._directory, str(number))
        hashed = hashlib.sha256()
        size = 0
        with open(path, "xb", buffering=0) as file:
            for piece in reader.data():
                hashed.update(piece)
                size += len(piece)
                left = piece
                while left:
                    left = left[file.write(left) :]
        return Member(path, "sha256:" + hashed.hexdigest(), size)

    def get(self, name: str) -> Member | None:
        name = _name(os.fsencode(name))
        for _ in range(_LINKS):
            if name not in self._links:
                break
            name = self._links[name]
        return self._members.get(name)

    def need(self, name: str) -> Member:
        found = self.get(name)
        if found is None:
            raise InvalidArgument(f"invalid archive: {name} is missing")
        return found

    def document(self, name: str) -> bytes | None:
        """A small member as a whole; None if there is none of that name."""
        found = self.get(name)
        if found is None:
            return None
        if found.size > _DOCUMENT_LIMIT:
            raise InvalidArgument(f"invalid archive: {name} is larger than {_DOCUMENT_LIMIT} bytes")
        with open(found.path, "rb") as file:
            return file.read()


def _name(name: bytes) -> str:
    return posixpath.normpath(os.fsdecode(name)).lstrip("/")


def _target(entry: Entry, name: str) -> str:
    target = os.fsdecode(entry.link)
    if entry.type == tar.SYMLINK:
        target = posixpath.join(posixpath.dirname(name), target)
    return _name(os.fsencode(target))
