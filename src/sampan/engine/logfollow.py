"""Follow logs while they are written: `docker logs -f`, any number at once.

*Async.* One inotify instance for the daemon (a user may have 128); files are read on worker threads.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

from sampan.linux.inotify import Inotify
from sampan.runtime.logreader import LogReader, Record

_CHANGES = Inotify.MODIFY | Inotify.CREATE | Inotify.MOVED_TO


class LogWatch:
    """Close it. Needs a running loop."""

    def __init__(self) -> None:
        self._inotify = Inotify()
        self._waiting: dict[int, set[asyncio.Event]] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._inotify, self._readable)

    def close(self) -> None:
        self._loop.remove_reader(self._inotify)
        self._inotify.close()

    @contextmanager
    def changes(self, directory: Path) -> Iterator[asyncio.Event]:
        """An event that is set whenever a file of the directory was written to, made or renamed."""
        event = asyncio.Event()
        watch = self._inotify.add(str(directory), _CHANGES)
        self._waiting.setdefault(watch, set()).add(event)
        try:
            yield event
        finally:
            self._waiting[watch].discard(event)
            if not self._waiting[watch]:
                del self._waiting[watch]
                self._remove(watch)

    def _remove(self, watch: int) -> None:
        try:
            self._inotify.remove(watch)
        except OSError:  # EINVAL: the directory is gone, and the watch with it
            return

    def _readable(self) -> None:
        for watch in {change.watch for change in self._inotify.read()}:
            for event in self._waiting.get(watch, ()):
                event.set()


async def follow(
    watch: LogWatch, path: str, reader: LogReader, stopped: "asyncio.Future[object]"
) -> AsyncIterator[list[Record]]:
    """What is in the log and what comes, until `stopped` is done and everything before it was read."""
    with watch.changes(Path(path).parent) as changed:
        stopped.add_done_callback(lambda _stopped: changed.set())
        while True:
            last = stopped.done()
            changed.clear()
            batches = reader.batches()
            while (batch := await asyncio.to_thread(next, batches, None)) is not None:
                yield batch
            if last or reader.finished:
                return
            await changed.wait()
