"""What a build is: nodes that make file systems out of others, and the steps that a user sees.

Nodes are compared by identity; a graph prints itself, which is what the golden tests compare.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sampan.build.instructions import Mount, Place
from sampan.build.source import Span
from sampan.oci.image import Config, History


class BaseImage(NamedTuple):
    """An image to build from, as far as planning needs to know it."""

    name: str  # as it was asked for, canonical
    id: str
    config: Config
    platform: str  # "linux/amd64"
    history: Sequence[History] = ()
    author: str = ""


# Where files come from


@dataclass(frozen=True, eq=False)
class Local:
    """A directory of the client: the build context, or a named one."""

    name: str


@dataclass(frozen=True, eq=False)
class Http:
    url: str
    checksum: str = ""


@dataclass(frozen=True, eq=False)
class Git:
    remote: str
    ref: str = ""
    directory: str = ""
    keep_git: bool = False
    checksum: str = ""


@dataclass(frozen=True, eq=False)
class Inline:
    """Heredocs as files."""

    files: tuple[tuple[str, str], ...]


# What makes a file system


@dataclass(frozen=True, eq=False)
class Scratch:
    pass


@dataclass(frozen=True, eq=False)
class Image:
    base: BaseImage


@dataclass(frozen=True, eq=False)
class BoundMount:
    """A mount of a RUN, with where its content comes from."""

    mount: Mount
    content: "Input | None" = None


@dataclass(frozen=True, eq=False)
class Run:
    parent: "Node"
    arguments: tuple[str, ...]
    environment: tuple[str, ...]  # NAME=value, all of it
    secret_environment: tuple[str, ...] = ()  # proxies: they are passed, and are no part of the key
    directory: str = "/"
    user: str = ""
    mounts: tuple[BoundMount, ...] = ()
    network: str = "default"
    security: str = "sandbox"
    script: tuple[str, str] | None = None  # (name, content) of a file in /dev/pipes


class From(NamedTuple):
    """Paths (patterns) of one place."""

    content: "Input"
    paths: tuple[str, ...]
    unpack: bool = False  # archives among them


@dataclass(frozen=True, eq=False)
class Copy:
    parent: "Node"
    sources: tuple[From, ...]
    target: str  # absolute; with a slash at the end if it must be a directory
    chown: str = ""
    chmod: str = ""
    exclude: tuple[str, ...] = ()
    parents: bool = False
    link: bool = False
    add: bool = False


@dataclass(frozen=True, eq=False)
class MakeDirectory:
    """WORKDIR: nothing is made where there is a directory; what is made belongs to `user`, as in BuildKit."""

    parent: "Node"
    path: str
    user: str = ""


Node = Scratch | Image | Run | Copy | MakeDirectory
Input = Local | Http | Git | Inline | Scratch | Image | Run | Copy | MakeDirectory


@dataclass(frozen=True, eq=False)
class Step:
    """One instruction of a stage. `node` None: it changes the configuration only."""

    place: Place
    node: "Node | None"
    created_by: str
    config: Config  # of the image, after this step
    trigger: bool = False  # an ONBUILD of the base image


@dataclass(eq=False)
class StagePlan:
    index: int
    name: str
    base: Place
    bottom: "Node"
    bottom_stage: "StagePlan | None"
    config: Config  # before the first step
    platform: str
    steps: list[Step] = field(default_factory=list)
    author: str = ""
    base_image: BaseImage | None = None

    @property
    def top(self) -> "Node":
        return next((step.node for step in reversed(self.steps) if step.node is not None), self.bottom)

    @property
    def final(self) -> Config:
        return self.steps[-1].config if self.steps else self.config


class Warned(NamedTuple):
    rule: str
    message: str
    span: Span


@dataclass(frozen=True)
class Graph:
    """`stages`: those that are needed, each after what it needs; the last one is the target."""

    stages: tuple[StagePlan, ...]
    warnings: tuple[Warned, ...] = ()
    unused_arguments: tuple[str, ...] = ()

    @property
    def target(self) -> StagePlan:
        return self.stages[-1]

    def text(self) -> str:
        return "\n".join(_Printer(self).lines()) + "\n"


def inputs(node: Node) -> list[Input]:
    """What must be there before `node` can be made."""
    if isinstance(node, Run):
        return [node.parent, *(bound.content for bound in node.mounts if bound.content is not None)]
    if isinstance(node, Copy):
        return [node.parent, *(source.content for source in node.sources)]
    return [node.parent] if isinstance(node, MakeDirectory) else []


class _Printer:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._numbers: dict[int, str] = {}

    def lines(self) -> Iterator[str]:
        for stage in self._graph.stages:
            yield f"stage {stage.index} {stage.name} {stage.platform}"
            known = id(stage.bottom) in self._numbers
            bottom = self._number(stage.bottom)
            yield f"  from {bottom}" if known else f"  {bottom} = {self._node(stage.bottom)}"
            for step in stage.steps:
                if step.node is not None:
                    yield f"  {self._number(step.node)} = {self._node(step.node)}"
                    yield f"      {step.created_by!r}"
                else:
                    yield f"  config {step.created_by}"
            yield from self._config(stage)
        for warning in self._graph.warnings:
            yield f"warning {warning.rule}: {warning.message} (line {warning.span.first})"
        for name in self._graph.unused_arguments:
            yield f"unused build-arg {name}"

    def _number(self, node: Node) -> str:
        return self._numbers.setdefault(id(node), f"n{len(self._numbers) + 1}")

    def _input(self, source: Input) -> str:
        if isinstance(source, Local):
            return source.name
        if isinstance(source, Http):
            return source.url + (f" {source.checksum}" if source.checksum else "")
        if isinstance(source, Git):
            fragment = f"#{source.ref}:{source.directory}" if source.ref or source.directory else ""
            return f"git {source.remote}{fragment}{' with .git' if source.keep_git else ''}"
        if isinstance(source, Inline):
            return "heredoc " + " ".join(f"{name}={content!r}" for name, content in source.files)
        if isinstance(source, Image | Scratch) and id(source) not in self._numbers:
            return self._node(source)
        return self._number(source)

    def _node(self, node: Node) -> str:
        if isinstance(node, Scratch):
            return "scratch"
        if isinstance(node, Image):
            return f"image {node.base.name}"
        if isinstance(node, MakeDirectory):
            return f"mkdir {self._number(node.parent)} {node.path}" + (
                f" user={node.user}" if node.user else ""
            )
        return self._run(node) if isinstance(node, Run) else self._copy(node)

    def _run(self, node: Run) -> str:
        parts = [f"run {self._number(node.parent)} {list(node.arguments)!r}"]
        if node.directory != "/":
            parts.append(f"in {node.directory}")
        if node.user:
            parts.append(f"user={node.user}")
        modes = {"network": node.network, "security": node.security}
        parts += [f"{name}={mode}" for name, mode in modes.items() if mode not in ("default", "sandbox")]
        parts.append("env=" + " ".join(node.environment))
        if node.script is not None:
            parts.append(f"script {node.script[0]}={node.script[1]!r}")
        parts += [self._mount(bound) for bound in node.mounts]
        return "\n      ".join(parts)

    def _mount(self, bound: BoundMount) -> str:
        mount = bound.mount
        shown = [f"mount {mount.type} {mount.target}"]
        if bound.content is not None:
            shown.append(f"from {self._input(bound.content)}:{mount.source or '/'}")
        for name in ("identity", "sharing", "variable", "size", "mode", "uid", "gid", "writable", "required"):
            value = getattr(mount, name)
            if value not in ("", 0, None, False):
                shown.append(f"{name}={value}")
        return " ".join(shown)

    def _copy(self, node: Copy) -> str:
        parts = [f"{'add' if node.add else 'copy'} {self._number(node.parent)}"]
        for source in node.sources:
            unpacked = " unpacked" if source.unpack else ""
            parts.append(f"<- {self._input(source.content)} [{' '.join(source.paths)}]{unpacked}")
        parts.append(f"-> {node.target}")
        for name in ("chown", "chmod"):
            if value := getattr(node, name):
                parts.append(f"{name}={value}")
        parts += [f"exclude={pattern}" for pattern in node.exclude]
        parts += [name for name in ("parents", "link") if getattr(node, name)]
        return " ".join(parts)

    def _config(self, stage: StagePlan) -> Iterator[str]:
        if stage is self._graph.target:
            final = stage.final
            for name in final.__struct_fields__:
                value = getattr(final, name)
                if value:
                    yield f"  {name}: {value}"
