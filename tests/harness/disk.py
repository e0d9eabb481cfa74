"""What a daemon has on disk and says that it has; and where the two contradict each other."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from harness.scene import Scene, names

# Directories whose content is a user's or an image's, the cache of compiled filters, and that of empty disks.
_CLOSED = ("layers/*/diff", "containers/*/diff", "containers/*/work", "volumes/*/_data", "seccomp", "disks")

_ROWS = {
    "container": "SELECT id FROM containers",
    "volume": "SELECT name FROM volumes",
    "image": "SELECT id FROM images",
    "tag": "SELECT repository || ':' || tag FROM tags",
    "digest": "SELECT repository || '@' || digest FROM digests",
    "layer": "SELECT id FROM layers",
    "layer's holder": "SELECT layer || ' ' || holder FROM layer_holders",
    "blob": "SELECT digest FROM blobs",
}

_UNREFERENCED = {
    "blob": "SELECT digest FROM blobs WHERE digest NOT IN (SELECT digest FROM image_blobs)",
    "layer": "SELECT id FROM layers WHERE id NOT IN (SELECT layer FROM image_layers)"
    " AND id NOT IN (SELECT layer FROM layer_holders)",
    "layer's holder": "SELECT holder FROM layer_holders WHERE holder NOT IN (SELECT id FROM containers)",
}


def files(scene: Scene) -> Iterator[str]:
    """But the database, and parts of blobs: the store keeps those for a week, to go on from there."""
    for root in (scene.daemon.run, scene.daemon.data):
        for path in _walk(root):
            if not path.name.startswith("sampan.db") and not path.match("ingest/blob-*"):
                yield str(path.relative_to(scene.daemon.root))


def _walk(root: Path) -> Iterator[Path]:
    """Not recursive, and as deep as a path may be long: some tests make trees that are deeper."""
    waiting = [root]
    while waiting:
        here = waiting.pop()
        with contextlib.suppress(OSError):
            for entry in os.scandir(here):
                path = Path(entry.path)
                yield path
                if entry.is_dir(follow_symlinks=False) and not any(map(path.match, _CLOSED)):
                    waiting.append(path)


def rows(scene: Scene) -> Iterator[str]:
    for kind, question in _ROWS.items():
        yield from (f"{kind} {row[0]}" for row in scene.rows(question))


def told(scene: Scene) -> Iterator[str]:
    """By the API: containers, volumes, and addresses given away."""
    daemon = scene.daemon
    if daemon.process is None:
        return
    for one in daemon.get("/containers/json?all=1"):
        yield f"container {one['Id'][:12]} {one['Names'][0]}"
    yield from (f"volume {one['Name']}" for one in daemon.get("/volumes")["Volumes"] or ())
    for identity, endpoint in daemon.get("/networks/bridge")["Containers"].items():
        yield f"address {endpoint['IPv4Address']} of {identity[:12]}"


def contradictions(scene: Scene) -> Iterator[str]:
    """Rows without their object, objects without their row, and what nobody refers to."""
    for kind, question in _UNREFERENCED.items():
        yield from (f"{kind} {row[0]} that nobody refers to" for row in scene.rows(question))
    data = scene.daemon.data
    for kind, directory in (("container", "containers"), ("volume", "volumes"), ("layer", "layers")):
        known = {str(row[0]) for row in scene.rows(_ROWS[kind])}
        # Layer 0 is the empty directory below images without layers.
        yield from _mismatch(kind, names(data / directory) - ({"0"} if kind == "layer" else set()), known)
    blobs = {row[0].removeprefix("sha256:") for row in scene.rows(_ROWS["blob"])}
    yield from _mismatch("blob", names(data / "blobs/sha256"), blobs)


def _mismatch(kind: str, objects: set[str], known: set[str]) -> Iterator[str]:
    yield from (f"{kind} {name} without a row" for name in objects - known)
    yield from (f"row of {kind} {name} without the thing" for name in known - objects)
