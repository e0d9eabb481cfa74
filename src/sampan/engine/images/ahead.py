"""Unpacks the layers of an archive while the rest of it still comes: what explains the layers may stand
before or behind them, so whatever looks like one is unpacked, and thrown away if it turns out to be none.
Calm.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from sampan.engine.cancelling import until
from sampan.engine.images.archive import Member
from sampan.engine.images.images import Images
from sampan.errors import InvalidArgument
from sampan.storage.decompress import compression
from sampan.storage.leases import EitherEvent, Lease

_PARALLEL = 2
_LEAST = 1 << 20  # bytes; what is smaller is not worth a thread
_PIECE = 1 << 20
_USTAR = slice(257, 262)


class Ahead:
    """A context; what was staged and is not wanted goes with the lease."""

    def __init__(self, images: Images, lease: Lease, cancelled: threading.Event) -> None:
        self._images = images
        self._lease = lease
        self._cancelled = EitherEvent(cancelled)
        self._pool = ThreadPoolExecutor(_PARALLEL, "load")
        self._work: dict[str, Future[str]] = {}  # by the digest of the member

    def __enter__(self) -> "Ahead":
        return self

    def __exit__(self, *_: object) -> None:
        self._cancelled.set()
        self._pool.shutdown(cancel_futures=True)

    def offer(self, member: Member) -> None:
        """It is here as a whole."""
        if member.size < _LEAST or member.digest in self._work:
            return
        with open(member.path, "rb") as file:
            first = file.read(512)
        packed = compression(first)
        if packed or first[_USTAR] == b"ustar":
            self._work[member.digest] = self._pool.submit(self._unpack, member, plain=not packed)

    def unpacked(self, member: Member, diff_id: str) -> bool:
        """Waits for it; from then on the layer is staged, or was there before. False: it was not offered.
        Raises what went wrong."""
        work = self._work.get(member.digest)
        if work is None:
            return False
        found = work.result()
        if found != diff_id:
            raise InvalidArgument(
                f"layers from manifest don't match image configuration: expected {diff_id}, got {found}"
            )
        return True

    def _unpack(self, member: Member, *, plain: bool) -> str:
        layers, flights = self._images.layers, self._images.store.flights
        if plain:
            with flights.alone("layer:" + member.digest, self._cancelled):
                if layers.has(self._lease, member.digest):
                    return member.digest
                return layers.unpack(self._lease, self._chunks(member), member.digest, verified=True)
        known = self._images.records.diff_id_of(member.digest)
        if known and layers.has(self._lease, known):
            return known
        return layers.unpack(self._lease, self._chunks(member), None)

    def _chunks(self, member: Member) -> Iterator[bytes]:
        with open(member.path, "rb", buffering=0) as file:
            yield from until(iter(partial(file.read, _PIECE), b""), self._cancelled)
