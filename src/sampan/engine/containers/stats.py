"""`docker stats`: once a second one worker thread reads the counters of all containers that somebody watches.

A watcher always gets the newest sample: one that is slow misses some, and nobody waits for it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from sampan.engine import timestamps
from sampan.engine.containers import cgroups
from sampan.engine.containers.record import Container
from sampan.engine.facts import Facts
from sampan.runtime import cgroup_stats
from sampan.runtime.cgroup import Cgroup

Sample = dict[str, Any]
_SECOND = 1.0
_NEVER = "0001-01-01T00:00:00Z"


class _Watcher:
    """`sample` None: the container is gone."""

    def __init__(self) -> None:
        self.sample: Sample | None = None
        self.ready = asyncio.Event()


class Sampler:
    """One for the engine; it runs while somebody watches."""

    def __init__(self) -> None:
        self._watchers: dict[Container, set[_Watcher]] = {}
        self._task: asyncio.Task[None] | None = None

    async def watch(self, container: Container, facts: Facts) -> AsyncGenerator[Sample, None]:
        """A sample each second, also while it does not run, until it is removed."""
        watcher = _Watcher()
        self._watchers.setdefault(container, set()).add(watcher)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(facts))
        try:
            while True:
                await watcher.ready.wait()
                watcher.ready.clear()
                if watcher.sample is None:
                    return
                yield watcher.sample
        finally:
            watchers = self._watchers[container]
            watchers.discard(watcher)
            if not watchers:
                del self._watchers[container]

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self, facts: Facts) -> None:
        loop = asyncio.get_running_loop()
        while self._watchers:
            deadline = loop.time() + _SECOND
            watched = list(self._watchers)
            samples = await sample(watched, facts)
            for container, found in zip(watched, samples, strict=True):
                for watcher in self._watchers.get(container, ()):
                    watcher.sample = None if container.dying_or_gone else found
                    watcher.ready.set()
            await asyncio.sleep(deadline - loop.time())


async def sample(containers: list[Container], facts: Facts) -> list[Sample]:
    """Of each, now; what does not run has zeros."""
    running = [container for container in containers if container.running]
    places = [(cgroups.of(container), _namespace(container)) for container in running]
    found = await asyncio.to_thread(_read_all, places, facts.memory) if places else []
    by_container = dict(zip(running, found, strict=True))
    return [_whole(container, by_container.get(container)) for container in containers]


def _read_all(places: list[tuple[Cgroup, int]], memory: int) -> list[tuple[int, dict[str, Any] | None]]:
    whole = cgroup_stats.machine(memory)
    return [(timestamps.now(), cgroup_stats.read(cgroup, pid, whole)) for cgroup, pid in places]


def _namespace(container: Container) -> int:
    """/proc/PID/net tells of another namespace without going there; of the host's we do not tell."""
    host = container.definition.host_config
    return 0 if host.network_mode in ("host", "none") else container.status.pid


def _whole(container: Container, found: tuple[int, dict[str, Any] | None] | None) -> Sample:
    head = {"name": f"/{container.name}", "id": container.id}
    if found is None or found[1] is None:
        return {**head, "read": _NEVER, **cgroup_stats.nothing()}
    return {**head, "read": timestamps.text(found[0]), **found[1]}


async def stream(sampler: Sampler, container: Container, facts: Facts) -> AsyncGenerator[Sample, None]:
    """Each sample with the one before it, from which clients compute a share of the CPU."""
    before: Sample | None = None
    async with contextlib.aclosing(sampler.watch(container, facts)) as samples:
        async for found in samples:
            yield paired(found, before)
            before = found


async def once(sampler: Sampler, container: Container, facts: Facts, *, primed: bool) -> Sample:
    """`primed`: with a first one a second earlier; at once where nothing runs."""
    if primed and container.running:
        seen = 0
        async with contextlib.aclosing(stream(sampler, container, facts)) as samples:
            async for found in samples:
                seen += 1
                if seen == 2:
                    return found
    return paired((await sample([container], facts))[0], None)


def paired(found: Sample, before: Sample | None) -> Sample:
    shown = {}
    for name, value in found.items():
        shown[name] = value
        if name == "read":
            shown["preread"] = before["read"] if before else _NEVER
        elif name == "cpu_stats":
            shown["precpu_stats"] = before["cpu_stats"] if before else cgroup_stats.no_cpu()
    return shown
