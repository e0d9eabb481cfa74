"""The daemon's start: what runs is found again, what ended meanwhile is told, what was half done is undone
or finished. Then restart policies have their turn.

| found                                   | becomes                                                    |
|-----------------------------------------|------------------------------------------------------------|
| a tombstone                             | removed for good                                           |
| a living monitor                        | adopted, with its address and ports                        |
| exit.json newer than the record         | exited with that code, time and OOM flag; `--rm`: removed  |
| "running" on record, and nothing of it  | exited 255, now (a reboot, or everything killed)           |
| a directory without a record            | a create that was never acknowledged: discarded            |
"""

import asyncio
import contextlib
import logging
import os
import signal

from sampan.engine import disks, timestamps
from sampan.engine.containers import (
    cgroups,
    links,
    netrecord,
    pausemark,
    probes,
    republish,
    shm,
    supervise,
    uppers,
)
from sampan.engine.containers.execs import Exec, ExecConfig
from sampan.engine.containers.pause import resume
from sampan.engine.containers.record import Container, Endpoint
from sampan.engine.containers.remove import finish_removal
from sampan.engine.containers.restarts import starts_with_daemon
from sampan.engine.containers.start import launch, running
from sampan.engine.engine import Engine
from sampan.engine.monitorlink import MonitorLink, adopt
from sampan.engine.networks import hanging, reserving, resolving
from sampan.engine.state import State
from sampan.engine.volumes import filling, mounting
from sampan.errors import SampanError
from sampan.runtime import freezer
from sampan.runtime.protocol import Exited

_log = logging.getLogger(__name__)
_AT_ONCE = 32
LOST = 255  # the exit code of what nobody saw end


async def adopt_all(engine: Engine) -> None:
    loaded = await engine.records.load()
    await engine.volumes.load()
    for container in loaded.containers:
        engine.containers.add(container)
    for container in loaded.removing:
        await finish_removal(engine, container)
    await resolving.expect(
        engine, [one for one in loaded.containers if one.status.reserved and reserving.is_expected(one)]
    )
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(container: Container) -> None:
        async with limit:
            await _adopt(engine, container)

    results = await asyncio.gather(*map(one, loaded.containers), return_exceptions=True)
    for container, result in zip(loaded.containers, results, strict=True):
        if isinstance(result, BaseException):
            _log.error("container %s could not be adopted", container.short_id, exc_info=result)
    await resolving.adopted(engine)
    await asyncio.to_thread(links.tell_all_parents, engine)
    await engine.network.sync()
    await mounting.unmount_strays(engine)
    await asyncio.to_thread(filling.recover, engine)
    await _discard_strangers(engine, {*loaded.corrupt})
    await resolving.expect(engine, filter(_comes_back, loaded.containers))
    for container in loaded.containers:
        _apply_policy(engine, container)


async def _adopt(engine: Engine, container: Container) -> None:
    run, data = engine.settings.container_run(container.id), engine.settings.container_data(container.id)
    if uppers.limited(container):
        await asyncio.to_thread(disks.unmount, data)
    outcome = await adopt(run, data, engine.launcher)
    status = container.status
    if isinstance(outcome, MonitorLink):
        _take_over(engine, container, outcome, run)
        with contextlib.suppress(SampanError):  # it has just ended
            await republish.adopted(engine, container)
        if (
            await asyncio.to_thread(freezer.frozen, cgroups.of(container))
            and container.state is State.RUNNING
        ):
            container.become(State.PAUSED)
        if pausemark.take(engine.settings, container.id):
            await resume(engine, container)
    elif isinstance(outcome, Exited) and _is_news(container, outcome):
        status.state = State.RUNNING
        status.started_at = timestamps.parse(outcome.started_at)
        await supervise.finished(engine, container, outcome, launch)
    elif container.running:
        now, began = timestamps.text(timestamps.now()), timestamps.text(status.started_at)
        ended = Exited(container.id, LOST, False, now, began)
        await supervise.finished(engine, container, ended, launch)
    elif status.state is State.RESTARTING:
        supervise.schedule_restart(engine, container, launch)


def _take_over(engine: Engine, container: Container, link: MonitorLink, run: str) -> None:
    endpoints = _with_ports(netrecord.read(run), container.status.endpoints)
    count, stopped = container.status.restart_count, container.status.stopped_by_user
    container.status.state = State.CREATED if not container.running else State.EXITED
    running(container, link.started, endpoints)
    container.status.restart_count, container.status.stopped_by_user = count, stopped
    container.link = link
    engine.network.adopt(container)
    hanging.hold(engine, container)
    mounting.adopt(engine, container)
    for state in link.execs:
        one = Exec(container, ExecConfig(cmd=[]))
        one.id, one.pid, one.started = state.exec_id, state.pid, True
        one.running, one.exit_code = state.running, state.exit_code
        engine.execs.add(one)
        if not one.running:
            engine.execs.retire(one)
    supervise.watch(engine, container, launch)
    probes.begin(engine, container, launch, adopted=True)
    engine.records.save_soon(container)


def _with_ports(found: list[Endpoint], recorded: list[Endpoint]) -> list[Endpoint]:
    """A change of ports is committed to the database, and written to the run directory only afterwards."""
    ports = {one.endpoint_id: one.ports for one in recorded}
    for one in found:
        one.ports = ports.get(one.endpoint_id, one.ports)
    return found


def _is_news(container: Container, exited: Exited) -> bool:
    """exit.json stays until the next start: is it an end that the record does not know of?"""
    known = container.status
    return container.running or timestamps.parse(exited.finished_at) > known.finished_at


async def _discard_strangers(engine: Engine, corrupt: set[str]) -> None:
    """Directories that no record knows. A row that cannot be read keeps its files."""
    settings = engine.settings
    for identity in os.listdir(f"{settings.run_root}/containers"):
        if engine.containers.get(identity) is None and identity not in corrupt:
            await _end_stranger(engine, identity)
    for identity in os.listdir(f"{settings.data_root}/containers"):
        if engine.containers.get(identity) is None and identity not in corrupt:
            await asyncio.to_thread(engine.images.store.discard, settings.container_data(identity))


async def _end_stranger(engine: Engine, identity: str) -> None:
    run, data = engine.settings.container_run(identity), engine.settings.container_data(identity)
    with contextlib.suppress(SampanError, OSError):
        outcome = await adopt(run, data, engine.launcher)
        if isinstance(outcome, MonitorLink):
            await outcome.kill(signal.SIGKILL)
            await outcome.exited()
            outcome.close()
    await asyncio.to_thread(shm.discard_run, run)


def _apply_policy(engine: Engine, container: Container) -> None:
    """As Docker's daemon at its start: `always` starts again even what was stopped by hand."""
    if _comes_back(container):
        engine.tasks.spawn(_start_again(engine, container))
    elif _ended(container) and container.definition.host_config.auto_remove:
        supervise.remove_soon(engine, container)


def _ended(container: Container) -> bool:
    return container.state is State.EXITED and container.has_run


def _comes_back(container: Container) -> bool:
    removed = container.definition.host_config.auto_remove
    return _ended(container) and not removed and starts_with_daemon(container)


async def _start_again(engine: Engine, container: Container) -> None:
    async with container.lock:
        if container.state is not State.EXITED:
            return
        container.status.restart_count, container.status.stopped_by_user = 0, False
        try:
            await launch(engine, container)
        except SampanError as error:
            _log.warning("container %s could not be started: %s", container.short_id, error)
