"""Carries a graph out: what the target needs and nothing else, each node once, independent ones at the same
time, from the cache where everything that counts is as it was."""

import asyncio
import contextlib
import os
import secrets
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from sampan.build import graph as graphs
from sampan.build import keys
from sampan.build.cache import New, Record
from sampan.build.graph import (
    BoundMount,
    Copy,
    Graph,
    Image,
    Inline,
    Input,
    Local,
    MakeDirectory,
    Node,
    Run,
    Scratch,
)
from sampan.build.views import DirectoryView, View
from sampan.build.writing import clamp
from sampan.engine.builds import copy, debug, fetch, run
from sampan.engine.builds import made as mades
from sampan.engine.builds.builds import Builds
from sampan.engine.builds.cache_import import Imported
from sampan.engine.builds.context import Contexts
from sampan.engine.builds.copy import Origin
from sampan.engine.builds.events import Begun, Ended, Output, Report, Running, Vertex
from sampan.engine.builds.fetch import Fetched
from sampan.engine.builds.made import Made
from sampan.engine.builds.mounts import Mounting
from sampan.engine.builds.request import Request, StepFailed
from sampan.engine.builds.sealing import Sealing
from sampan.engine.builds.threads import in_thread
from sampan.engine.engine import Engine
from sampan.engine.images import images as engine_images
from sampan.errors import Cancelled, Forbidden, SampanError
from sampan.storage.leases import Lease
from sampan.storage.remove import remove_tree

_PARALLEL = 8  # steps that run at the same time
_CONSTANT_TIME = 0
_HOST_SIGNS = ("/", "/etc", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/opt", "/var/lib/dpkg/status")
_Make = Callable[[], Awaitable[str]]


@dataclass(frozen=True)
class Work:
    """One build. `images`: by the id that the graph has; `workspace`: in ingest, `private`: in memory."""

    engine: Engine
    builds: Builds
    request: Request
    graph: Graph
    images: dict[str, engine_images.Image]
    contexts: Contexts
    lease: Lease
    workspace: str
    private: str
    epoch: int | None
    report: Report
    vertices: dict[int, Vertex]  # by id() of the step
    imported: Imported
    cancelled: threading.Event = field(default_factory=threading.Event)


class Solver:
    def __init__(self, work: Work) -> None:
        self._work = work
        self._tasks: dict[int, asyncio.Task[Made]] = {}
        self._fetches: dict[int, asyncio.Task[Fetched]] = {}
        self._limit = asyncio.Semaphore(_PARALLEL)
        self._sealing = Sealing(work.engine, work.lease, work.cancelled)
        self._steps = {
            id(step.node): (stage, step)
            for stage in work.graph.stages
            for step in stage.steps
            if step.node is not None
        }
        self._no_cache = {
            id(step.node)
            for stage in work.graph.stages
            for step in stage.steps
            if self._is_uncached(stage.name)
        }
        self.made: dict[int, Made] = {}  # by id() of the node
        self.empty: set[int] = set()  # nodes that changed nothing
        self.records: dict[int, Record] = {}  # by id() of the node
        self._own: dict[str, Record] = {}
        self.used: list[str] = []  # keys that were found in the cache

    def _is_uncached(self, stage: str) -> bool:
        request = self._work.request
        return request.no_cache or stage in request.no_cache_for

    async def solve(self) -> Made:
        """The target's file system, its digests known. When it raises, nothing runs any more."""
        try:
            for stage in self._work.graph.stages:
                self._task(stage.top)
            made = await self._task(self._work.graph.target.top)
            await self._sealing.finish(list(made.layers))
            return made
        finally:
            await self._stop()

    async def _stop(self) -> None:
        self._work.cancelled.set()
        tasks = [*self._tasks.values(), *self._fetches.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._sealing.stop()

    def _task(self, node: Node) -> asyncio.Task[Made]:
        found = self._tasks.get(id(node))
        if found is None:
            found = self._tasks[id(node)] = asyncio.ensure_future(self._node(node))
        return found

    async def _inputs(self, node: Node) -> dict[int, Made]:
        """Of those that are steps themselves; the first that fails is raised."""
        wanted = {id(one): one for one in graphs.inputs(node) if isinstance(one, Node)}
        results = await asyncio.gather(*(asyncio.shield(self._task(one)) for one in wanted.values()))
        return dict(zip(wanted, results, strict=True))

    async def _node(self, node: Node) -> Made:
        if isinstance(node, Scratch):
            return self._keep(node, Made(keys.scratch(self._work.graph.target.platform), None))
        if isinstance(node, Image):
            return self._keep(node, await in_thread(self._image, node))
        inputs = await self._inputs(node)
        parent = inputs[id(node.parent)]
        vertex = self._vertex(node)
        async with self._limit:
            self._work.report(Begun(vertex))
            try:
                made, cached = await self._step(node, parent, inputs, vertex)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self._work.report(Ended(vertex, failure=str(error)))
                raise self._placed(node, error) from error
        self._work.report(Ended(vertex, cached=cached, identity=made.key))
        return self._keep(node, made)

    def _keep(self, node: Node, made: Made) -> Made:
        self.made[id(node)] = made
        return made

    def _vertex(self, node: Node) -> Vertex:
        return self._work.vertices[id(self._steps[id(node)][1])]

    def _placed(self, node: Node, error: Exception) -> Exception:
        """With the lines of the Dockerfile, where they are not known yet."""
        if isinstance(error, StepFailed) or not isinstance(error, SampanError | OSError):
            return error
        place = self._steps[id(node)][1].place
        text = str(error) if isinstance(error, SampanError) else (error.strerror or str(error)).lower()
        word = place.text.split(None, 1)[0].upper()
        told = f"{word} failed: {text}" if word in ("COPY", "ADD") else text
        return StepFailed(told, place.span)

    def _image(self, node: Image) -> Made:
        image = self._work.images[node.base.id]
        extra = _look_of_host() if image.is_host else ()
        key = keys.image(image.id, node.base.platform, extra)
        return Made(key, image, (), image.created)

    # One step

    async def _step(
        self, node: Node, parent: Made, inputs: dict[int, Made], vertex: Vertex
    ) -> tuple[Made, bool]:
        if isinstance(node, MakeDirectory):
            key = keys.directory(node, parent.key, self._work.epoch)
            return await self._cached_or(node, parent, [key], lambda: self._make_directory(node, parent))
        if isinstance(node, Run):
            return await self._run_step(node, parent, inputs, vertex)
        assert isinstance(node, Copy)
        return await self._copy_step(node, parent, inputs, vertex)

    async def _cached_or(
        self, node: Node, parent: Made, wanted: Sequence[str], make: _Make
    ) -> tuple[Made, bool]:
        lock = self._work.builds.steps.setdefault(wanted[-1], asyncio.Lock())
        async with lock:
            record = await self._found(node, parent, wanted)
            if record is not None:
                return self._on_top(node, parent, record), True
            directory = await make()
            record = await in_thread(self._add, node, parent, wanted, directory)
            if record.layer is not None and record.pending:
                self._sealing.begin(record.layer)
            self._own |= dict.fromkeys(wanted, record)
        return self._on_top(node, parent, record), False

    async def _found(self, node: Node, parent: Made, wanted: Sequence[str]) -> Record | None:
        """From the cache; where that shall not be used, at least what this build itself has made."""
        for key in wanted:
            if key in self._own:
                return self._own[key]
        if id(node) in self._no_cache:
            return None
        record = await in_thread(self._work.builds.cache.find, wanted, self._work.lease)
        if record is None:
            record = await in_thread(self._imported, node, parent, wanted)
        if record is not None:
            self.used.append(record.key)
        return record

    def _imported(self, node: Node, parent: Made, wanted: Sequence[str]) -> Record | None:
        """A cache that cannot give what it says is no reason to fail: the step is done here then."""
        try:
            return self._work.imported.record(wanted, parent.key, self._description(node))
        except Cancelled:
            raise
        except SampanError as error:
            told = f"a layer of the cache is not to be had: {error}\n"
            self._work.report(Output(self._vertex(node), told.encode(), error=True))
            return None

    def _description(self, node: Node) -> str:
        text = self._steps[id(node)][1].place.text
        return text if len(text) <= 200 else text[:199] + "…"

    def _on_top(self, node: Node, parent: Made, record: Record) -> Made:
        self.records[id(node)] = record
        if record.layer is None:
            self.empty.add(id(node))
        created = record.created if self._work.epoch is None else self._work.epoch / 1e9
        is_free = isinstance(node, Copy) and keys.is_free(node)
        chain = keys.linked(parent.key, record.chain) if is_free else record.chain
        return parent.on_top(chain, record.layer, created)

    def _add(self, node: Node, parent: Made, wanted: Sequence[str], directory: str) -> Record:
        """`directory` "": nothing has changed."""
        epoch = self._work.epoch
        if directory:
            diff = os.path.join(directory, "diff")
            if copy.is_empty(diff):
                self._work.engine.images.store.discard(directory)
                directory = ""
            elif epoch is not None:
                clamp(diff, epoch)
        told = self._description(node)
        new = New(list(wanted), parent.key, told, directory=directory, exact=epoch is not None)
        return self._work.builds.cache.add(new, self._work.lease)

    # WORKDIR

    async def _make_directory(self, node: MakeDirectory, parent: Made) -> str:
        async with self._fresh() as workspace:
            made = await in_thread(
                copy.make_directory, self._work.engine, node, parent, workspace, self._work.epoch
            )
        if not made:
            self._work.engine.images.store.discard(workspace)
        return workspace if made else ""

    @contextlib.asynccontextmanager
    async def _fresh(self) -> AsyncIterator[str]:
        """A workspace, which does not outlive a failure."""
        store = self._work.engine.images.store
        workspace = store.workspace(
            "build"
        )  # one mkdir(2): not worth a thread, which a cancellation might miss
        try:
            yield workspace
        except BaseException:
            store.discard(workspace)
            raise

    # COPY and ADD

    async def _copy_step(
        self, node: Copy, parent: Made, inputs: dict[int, Made], vertex: Vertex
    ) -> tuple[Made, bool]:
        epoch = self._work.epoch
        wanted = []
        if all(isinstance(source.content, Node) for source in node.sources):
            contents = [keys.step_of(inputs[id(source.content)].key, source.paths) for source in node.sources]
            wanted.append(keys.copy(node, parent.key, contents, epoch))  # found without looking at a file
            record = await self._found(node, parent, wanted)
            if record is not None:
                return self._on_top(node, parent, record), True
        fetched = await self._fetched(node, vertex)
        with contextlib.ExitStack() as stack:
            origins = await in_thread(self._origins, node, inputs, fetched, stack)
            hashes = self._work.builds.hashes
            found = await in_thread(copy.content_keys, node, origins, hashes)
            key = keys.copy(node, parent.key, found, epoch)
            return await self._cached_or(
                node, parent, [*wanted, key], lambda: self._copy(node, parent, origins)
            )

    async def _copy(self, node: Copy, parent: Made, origins: Sequence[Origin]) -> str:
        async with self._fresh() as workspace:
            place = copy.Place(workspace, self._work.epoch)
            await in_thread(copy.copy, self._work.engine, node, parent, origins, place=place)
            await in_thread(self._only_diff, workspace)
        return workspace

    def _only_diff(self, workspace: str) -> None:
        for name in os.listdir(workspace):
            if name != "diff":
                self._work.engine.images.store.discard(os.path.join(workspace, name))

    def _origins(
        self, node: Copy, inputs: dict[int, Made], fetched: dict[int, Fetched], stack: contextlib.ExitStack
    ) -> list[Origin]:
        origins = []
        for source in node.sources:
            content = source.content
            if isinstance(content, Inline):
                origins.append(Origin(source, None, time=_CONSTANT_TIME))
                continue
            view = self._view(content, inputs, fetched)
            stack.callback(view.close)
            if id(content) in fetched:
                named = source._replace(paths=(fetched[id(content)].path or "/",))
                origins.append(Origin(named, view))
            else:
                origins.append(Origin(source, view, trusted=isinstance(content, Node)))
        return origins

    def _view(self, content: Input, inputs: dict[int, Made], fetched: dict[int, Fetched]) -> View:
        if isinstance(content, Local):
            return self._work.contexts.view(content.name)
        if id(content) in fetched:
            return DirectoryView(fetched[id(content)].directory)
        return mades.view(self._work.engine, inputs[id(content)])

    async def _fetched(self, node: Copy, vertex: Vertex) -> dict[int, Fetched]:
        found = {}
        for source in node.sources:
            if isinstance(source.content, graphs.Http | graphs.Git):
                task = self._fetches.get(id(source.content))
                if task is None:
                    task = asyncio.ensure_future(self._fetch(source.content, vertex))
                    self._fetches[id(source.content)] = task
                found[id(source.content)] = await asyncio.shield(task)
        return found

    async def _fetch(self, source: "graphs.Http | graphs.Git", vertex: Vertex) -> Fetched:
        work = self._work
        directory = os.path.join(work.workspace, f"fetched-{secrets.token_hex(4)}")
        if isinstance(source, graphs.Http):
            return await in_thread(fetch.download, work.engine, source, directory, work.cancelled)
        return await fetch.clone(work.engine, work.request, source, directory, self._heard(vertex))

    # RUN

    async def _run_step(
        self, node: Run, parent: Made, inputs: dict[int, Made], vertex: Vertex
    ) -> tuple[Made, bool]:
        self._check_allowed(node)
        contents = await in_thread(self._mount_keys, node, inputs)
        key = keys.run(node, parent.key, contents, self._work.epoch)
        return await self._cached_or(node, parent, [key], lambda: self._run(node, parent, inputs, vertex))

    def _check_allowed(self, node: Run) -> None:
        request = self._work.request
        if node.security == "insecure" and "security.insecure" not in request.allow:
            raise Forbidden("security.insecure is not allowed")
        if node.network == "host" and request.network != "host" and "network.host" not in request.allow:
            raise Forbidden("network.host is not allowed")

    def _mount_keys(self, node: Run, inputs: dict[int, Made]) -> list[tuple[BoundMount, str]]:
        found = []
        for bound in node.mounts:
            content = bound.content
            if content is None or bound.mount.type == "cache":
                key = ""
            elif isinstance(content, Node):
                key = inputs[id(content)].key
            else:
                key = self._context_key(bound)
            found.append((bound, key))
        return found

    def _context_key(self, bound: BoundMount) -> str:
        assert bound.content is not None
        source = graphs.From(bound.content, (bound.mount.source or "/",))
        with contextlib.closing(self._view(bound.content, {}, {})) as view:
            node = Copy(Scratch(), (source,), "/")
            return copy.content_keys(node, [Origin(source, view)], self._work.builds.hashes)[0]

    async def _run(self, node: Run, parent: Made, inputs: dict[int, Made], vertex: Vertex) -> str:
        work = self._work
        private = os.path.join(work.private, secrets.token_hex(8))
        os.makedirs(private, 0o700)

        def viewed(bound: BoundMount) -> View:
            assert bound.content is not None
            return self._view(bound.content, inputs, {})

        heard = run.Heard(self._heard(vertex), lambda one: work.report(Running(vertex, one)))
        async with self._fresh() as workspace:
            mounting = Mounting(
                work.engine,
                work.builds,
                work.request,
                work.contexts,
                workspace=workspace,
                private=private,
                remap=run.remap_of(work.engine, node, parent),
            )
            try:
                async with mounting.open(node, viewed) as place:
                    ran = await run.run(work.engine, work.request, node, parent, place=place, heard=heard)
            finally:
                await in_thread(remove_tree, private)
            return await in_thread(self._ran, node, parent, ran, workspace)

    def _ran(self, node: Run, parent: Made, ran: run.Ran, workspace: str) -> str:
        os.rename(ran.diff, os.path.join(workspace, "diff"))
        run.discard(self._work.engine, ran.container)
        self._only_diff(workspace)
        if not ran.exit_code:
            return workspace
        step = self._steps[id(node)][1]
        identity = self._keep_failed(node, parent, workspace) if self._work.request.keep_failed else ""
        words = " ".join(node.arguments)
        why = " (out of memory)" if ran.out_of_memory else ""
        told = f"The command '{words}' returned a non-zero code: {ran.exit_code}{why}"
        raise StepFailed(told, step.place.span, code=ran.exit_code, debug=identity, process=words)

    def _keep_failed(self, node: Run, parent: Made, workspace: str) -> str:
        """What there was when the step failed, for `debug`: its id."""
        identity = secrets.token_hex(6)
        kept = debug.Kept(
            parent.base.id if parent.base else "", list(parent.layers), list(node.environment),
            node.directory, node.user,
        )  # fmt: skip
        new = New([debug.key(identity)], parent.key, debug.describe(kept), kind="debug", directory=workspace)
        self._work.builds.cache.add(new, self._work.lease)
        return identity

    def _heard(self, vertex: Vertex) -> run.Output:
        def heard(data: bytes, error: bool) -> None:
            self._work.report(Output(vertex, data, error))

        return heard


def _look_of_host() -> list[str]:
    """The image `host` is the machine as it is now: what is installed or configured on it counts."""
    found = []
    for path in _HOST_SIGNS:
        with contextlib.suppress(OSError):
            found.append(f"{path}={os.stat(path).st_mtime_ns}")
    return found
