"""A build's caches from and for elsewhere: when they are read and written, and what the client is told."""

import threading
from collections.abc import Callable, Mapping

from sampan.build.cache import Record
from sampan.build.graph import Graph, Image, Node, Scratch
from sampan.engine.builds import cache_export
from sampan.engine.builds.builds import Builds
from sampan.engine.builds.cache_import import Imported
from sampan.engine.builds.caches import CacheTarget
from sampan.engine.builds.events import Begun, Ended, Report, Vertex
from sampan.engine.builds.request import Request, credentials_for
from sampan.engine.builds.threads import in_thread
from sampan.engine.engine import Engine
from sampan.errors import Cancelled, SampanError
from sampan.oci import reference as references
from sampan.storage.leases import Lease

_Records = Mapping[int, Record]  # by id() of the node
_INLINE = "BUILDKIT_INLINE_CACHE"


class Caching:
    def __init__(
        self,
        engine: Engine,
        builds: Builds,
        request: Request,
        report: Report,
        vertex: Callable[[str], Vertex],
    ) -> None:
        self._engine = engine
        self._builds = builds
        self._request = request
        self._report = report
        self._vertex = vertex

    async def imported(self, lease: Lease, cancelled: threading.Event) -> Imported:
        """A cache that is not there fails no build: it is said, and the steps are done here."""
        found = Imported(self._engine, self._builds, lease, cancelled)
        for source in self._request.cache_from:
            vertex = self._vertex(f"importing cache manifest from {source.name}")
            self._report(Begun(vertex))
            domain = "" if source.directory else references.parse_canonical(source.reference).domain
            try:
                await in_thread(found.add, source, credentials_for(self._request, domain))
            except Cancelled:
                raise
            except SampanError as error:
                self._report(Ended(vertex, failure=str(error)))
            else:
                self._report(Ended(vertex))
        return found

    async def exported(self, graph: Graph, records: _Records, cancelled: threading.Event) -> list[list[str]]:
        """The keys for the caches that the client takes itself. Raises what a registry says."""
        taken = []
        for target in self._request.cache_to:
            keys = _keys(graph, records, target)
            if target.kind == "local":
                taken.append(keys)
            elif target.kind == "registry":
                await self._push(target, keys, cancelled)
        return taken

    async def _push(self, target: CacheTarget, keys: list[str], cancelled: threading.Event) -> None:
        vertex = self._vertex(f"exporting cache to registry {target.reference}")
        self._report(Begun(vertex))
        domain = references.parse_canonical(target.reference).domain

        def push() -> str:
            known = credentials_for(self._request, domain)
            return cache_export.to_registry(
                self._engine, self._builds, keys, target.reference, known, cancelled=cancelled
            )

        try:
            digest = await in_thread(push)
        except SampanError as error:
            self._report(Ended(vertex, failure=str(error)))
            if not target.optional:
                raise
        else:
            self._report(Ended(vertex, identity=digest.removeprefix("sha256:")))


def inlined(request: Request, graph: Graph, records: _Records) -> list[Record]:
    """What the image itself shall carry."""
    wanted = any(target.kind == "inline" for target in request.cache_to)
    if not wanted and request.arguments.get(_INLINE) != "1":
        return []
    return _below(graph, records)


def _chain(graph: Graph) -> list[Node]:
    """The steps below the target, bottom first."""
    found: list[Node] = []
    node: Node = graph.target.top
    while not isinstance(node, Scratch | Image):
        found.append(node)
        node = node.parent
    return found[::-1]


def _keys(graph: Graph, records: _Records, target: CacheTarget) -> list[str]:
    chosen = records.values() if target.all else _below(graph, records)
    return list(dict.fromkeys(key for record in chosen for key in (record.key, record.chain)))


def _below(graph: Graph, records: _Records) -> list[Record]:
    return [records[id(node)] for node in _chain(graph) if id(node) in records]
