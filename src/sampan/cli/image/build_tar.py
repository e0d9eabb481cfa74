"""A directory as a tar for a daemon that cannot read it. What `.dockerignore` excludes stays here."""

from __future__ import annotations

import os
import tarfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 256 * 1024


def pieces(directory: str) -> Iterator[bytes]:
    """Owners do not count in a context, and are not sent. The daemon applies the ignore file."""
    for path, name in _walk(directory):
        status = os.lstat(path)
        member = tarfile.TarInfo(name)
        member.mode, member.mtime = status.st_mode & 0o7777, int(status.st_mtime)
        if os.path.islink(path):
            member.type, member.linkname = tarfile.SYMTYPE, os.readlink(path)
        elif os.path.isdir(path):
            member.type = tarfile.DIRTYPE
        elif os.path.isfile(path):
            yield from _file(member, path)
            continue
        else:
            continue  # sockets and the like are nobody's to build from
        yield member.tobuf(tarfile.PAX_FORMAT)
    yield bytes(1024)


def _walk(directory: str) -> Iterator[tuple[str, str]]:
    for here, directories, files in os.walk(directory):
        directories.sort()
        for name in sorted([*directories, *files]):
            path = os.path.join(here, name)
            yield path, os.path.relpath(path, directory)


def _file(member: tarfile.TarInfo, path: str) -> Iterator[bytes]:
    """Exactly as many bytes as the head says, whatever happens to the file meanwhile."""
    with open(path, "rb") as file:
        member.size = left = os.fstat(file.fileno()).st_size
        yield member.tobuf(tarfile.PAX_FORMAT)
        while left:
            piece = file.read(min(_PIECE, left)) or bytes(min(_PIECE, left))
            left -= len(piece)
            yield piece
    yield bytes(-member.size % 512)
