"""The commit of a container that does not run: its upper directory is renamed. Calm; the caller holds the
container's lock."""

import contextlib
import os
from sqlite3 import Connection

import msgspec

from sampan.engine.containers import commit_layer
from sampan.engine.containers.commit_layer import Plan
from sampan.engine.containers.record import Container, Definition
from sampan.engine.engine import Engine
from sampan.storage import taken as layers_taken
from sampan.storage.leases import Lease
from sampan.storage.recover import give_back
from sampan.storage.taken import Known, Taken


def commit(engine: Engine, container: Container, plan: Plan) -> str:
    store = engine.images.store
    upper = f"{engine.settings.container_data(container.id)}/diff"
    commit_layer.clear_mount_points(upper)
    known = commit_layer.look_at(upper) if os.listdir(upper) else None
    with store.leases.open() as lease, contextlib.ExitStack() as undo:
        taken = None
        if known is not None and not engine.images.layers.has(lease, known.diff_id):
            taken = _take(engine, lease, upper, known, undo)
        definition = _after(engine, container, taken)

        def also(sql: Connection) -> None:
            if taken is not None:
                layers_taken.settle(sql, taken)
                engine.images.layers.hold(sql, container.id, [taken.number])
                body = msgspec.json.encode(definition)
                sql.execute("UPDATE containers SET definition = ? WHERE id = ?", (body, container.id))

        image_id = commit_layer.record(engine, container, plan, known.diff_id if known else None, also)
        undo.pop_all()
    container.definition = definition
    container.size = None
    return image_id


def _take(engine: Engine, lease: Lease, upper: str, known: Known, undo: contextlib.ExitStack) -> Taken:
    store = engine.images.store
    taken = layers_taken.take(store, lease, upper, known, engine.facts.boot_id)
    undo.callback(give_back, store.root, store.database, taken.number, upper)
    return taken


def _after(engine: Engine, container: Container, taken: Taken | None) -> Definition:
    """The same content was there already (`taken` None): the container keeps its directory."""
    definition = container.definition
    if taken is None:
        return definition
    lowerdirs = [engine.images.store.layer_path(taken.number), *definition.lowerdirs]
    return msgspec.structs.replace(definition, lowerdirs=lowerdirs, own=definition.own + 1)
