"""`docker logs`: what the monitor has written, and, with follow, what it goes on to write."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import NamedTuple

from sampan.engine.containers import logdrivers
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.engine.logfollow import follow
from sampan.errors import Conflict, InvalidArgument, Unsupported
from sampan.runtime.logreader import LogReader, Record, multiplexed, shown, stamp
from sampan.runtime.logs import clear as clear_files
from sampan.runtime.streams import STDERR, STDOUT


class Wanted(NamedTuple):
    """`since`, `until` in nanoseconds since the epoch; `tail` None: everything."""

    stdout: bool
    stderr: bool
    follow: bool = False
    timestamps: bool = False
    since: int | None = None
    until: int | None = None
    tail: int | None = None
    details: bool = False


def check(container: Container, wanted: Wanted) -> None:
    """Before the answer begins. Raises InvalidArgument, Unsupported."""
    if not (wanted.stdout or wanted.stderr):
        raise InvalidArgument("Bad parameters: you must choose at least one stream")
    log = container.definition.host_config.log_config
    if log.type == "none" or (log.config or {}).get("cache-disabled") == "true":
        raise Unsupported("configured logging driver does not support reading")


async def logs(engine: Engine, container: Container, wanted: Wanted) -> AsyncIterator[bytes]:
    """Pieces of the API's stream: raw for a terminal, multiplexed otherwise."""
    streams = {number for number, on in ((STDOUT, wanted.stdout), (STDERR, wanted.stderr)) if on}
    raw = container.definition.config.tty
    path = _path(engine, container)
    reader = LogReader(path, since=wanted.since, until=wanted.until, tail=wanted.tail)
    stopped = _stopped(container, wanted)
    try:
        async for records in follow(engine.watch, path, reader, stopped):
            chosen = [record for record in records if record.stream in streams]
            if chosen:
                yield _raw(chosen, wanted) if raw else _framed(chosen, wanted)
    finally:
        reader.close()
        if stopped in container.exits:
            container.exits.remove(stopped)  # type: ignore[arg-type]


async def clear(engine: Engine, container: Container) -> None:
    """An addition to Docker: nothing that was written so far is kept. Raises Unsupported as `check`."""
    check(container, Wanted(stdout=True, stderr=True))
    async with container.lock:
        if container.link is not None:
            with suppress(Conflict):  # it has ended at this moment: nobody writes any more
                await container.link.clear_log()
                return
        with suppress(FileNotFoundError):  # it never ran
            await asyncio.to_thread(clear_files, _path(engine, container))


def _stopped(container: Container, wanted: Wanted) -> "asyncio.Future[object]":
    """Done when no more is to come."""
    future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    if wanted.follow and container.running:
        container.exits.append(future)  # type: ignore[arg-type]
    else:
        future.set_result(None)
    return future


def _raw(records: list[Record], wanted: Wanted) -> bytes:
    return b"".join(
        (stamp(record.time) if wanted.timestamps else b"")
        + (shown(record.attributes) if wanted.details else b"")
        + record.line
        for record in records
    )


def _framed(records: list[Record], wanted: Wanted) -> bytes:
    return multiplexed(records, timestamps=wanted.timestamps, details=wanted.details)


def _path(engine: Engine, container: Container) -> str:
    data = engine.settings.container_data(container.id)
    return logdrivers.path(data, container.id, container.definition.host_config.log_config.type)
