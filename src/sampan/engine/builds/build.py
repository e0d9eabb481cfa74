"""`build`: context and Dockerfile in, an image out."""

import asyncio
import contextlib
import os
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sampan.build import checks, parser, plan
from sampan.build.graph import Graph, StagePlan, Step
from sampan.build.instructions import Dockerfile
from sampan.build.lexer import Finding
from sampan.build.source import DockerfileError, Source
from sampan.engine.builds import bases, caching, context, debug, image, remotes
from sampan.engine.builds.builds import Builds
from sampan.engine.builds.context import Contexts
from sampan.engine.builds.events import Begun, Ended, Note, Planned, Report, Vertex, Warned
from sampan.engine.builds.request import BuildFailed, Request, StepFailed
from sampan.engine.builds.solve import Solver, Work
from sampan.engine.builds.threads import in_thread
from sampan.engine.containers import check
from sampan.engine.containers.config import Config
from sampan.engine.engine import Engine
from sampan.engine.images.tag import check_unambiguous
from sampan.errors import InvalidArgument, SampanError
from sampan.oci import reference as references
from sampan.storage import taken
from sampan.storage.leases import Lease
from sampan.storage.remove import remove_tree


class Built(NamedTuple):
    """`image` "": nothing was asked to be built (`--check`). `caches`: keys for each cache that the client
    takes itself (`cache_export.layout`); `new`: there was no such image."""

    image: str
    tags: list[str]  # familiar
    warnings: int
    caches: Sequence[list[str]] = ()
    new: bool = False


class _Read(NamedTuple):
    dockerfile: Dockerfile
    findings: list[Finding]
    source: Source
    contexts: Contexts


async def build(
    engine: Engine, builds: Builds, request: Request, body: Iterator[bytes] | None, report: Report
) -> Built:
    """`body`: the context as a tar, None where the client named directories or a remote place. Raises
    BuildFailed, or what is wrong with the request, in Docker's words; then no image has appeared."""
    tags = [_tag(text) for text in request.tags]
    check.check(Config(), request.host, engine.facts)
    identity = secrets.token_hex(12)
    private = f"{engine.settings.run_root}/builds/{identity}"
    workspace = engine.images.store.workspace("build")
    builds.running.add(identity)
    try:
        os.makedirs(private, mode=0o700)
        with engine.images.store.leases.open() as lease:
            job = _Build(engine, builds, request, report, lease=lease, workspace=workspace, private=private)
            return await job.run(body, tags)
    finally:
        builds.running.discard(identity)
        engine.images.store.discard(workspace)
        await in_thread(remove_tree, private)
        engine.tasks.spawn(asyncio.to_thread(_settle, engine, builds))


def _settle(engine: Engine, builds: Builds) -> None:
    """What nobody waits for: sizes, and everything on the disk."""
    store = engine.images.store
    debug.forget_old(builds)
    taken.count(store)
    taken.sync(store)
    builds.cache.synced()
    store.collect_rest()


def _tag(text: str) -> tuple[str, str]:
    try:
        named = references.parse(text).with_default_tag()
    except InvalidArgument as error:
        raise InvalidArgument(f'invalid argument "{text}" for "-t, --tag" flag: {error}') from None
    if named.digest:
        raise InvalidArgument(f"invalid reference format: {text} has a digest")
    check_unambiguous(named)
    return named.repository, named.tag or references.DEFAULT_TAG


class _Build:
    def __init__(
        self,
        engine: Engine,
        builds: Builds,
        request: Request,
        report: Report,
        *,
        lease: Lease,
        workspace: str,
        private: str,
    ) -> None:
        self._engine = engine
        self._builds = builds
        self._request = request
        self._report = report
        self._lease = lease
        self._workspace = workspace
        self._private = private
        self._epoch = request.epoch()
        self._cancelled = threading.Event()
        self._exporting = threading.Event()  # set when nobody wants it any more
        self._numbers = 0

    async def run(self, body: Iterator[bytes] | None, tags: list[tuple[str, str]]) -> Built:
        try:
            read = await self._read(body)
            try:
                return await self._build(read, tags)
            except StepFailed as error:
                excerpt = read.source.excerpt(error.span)
                raise BuildFailed(
                    str(error), excerpt=excerpt, code=error.code, debug=error.debug, process=error.process
                ) from error
            except DockerfileError as error:
                raise _wrong(error, read.source) from error
        finally:
            self._cancelled.set()
            self._exporting.set()

    async def _build(self, read: _Read, tags: list[tuple[str, str]]) -> Built:
        graph, images = await self._planned(read)
        for warning in graph.warnings:
            excerpt = read.source.excerpt(warning.span)
            self._report(Warned(warning.rule, warning.message, excerpt, warning.span.first))
        if graph.warnings and checks.are_errors(read.dockerfile):
            raise BuildFailed(
                "lint violation found for rules: " + ", ".join(sorted({w.rule for w in graph.warnings}))
            )
        if self._request.check:
            return Built("", [], len(graph.warnings))
        if graph.unused_arguments:
            names = " ".join(graph.unused_arguments)
            self._report(Note(f"[Warning] One or more build-args [{names}] were not consumed\n"))
        return await self._solve(graph, images, read.contexts, tags)

    # Reading

    async def _read(self, body: Iterator[bytes] | None) -> _Read:
        vertex = self._vertex(
            f"[internal] load build definition from {self._request.dockerfile or 'Dockerfile'}"
        )
        self._report(Begun(vertex))
        try:
            directories = await self._directories(body)
            definition = await asyncio.to_thread(context.definition, self._request, directories)
            source = Source(definition.name, definition.text)
            try:
                dockerfile, findings = await asyncio.to_thread(parser.parse, definition.text)
            except DockerfileError as error:
                raise _wrong(error, source) from error
        except SampanError as error:
            self._report(Ended(vertex, failure=str(error)))
            raise
        self._report(Ended(vertex))
        return _Read(dockerfile, findings, source, Contexts(directories, definition.ignored))

    async def _directories(self, body: Iterator[bytes] | None) -> Mapping[str, str]:
        found = dict(self._request.directories)
        if self._request.remote:
            found["context"] = await remotes.context_of(
                self._engine, self._request, self._workspace, self._cancelled
            )
        elif body is not None:
            found["context"] = await asyncio.to_thread(
                context.receive, self._engine.images.store, body, self._workspace
            )
        return found

    # Planning

    async def _planned(self, read: _Read) -> tuple[Graph, dict[str, bases.Image]]:
        request = self._request
        contexts = dict(request.contexts)
        contexts |= {name: "" for name in request.directories if name != "context"}
        options = plan.Options(
            machine=self._engine.images.machine,
            arguments=request.arguments,
            target=request.target,
            platform=request.platform,
            network=request.network,
            contexts=contexts,
        )
        lookup = bases.Bases(
            self._engine,
            request,
            self._report,
            vertex=self._vertex,
            cancelled=self._cancelled,
            lease=self._lease,
        )
        await lookup.bring(plan.images(read.dockerfile, options))
        while True:
            try:
                graph = await asyncio.to_thread(
                    plan.plan, read.dockerfile, options, lookup.find, read.findings
                )
            except bases.Missing as missing:
                await lookup.bring([(missing.name, missing.platform)])
            else:
                return graph, lookup.images

    def _vertex(self, name: str) -> Vertex:
        self._numbers += 1
        return Vertex(self._numbers, name)

    # Building

    async def _solve(
        self, graph: Graph, images: dict[str, bases.Image], contexts: Contexts, tags: list[tuple[str, str]]
    ) -> Built:
        cached = caching.Caching(self._engine, self._builds, self._request, self._report, self._vertex)
        with contextlib.closing(await cached.imported(self._lease, self._cancelled)) as imported:
            vertices = self._steps(graph)
            work = Work(
                self._engine, self._builds, self._request, graph, images, contexts, self._lease,
                self._workspace, self._private, self._epoch, self._report, vertices, imported,
                self._cancelled,
            )  # fmt: skip
            solver = Solver(work)
            await solver.solve()
        for stage in graph.stages:
            for step in stage.steps:
                if step.node is None:
                    self._report(Begun(vertices[id(step)]))
                    self._report(Ended(vertices[id(step)]))
        finished = image.Finished(
            graph.target,
            solver.made,
            solver.empty,
            self._request.labels,
            self._epoch,
            caching.inlined(self._request, graph, solver.records),
        )
        vertex = self._vertex("exporting to image")
        self._report(Begun(vertex))
        committed = await in_thread(image.commit, self._engine, finished, tags, self._lease)
        await asyncio.to_thread(self._builds.cache.touch, solver.used)
        self._report(Ended(vertex, identity=committed.id))
        told = [_familiar(tag) for tag in tags]
        caches = await cached.exported(graph, solver.records, self._exporting)
        return Built(committed.id, told, len(graph.warnings), caches, committed.new)

    def _steps(self, graph: Graph) -> dict[int, Vertex]:
        """A vertex for every instruction, and FROM, in the order of the file."""
        found: dict[int, Vertex] = {}
        total = sum(1 + len(stage.steps) for stage in graph.stages)
        self._report(Planned(total))
        number = 0
        for stage in graph.stages:
            shown = 1 + sum(step.node is not None for step in stage.steps)
            label = _label(graph, stage)
            number += 1
            base = self._vertex(f"[{label}1/{shown}] {stage.base.text}")
            self._from(base._replace(step=number, text=stage.base.text), stage)
            position = 1
            for step in stage.steps:
                number += 1
                position += step.node is not None
                found[id(step)] = self._of_step(step, f"[{label}{position}/{shown}]", number)
        return found

    def _from(self, vertex: Vertex, stage: StagePlan) -> None:
        base = stage.base_image
        self._report(Begun(vertex))
        self._report(Ended(vertex, identity=base.id.removeprefix("sha256:") if base else ""))

    def _of_step(self, step: Step, label: str, number: int) -> Vertex:
        self._numbers += 1
        text = step.place.text
        return Vertex(self._numbers, f"{label} {text}", number, text, quiet=step.node is None)


def _label(graph: Graph, stage: StagePlan) -> str:
    """ "build " before the number of a step; nothing where there is one stage, without a name."""
    if not stage.name.isdecimal():
        return f"{stage.name} "
    return f"stage-{stage.name} " if len(graph.stages) > 1 else ""


def _familiar(tag: tuple[str, str]) -> str:
    domain, _, path = tag[0].partition("/")
    return references.Reference(domain, path, tag[1], None).familiar


def _wrong(error: DockerfileError, source: Source) -> BuildFailed:
    excerpt = source.excerpt(error.span, error.offending) if error.span is not None else ""
    return BuildFailed(str(error), excerpt=excerpt)
