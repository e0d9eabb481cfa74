"""The steps of a plan: small frozen values that print themselves, each with the cause of its being there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class PullImage:
    service: str
    image: str
    cause: str
    required: bool = True  # else the service can be built instead

    def __str__(self) -> str:
        return f"pull {self.image} for {self.service}: {self.cause}"


@dataclass(frozen=True, slots=True)
class BuildImage:
    service: str
    image: str
    cause: str

    def __str__(self) -> str:
        return f"build {self.image} for {self.service}: {self.cause}"


@dataclass(frozen=True, slots=True)
class CreateNetwork:
    key: str
    name: str
    cause: str

    def __str__(self) -> str:
        return f"create network {self.name}: {self.cause}"


@dataclass(frozen=True, slots=True)
class CreateVolume:
    key: str
    name: str
    cause: str

    def __str__(self) -> str:
        return f"create volume {self.name}: {self.cause}"


@dataclass(frozen=True, slots=True)
class CreateContainer:
    """`replaces`: the ID of the container whose place and anonymous volumes it takes; `old`: its name."""

    service: str
    number: int
    name: str
    cause: str
    replaces: str = ""
    old: str = ""

    def __str__(self) -> str:
        verb = "recreate" if self.replaces else "create"
        return f"{verb} container {self.name}: {self.cause}"


@dataclass(frozen=True, slots=True)
class StopContainer:
    id: str
    name: str
    cause: str

    def __str__(self) -> str:
        return f"stop container {self.name}: {self.cause}"


@dataclass(frozen=True, slots=True)
class RemoveContainer:
    """`volumes`: with its anonymous ones; `inherited`: those of them that it has from containers before it,
    which the daemon takes for named ones."""

    id: str
    name: str
    cause: str
    volumes: bool = False
    inherited: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"remove container {self.name}: {self.cause}"


@dataclass(frozen=True, slots=True)
class RenameContainer:
    id: str
    old: str
    name: str
    cause: str

    def __str__(self) -> str:
        return f"rename container {self.old} to {self.name}: {self.cause}"


@dataclass(frozen=True, slots=True)
class RemoveNetwork:
    name: str
    cause: str

    def __str__(self) -> str:
        return f"remove network {self.name}: {self.cause}"


@dataclass(frozen=True, slots=True)
class RemoveVolume:
    name: str
    cause: str

    def __str__(self) -> str:
        return f"remove volume {self.name}: {self.cause}"


@dataclass(frozen=True, slots=True)
class RemoveImage:
    image: str
    cause: str

    def __str__(self) -> str:
        return f"remove image {self.image}: {self.cause}"


@dataclass(frozen=True, slots=True)
class Condition:
    """What has to hold of another service's containers before a start."""

    service: str
    condition: str
    containers: tuple[str, ...]
    required: bool = True

    def __str__(self) -> str:
        return f"{self.service} {self.condition.removeprefix('service_')}"


@dataclass(frozen=True, slots=True)
class StartContainer:
    service: str
    name: str
    cause: str
    conditions: tuple[Condition, ...] = field(default=())

    def __str__(self) -> str:
        after = f", after {', '.join(map(str, self.conditions))}" if self.conditions else ""
        return f"start container {self.name}: {self.cause}{after}"


@dataclass(frozen=True, slots=True)
class KeepContainer:
    """Nothing to do, but the user is told."""

    service: str
    name: str

    def __str__(self) -> str:
        return f"keep container {self.name}: running, and as its service asks"


Step: TypeAlias = (
    PullImage
    | BuildImage
    | CreateNetwork
    | CreateVolume
    | CreateContainer
    | StopContainer
    | RemoveContainer
    | RenameContainer
    | RemoveNetwork
    | RemoveVolume
    | RemoveImage
    | StartContainer
    | KeepContainer
)


def text(steps: list[Step]) -> str:
    """The plan, one step a line."""
    return "".join(f"{step}\n" for step in steps)
