"""Content by digest: temp file in the same file system, hashed while it is written, renamed into place when
whole.

`ingest/blob-HEX` is what has arrived so far. It outlives a failed transfer (the next one goes on where it
stopped), never content that turned out to be wrong. Whoever works on a digest holds its flight
(`leases.Flights`), so a file has one writer.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress

from sampan.errors import InvalidArgument
from sampan.oci import digest as digests

_CHUNK = 1 << 18


class Mismatch(InvalidArgument):
    """What came is not what was asked for."""


class Ingest:
    """One blob on its way in. `chunks()` hands on what is here and what comes, verified when it ends."""

    def __init__(self, path: str, digest: str, size: int) -> None:
        self.path = path
        self.digest = digest
        self.size = size

    def have(self) -> int:
        """Bytes that are here already; more than the blob has is of no use."""
        try:
            found = os.stat(self.path).st_size
        except FileNotFoundError:
            return 0
        if found > self.size:
            self.discard()
            return 0
        return found

    def chunks(self, fetch: Callable[[int], Iterator[bytes]]) -> Iterator[bytes]:
        """All bytes of the blob in order. `fetch(offset)` gives those from `offset` on.

        Raises Mismatch, the file removed, if they do not have the digest. What `fetch` raises passes, the
        file kept.
        """
        hashed = hashlib.sha256()
        offset = self.have()
        with open(self.path, "ab+") as file:
            file.seek(0)
            while piece := file.read(_CHUNK):
                hashed.update(piece)
                yield piece
            if offset < self.size:
                for piece in fetch(offset):
                    offset += len(piece)
                    if offset > self.size:
                        self._wrong(f"size {offset} or more instead of {self.size}")
                    file.write(piece)
                    hashed.update(piece)
                    yield piece
        if offset != self.size:
            self._wrong(f"size {offset} instead of {self.size}")
        if "sha256:" + hashed.hexdigest() != self.digest:
            self._wrong(f"got sha256:{hashed.hexdigest()}")

    def _wrong(self, what: str) -> None:
        self.discard()
        raise Mismatch(f"filesystem layer verification failed for digest {self.digest}: {what}")

    def discard(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self.path)


class Blobs:
    def __init__(self, directory: str, ingest: str) -> None:
        self._directory = directory
        self._ingest = ingest

    def path(self, digest: str) -> str:
        return os.path.join(self._directory, digests.hex_of(digest))

    def has(self, digest: str) -> bool:
        return os.path.exists(self.path(digest))

    def ingest(self, digest: str, size: int) -> Ingest:
        return Ingest(os.path.join(self._ingest, "blob-" + digests.hex_of(digest)), digest, size)

    def read(self, digest: str, limit: int) -> bytes:
        """A small blob, verified."""
        with open(self.path(digest), "rb") as file:
            data = file.read(limit + 1)
        if digests.of(data) != digest:
            raise Mismatch(f"blob {digest} is damaged")
        return data

    def stored(self, digest: str) -> Iterator[bytes]:
        """The chunks of a blob, verified at the end."""
        hashed = hashlib.sha256()
        with open(self.path(digest), "rb") as file:
            while piece := file.read(_CHUNK):
                hashed.update(piece)
                yield piece
        if "sha256:" + hashed.hexdigest() != digest:
            raise Mismatch(f"blob {digest} is damaged")

    def stage(self, digest: str, data: bytes) -> Ingest:
        """A small blob that is in memory, put beside those that were downloaded."""
        ingest = self.ingest(digest, len(data))
        with open(ingest.path, "wb") as file:
            file.write(data)
        return ingest
