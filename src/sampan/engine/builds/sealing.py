"""The digests of a build's large layers: computed while the next steps run, and all known before the image is
named, so that an image has the same id wherever it is built."""

import asyncio
import threading

from sampan.engine.builds.threads import ended, in_thread
from sampan.engine.engine import Engine
from sampan.storage import seal
from sampan.storage.leases import Lease


class Sealing:
    def __init__(self, engine: Engine, lease: Lease, cancelled: threading.Event) -> None:
        self._engine = engine
        self._lease = lease
        self._cancelled = cancelled
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def begin(self, number: int) -> None:
        """Of a layer that the build has just made."""
        if number not in self._tasks:
            self._tasks[number] = asyncio.ensure_future(in_thread(self._seal, number))

    async def finish(self, numbers: list[int]) -> None:
        """Every one of `numbers` has its digest, those that another build had left without one, too."""
        for number in numbers:
            if number in self._tasks:
                await self._tasks[number]
        for number in await asyncio.to_thread(self._pending, numbers):
            await in_thread(self._seal, number)

    async def stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
            await ended(task)

    def _pending(self, numbers: list[int]) -> list[int]:
        layers = self._engine.images.layers
        return [number for number in numbers if (one := layers.numbered(number)) and one.pending]

    def _seal(self, number: int) -> None:
        images = self._engine.images
        layer = images.layers.numbered(number)
        if layer is None or not layer.pending:
            return
        seal.seal(images.store, [layer], self._cancelled)
        sealed = images.layers.numbered(number)
        if sealed is not None:  # what was held under the placeholder is held under its name
            images.layers.has(self._lease, sealed.diff_id)
