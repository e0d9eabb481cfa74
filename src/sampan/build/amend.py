"""Instructions without a Dockerfile around them: `--change` of `commit` and `import`."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sampan.build import lexer, parser
from sampan.build.changes import copied
from sampan.build.dispatch import StageBuilder
from sampan.build.graph import Input, Scratch, StagePlan, Warned
from sampan.build.instructions import Dockerfile, Instruction
from sampan.build.lexer import Line
from sampan.build.plan import Options
from sampan.build.scope import Globals
from sampan.build.source import DockerfileError
from sampan.oci.image import Config

_ALLOWED = frozenset(
    ("CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "STOPSIGNAL", "USER", "VOLUME",
     "WORKDIR")
)  # fmt: skip


def amended(config: Config, texts: Sequence[str]) -> Config:
    """`config` as these instructions leave it. Raises InvalidArgument in Docker's words."""
    text = "\n".join(texts)
    if not text.strip():
        return config
    document = lexer.read(text)
    instructions = [_instruction(line, document.escape) for line in document.lines]
    own = copied(config)
    triggers, own.OnBuild = own.OnBuild or [], None  # they are for whoever builds on the image
    stage = StagePlan(0, "0", instructions[0].place, Scratch(), None, own, "")
    StageBuilder(_Alone(document.escape), stage).all(instructions)
    final = stage.final
    final.OnBuild = [*triggers, *(final.OnBuild or ())] or None
    final.ArgsEscaped = config.ArgsEscaped  # the builder says it of a CMD in shell form, `--change` does not
    return final


def _instruction(line: Line, escape: str) -> Instruction:
    if line.word not in _ALLOWED:
        raise DockerfileError(f"{line.written} is not a valid change command", line.span, line.written)
    return parser.instruction_of(line, escape)


@dataclass
class _Alone:
    """No other stage, no context, no argument."""

    escape: str
    warnings: list[Warned] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.options = Options(machine="")
        self.dockerfile = Dockerfile((), (), {}, self.escape)
        self.outside = Globals((), {}, {}, self.escape)

    def input(self, name: str) -> Input:
        raise AssertionError(f"no instruction without files asks for {name}")
