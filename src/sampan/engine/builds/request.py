"""What a client asks for when it builds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sampan.build.source import Span
from sampan.engine.builds.caches import CacheSource, CacheTarget
from sampan.engine.containers.config import HostConfig
from sampan.errors import InvalidArgument, SampanError
from sampan.oci import reference as references
from sampan.registry.auth import ANONYMOUS, Credentials


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
    cache_from: tuple[CacheSource, ...] = ()
    cache_to: tuple[CacheTarget, ...] = ()

    def epoch(self) -> int | None:
        """SOURCE_DATE_EPOCH in nanoseconds. Raises InvalidArgument."""
        text = self.arguments.get("SOURCE_DATE_EPOCH", "")
        if not text:
            return None
        if not (text.isascii() and text.isdecimal() and len(text) < 12):
            raise InvalidArgument(f"invalid SOURCE_DATE_EPOCH: {text}")
        return int(text) * 1_000_000_000


def credentials_for(request: Request, domain: str) -> Credentials:
    """What the client knows of a registry; Docker Hub goes by the name of its first one."""
    known = request.credentials
    if domain == references.DEFAULT_DOMAIN:
        return known.get("https://index.docker.io/v1/") or known.get(domain) or ANONYMOUS
    return known.get(domain) or known.get(f"https://{domain}") or ANONYMOUS


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
