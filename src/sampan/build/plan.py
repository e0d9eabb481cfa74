"""Dockerfile → graph: variables are expanded, stages resolved, and what the target does not need left out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sampan.build import checks
from sampan.build import instructions as ins
from sampan.build.changes import copied, scratch
from sampan.build.dispatch import StageBuilder
from sampan.build.expand import expand
from sampan.build.graph import BaseImage, Graph, Image, Input, Local, Scratch, StagePlan, Warned
from sampan.build.instructions import Dockerfile, Stage
from sampan.build.lexer import Finding
from sampan.build.scope import Globals, platform_arguments
from sampan.build.source import DockerfileError, suggestion
from sampan.errors import InvalidArgument, NotFound
from sampan.oci import platform as platforms

_STAGES = 1000
Lookup = Callable[[str, str], BaseImage]  # (name, platform or "") → the image


@dataclass(frozen=True)
class Options:
    """`contexts`: names of additional contexts, each with an image or "" for a directory."""

    machine: str  # as uname(2) says
    arguments: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    platform: str = ""
    network: str = "default"
    contexts: Mapping[str, str] = field(default_factory=dict)


def plan(
    dockerfile: Dockerfile, options: Options, lookup: Lookup, findings: list[Finding] | None = None
) -> Graph:
    """Raises DockerfileError with its place, and whatever `lookup` raises for an image it cannot find."""
    planner = _Planner(dockerfile, options, lookup)
    target = planner.stage(planner.target_index())
    warnings = checks.check(dockerfile, findings or [], planner.warnings)
    unused = sorted(name for name in options.arguments if name not in planner.outside.used)
    ordered = tuple(planner.order)
    assert ordered[-1] is target
    return Graph(ordered, tuple(warnings), tuple(unused))


def images(dockerfile: Dockerfile, options: Options) -> list[tuple[str, str]]:
    """(name, platform) of every image that the target needs, as far as it can be told before any is there:
    what ONBUILD brings along is not known yet. Raises DockerfileError."""
    planner = _Planner(dockerfile, options, _unknown)
    found: dict[tuple[str, str], None] = {}
    seen: set[int] = set()
    todo = [planner.target_index()]
    while todo:
        index = todo.pop()
        if index in seen:
            continue
        seen.add(index)
        stage = dockerfile.stages[index]
        base, platform = planner.base_of(stage)
        for name, wanted in [(base, platform), *((one, "") for one in _origins(stage))]:
            other = planner.find(name, index if name == base else len(dockerfile.stages))
            if other is not None:
                todo.append(other)
            elif image := planner.image_name(name):
                found[image, wanted] = None
    return list(found)


def _unknown(name: str, _platform: str) -> BaseImage:
    raise AssertionError(f"image {name} is not needed yet")


def _origins(stage: Stage) -> list[str]:
    """What COPY --from and RUN --mount=from name; those with variables are looked up in their turn."""
    found = [one.origin for one in stage.instructions if isinstance(one, ins.Copy)]
    for one in stage.instructions:
        if isinstance(one, ins.Run):
            for text in one.mounts:
                found += [part[5:] for part in text.split(",") if part.startswith("from=")]
    return [name for name in found if name and "$" not in name]


class _Planner:
    def __init__(self, dockerfile: Dockerfile, options: Options, lookup: Lookup) -> None:
        if len(dockerfile.stages) > _STAGES:
            raise DockerfileError(f"dockerfile has more than {_STAGES} stages")
        self.dockerfile = dockerfile
        self.options = options
        self.lookup = lookup
        self.own = platforms.of_machine(options.machine)
        wanted = platforms.parse(options.platform, options.machine) if options.platform else self.own
        arguments = platform_arguments(self.own, wanted, options.target)
        self.outside = Globals(dockerfile.arguments, options.arguments, arguments, dockerfile.escape)
        self.warnings: list[Warned] = []
        self.order: list[StagePlan] = []
        self._done: dict[int, StagePlan] = {}
        self._active: list[int] = []
        self._inputs: dict[tuple[str, str], Input] = {}

    # Stages

    def target_index(self) -> int:
        wanted = self.options.target
        if not wanted:
            return len(self.dockerfile.stages) - 1
        found = self.find(wanted, len(self.dockerfile.stages))
        if (
            found is None
            and wanted.isascii()
            and wanted.isdecimal()
            and int(wanted) < len(self.dockerfile.stages)
        ):
            found = int(wanted)
        if found is None:
            near = suggestion(wanted, self._names())
            raise InvalidArgument(f'target stage "{wanted}" could not be found{near}')
        return found

    def _names(self, before: int | None = None) -> list[str]:
        return [stage.start.name for stage in self.dockerfile.stages[:before] if stage.start.name]

    def find(self, name: str, before: int) -> int | None:
        """The last stage of that name among the first `before`."""
        for stage in reversed(self.dockerfile.stages[:before]):
            if stage.start.name and stage.start.name == name.lower():
                return stage.index
        return None

    def image_name(self, name: str) -> str:
        """What is to be looked up for `name`; "" for scratch and for directories."""
        if name in self.options.contexts:
            return self.options.contexts[name]
        return "" if name in ("scratch", "context") else name

    def stage(self, index: int) -> StagePlan:
        if index in self._done:
            return self._done[index]
        stage = self.dockerfile.stages[index]
        if index in self._active:
            raise DockerfileError(
                f"circular dependency detected on stage: {stage.name}",
                stage.start.place.span,
                stage.start.name,
            )
        if len(self._active) > 200:
            raise DockerfileError("stages are nested too deeply", stage.start.place.span)
        self._active.append(index)
        built = self._begin(stage)
        StageBuilder(self, built).all(stage.instructions)
        self._active.pop()
        self._done[index] = built
        self.order.append(built)
        return built

    def base_of(self, stage: Stage) -> tuple[str, str]:
        """(name, platform) with their variables replaced."""
        start = stage.start
        try:
            base = expand(start.base, self.outside.in_from(), self.dockerfile.escape)
            platform = expand(start.platform, self.outside.in_from(), self.dockerfile.escape).text
        except DockerfileError as error:
            raise DockerfileError(f"failed to process arguments for base name {start.base}: {error}",
                                  start.place.span, start.base) from None  # fmt: skip
        for name in base.unset:
            near = suggestion(name, list(self.outside.in_from()))
            self._warn("UndefinedArgInFrom", f"FROM argument '{name}' is not declared{near}", start)
        if not base.text:
            raise DockerfileError(
                f"base name ({start.base}) should not be blank", start.place.span, start.base
            )
        return base.text, platform

    def _warn(self, rule: str, message: str, start: ins.From) -> None:
        warned = Warned(rule, message, start.place.span)
        if warned not in self.warnings:
            self.warnings.append(warned)

    def _begin(self, stage: Stage) -> StagePlan:
        base, platform = self.base_of(stage)
        place = stage.start.place
        below = self.find(base, stage.index)
        if below is not None:
            under = self.stage(below)
            return StagePlan(stage.index, stage.name, place, under.top, under, copied(under.final),
                             under.platform, author=under.author)  # fmt: skip
        wanted = platform or self.options.platform
        name = self.image_name(base)
        if not name:
            if base in self.options.contexts or base == "context":
                raise DockerfileError(
                    f"cannot use the directory context {base!r} as a base image", place.span, base
                )
            shown = str(platforms.parse(wanted, self.options.machine) if wanted else self.own)
            return StagePlan(stage.index, stage.name, place, Scratch(), None, scratch(), shown)
        image = self._looked_up(name, wanted, stage)
        return StagePlan(
            stage.index, stage.name, place, Image(image), None, copied(image.config), image.platform,
            author=image.author, base_image=image,
        )  # fmt: skip

    def _looked_up(self, name: str, platform: str, stage: Stage) -> BaseImage:
        start = stage.start
        try:
            return self.lookup(name, platform)
        except InvalidArgument as error:
            told = f'failed to parse stage name "{name}": {error}'
            raise DockerfileError(told, start.place.span, start.base) from None
        except NotFound as error:
            told = f"{error}{suggestion(name, self._names(stage.index))}"
            raise DockerfileError(told, start.place.span, start.base) from None

    # What COPY --from and RUN --mount=from name

    def input(self, name: str) -> Input:
        """A stage by name or number, a named context, or an image."""
        if not name:
            return self._kept(("context", ""), Local("context"))
        index = self.find(name, len(self.dockerfile.stages))
        if index is None and name.isascii() and name.isdecimal():
            index = int(name[:6])
            if index >= len(self.dockerfile.stages):
                raise DockerfileError(
                    f"invalid from flag value {name}: invalid stage index {name}", offending=name
                )
        if index is not None:
            if self._active and index == self._active[-1]:
                told = f'cannot copy from stage "{name}", it needs to be defined before the current stage'
                raise DockerfileError(told, offending=name)
            return self.stage(index).top
        image = self.image_name(name)
        if not image:
            scratched = name == "scratch" and name not in self.options.contexts
            return self._kept(("context", name), Scratch() if scratched else Local(name))
        try:
            return self._kept(("image", name), Image(self.lookup(image, "")))
        except (InvalidArgument, NotFound) as error:
            told = f"invalid from flag value {name}: {error}{suggestion(name, self._names())}"
            raise DockerfileError(told, offending=name) from None

    def _kept(self, key: tuple[str, str], made: Input) -> Input:
        """One node for one thing, so that it is fetched and hashed once."""
        return self._inputs.setdefault(key, made)
