"""What a client asks for when it builds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sampan.build.source import Span
from sampan.engine.containers.config import HostConfig
from sampan.errors import InvalidArgument, SampanError
from sampan.registry.auth import Credentials


@dataclass(frozen=True)
class Secret:
    data: bytes


@dataclass(frozen=True)
class Request:
    """`dockerfile`: its path in the context; `text`, `ignore`: their contents, where the client sent them.

    `directories`: absolute paths on this machine by name, "context" is the context itself: only from
    clients that share our file system. `host`: limits and the like of every RUN."""

    tags: tuple[str, ...] = ()
    dockerfile: str = "Dockerfile"
    text: str | None = None
    ignore: str | None = None
    remote: str = ""
    directories: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    platform: str = ""
    network: str = "default"
    host: HostConfig = field(default_factory=HostConfig)
    no_cache: bool = False
    no_cache_for: tuple[str, ...] = ()  # names of stages
    pull: bool = False
    keep_failed: bool = True
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    ssh: Mapping[str, str] = field(default_factory=dict)  # id → path of the agent's socket
    allow: frozenset[str] = frozenset()  # entitlements
    credentials: Mapping[str, Credentials] = field(default_factory=dict)  # by registry
    check: bool = False

    def epoch(self) -> int | None:
        """SOURCE_DATE_EPOCH in nanoseconds. Raises InvalidArgument."""
        text = self.arguments.get("SOURCE_DATE_EPOCH", "")
        if not text:
            return None
        if not (text.isascii() and text.isdecimal() and len(text) < 12):
            raise InvalidArgument(f"invalid SOURCE_DATE_EPOCH: {text}")
        return int(text) * 1_000_000_000


class StepFailed(SampanError):
    """A step failed. `span`: its lines in the Dockerfile; `code`: of the process; `debug`: the id under which
    its file system is kept."""

    def __init__(
        self, message: str, span: Span, *, code: int = 1, debug: str = "", process: str = ""
    ) -> None:
        super().__init__(message)
        self.span = span
        self.code = code
        self.process = process  # what was run, its words joined
        self.debug = debug


class BuildFailed(InvalidArgument):
    """What the client is told. `excerpt`: the lines around the place; `code`, `debug`: of `StepFailed`."""

    def __init__(
        self, message: str, *, excerpt: str = "", code: int = 1, debug: str = "", process: str = ""
    ) -> None:
        super().__init__(message)
        self.excerpt = excerpt
        self.code = code
        self.debug = debug
        self.process = process  # "" unless it is a process that failed
