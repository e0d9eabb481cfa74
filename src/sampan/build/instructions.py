"""The instructions of a Dockerfile as values, before variables are expanded."""

from dataclasses import dataclass, field

from sampan.build.lexer import Heredoc
from sampan.build.source import Span


@dataclass(frozen=True)
class Place:
    """`text`: the instruction as it was written, on one line."""

    text: str
    span: Span


@dataclass(frozen=True)
class Command:
    """`shell`: one word, for the stage's SHELL; otherwise the words are executed as they are."""

    words: tuple[str, ...]
    shell: bool


@dataclass(frozen=True)
class Mount:
    """`RUN --mount`. `source` of a secret or ssh socket is nothing; `target` "" is the default."""

    type: str
    target: str = ""
    source: str = ""
    origin: str = ""  # `from`: stage, image or named context
    identity: str = ""
    writable: bool | None = None
    sharing: str = ""
    required: bool = False
    size: int = 0
    mode: int | None = None
    uid: int = 0
    gid: int = 0
    variable: str = ""  # `env` of a secret


@dataclass(frozen=True)
class From:
    place: Place
    base: str
    platform: str = ""
    name: str = ""  # lower case; "" without AS


@dataclass(frozen=True)
class Arg:
    place: Place
    pairs: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class Env:
    place: Place
    pairs: tuple[tuple[str, str], ...]
    legacy: bool = False


@dataclass(frozen=True)
class Label:
    place: Place
    pairs: tuple[tuple[str, str], ...]
    legacy: bool = False


@dataclass(frozen=True)
class Run:
    place: Place
    command: Command
    mounts: tuple[str, ...] = ()  # as written: variables are expanded first
    heredocs: tuple[Heredoc, ...] = ()
    network: str = "default"
    security: str = "sandbox"


@dataclass(frozen=True)
class Copy:
    """COPY and ADD."""

    place: Place
    sources: tuple[str, ...]
    target: str
    add: bool = False
    origin: str = ""  # --from
    chown: str = ""
    chmod: str = ""
    link: bool = False
    parents: bool = False
    exclude: tuple[str, ...] = ()
    checksum: str = ""
    keep_git: bool = False
    unpack: bool | None = None
    heredocs: tuple[Heredoc, ...] = ()


@dataclass(frozen=True)
class Cmd:
    place: Place
    command: Command


@dataclass(frozen=True)
class Entrypoint:
    place: Place
    command: Command


@dataclass(frozen=True)
class Healthcheck:
    """`test`: as in the image's configuration. Durations in nanoseconds, 0: not given."""

    place: Place
    test: tuple[str, ...]
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


@dataclass(frozen=True)
class Expose:
    place: Place
    ports: tuple[str, ...]


@dataclass(frozen=True)
class User:
    place: Place
    user: str


@dataclass(frozen=True)
class Workdir:
    place: Place
    path: str


@dataclass(frozen=True)
class Volume:
    place: Place
    paths: tuple[str, ...]


@dataclass(frozen=True)
class StopSignal:
    place: Place
    signal: str


@dataclass(frozen=True)
class Shell:
    place: Place
    words: tuple[str, ...]


@dataclass(frozen=True)
class OnBuild:
    place: Place
    trigger: str


@dataclass(frozen=True)
class Maintainer:
    place: Place
    name: str


Instruction = (
    Arg | Env | Label | Run | Copy | Cmd | Entrypoint | Healthcheck | Expose | User | Workdir | Volume
    | StopSignal | Shell | OnBuild | Maintainer
)  # fmt: skip


@dataclass(frozen=True)
class Stage:
    start: From
    index: int
    instructions: tuple[Instruction, ...]

    @property
    def name(self) -> str:
        return self.start.name or str(self.index)


@dataclass(frozen=True)
class Dockerfile:
    arguments: tuple[Arg, ...]  # before the first FROM
    stages: tuple[Stage, ...]
    directives: dict[str, str] = field(default_factory=dict)
    escape: str = "\\"
