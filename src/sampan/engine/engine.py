"""The parts of one engine, gathered for the verbs. Verbs are functions elsewhere; this holds no logic."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sampan.engine.containers.stats import Sampler
from sampan.engine.events import Bus
from sampan.engine.facts import Facts
from sampan.engine.logfollow import LogWatch
from sampan.engine.network import NetworkFloor
from sampan.engine.networks.known import Known
from sampan.engine.networks.store import Networks
from sampan.engine.records import Records
from sampan.engine.registry import Registry
from sampan.engine.runner import Launcher
from sampan.engine.settings import Settings
from sampan.engine.subids import Remap

if TYPE_CHECKING:
    from sampan.engine.builds.builds import Builds
    from sampan.engine.containers.execs import Execs
    from sampan.engine.images.images import Images
    from sampan.engine.volumes.store import Volumes

_log = logging.getLogger(__name__)
# Health checks that are being started at a time: hundreds may fall due together, and a start is what costs.
PROBE_STARTS = 8


class Tasks:
    """What runs on its own behalf; a failure is logged, never lost."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a background task failed", exc_info=error)

    def cancel(self) -> None:
        for task in self._running:
            task.cancel()


@dataclass(frozen=True)
class Engine:
    settings: Settings
    facts: Facts
    containers: Registry
    records: Records
    images: "Images"
    volumes: "Volumes"
    execs: "Execs"
    builds: "Builds"
    bus: Bus
    network: NetworkFloor
    networks: Networks
    launcher: Launcher
    watch: LogWatch
    nofile: tuple[int, int]  # RLIMIT_NOFILE before the daemon raised its own
    remap: Remap | None = None  # of the ids of containers, but those with --userns host
    tasks: Tasks = field(default_factory=Tasks)
    known: Known = field(default_factory=Known)
    sampler: Sampler = field(default_factory=Sampler)
    gate: "asyncio.Semaphore" = field(default_factory=lambda: asyncio.Semaphore(PROBE_STARTS))
