"""The commit of a container that runs: a second copy of its upper directory, taken while it is frozen."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator

from sampan.engine.containers import commit_layer, pausemark, uppers
from sampan.engine.containers import pause as pausing
from sampan.engine.containers.commit_layer import Plan
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.engine.state import State
from sampan.errors import Conflict, Internal
from sampan.storage import taken
from sampan.storage.duplicate import duplicate
from sampan.storage.extract import Unpacked
from sampan.storage.layers import Staged
from sampan.storage.leases import Lease
from sampan.storage.taken import Measured


async def commit(engine: Engine, container: Container, plan: Plan, *, freeze: bool) -> str:
    store = engine.images.store
    workspace = await asyncio.to_thread(store.workspace, "commit")
    try:
        async with _frozen(engine, container, freeze=freeze):
            found = await asyncio.to_thread(_copy, engine, container, workspace)
        if container.dying_or_gone:  # what was removed meanwhile is missing in the copy
            raise Conflict(f"You cannot commit container {container.id} which is being removed")
        return await asyncio.to_thread(_record, engine, container, plan, workspace, found)
    finally:
        await asyncio.to_thread(store.discard, workspace)


@contextlib.asynccontextmanager
async def _frozen(engine: Engine, container: Container, *, freeze: bool) -> AsyncIterator[None]:
    """A daemon that is killed in between leaves a mark, by which the next one thaws the container."""
    if not freeze or container.state is not State.RUNNING:
        yield
        return
    with pausemark.marked(engine.settings, container.id):
        frozen = await _froze(engine, container)
        try:
            yield
        finally:
            if frozen:
                await pausing.resume(engine, container)


async def _froze(engine: Engine, container: Container) -> bool:
    """False: it has just ended, or somebody else paused it. That is no reason not to commit."""
    try:
        await pausing.pause(engine, container)
    except Conflict:
        return False
    return True


def _copy(engine: Engine, container: Container, workspace: str) -> Measured:
    target = f"{workspace}/diff"
    os.mkdir(target, 0o700)
    try:
        with uppers.opened(engine, container) as directories:
            found = duplicate(directories[0], target)
    except OSError as error:
        raise Internal(
            f"cannot copy the container's files: {(error.strerror or str(error)).lower()}"
        ) from error
    commit_layer.clear_mount_points(target)
    return found


def _record(engine: Engine, container: Container, plan: Plan, workspace: str, found: Measured) -> str:
    directory = f"{workspace}/diff"
    with engine.images.store.leases.open() as lease:
        new = _stage(engine, lease, workspace, found) if os.listdir(directory) else None
        return commit_layer.record(engine, container, plan, new, lambda _sql: None)


def _stage(engine: Engine, lease: Lease, workspace: str, found: Measured) -> str:
    known = commit_layer.look_at(f"{workspace}/diff")
    opaque = taken.is_opaque(f"{workspace}/diff")
    engine.images.layers.stage(
        lease,
        Staged(
            known.diff_id,
            workspace,
            Unpacked(found.size, found.entries, opaque),
            pending=known.pending,
            tar=known.tar,
            unsynced=engine.facts.boot_id,
        ),
    )
    return known.diff_id
