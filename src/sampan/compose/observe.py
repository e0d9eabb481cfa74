"""What there is of a project: its containers, networks, volumes and images, as the daemon tells it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sampan.client.container.ps import ps
from sampan.client.image import inspect as image_request
from sampan.client.network import ls as network_request
from sampan.client.volume import ls as volume_request
from sampan.compose import labels
from sampan.errors import NotFound
from sampan.wire import times

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sampan.client.connection import Client
    from sampan.compose.model import Project


@dataclass(frozen=True, slots=True)
class Container:
    """`state`: created, running, paused, restarting, exited, dead; `image`: the ID it was made from."""

    id: str
    name: str
    service: str
    number: int
    state: str
    hash: str = ""
    image: str = ""
    oneoff: bool = False
    replaces: str = ""  # the name of the container that it was made in place of
    depends_on: tuple[str, ...] = ()
    anonymous: tuple[str, ...] = ()  # volumes
    raw: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Observed:
    """`networks`, `volumes`: name → labels, all that the daemon has; `images`: reference → ID; `tagged`:
    reference → when it got that name here, as a time of the epoch, where somebody asks."""

    containers: tuple[Container, ...] = ()
    networks: dict[str, dict[str, str]] = field(default_factory=dict)
    volumes: dict[str, dict[str, str]] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    tagged: dict[str, float] = field(default_factory=dict)

    def of_service(self, name: str) -> list[Container]:
        """Its containers but for those of `run`, lowest number first."""
        found = [item for item in self.containers if item.service == name and not item.oneoff]
        return sorted(found, key=lambda item: (item.number, item.name))


def containers(client: Client, project: str, *, all: bool = True) -> list[Container]:
    found = ps(client, all=all, wanted={"label": [f"{labels.PROJECT}={project}"]})
    return [container_of(item) for item in found]


def container_of(item: dict[str, Any]) -> Container:
    given: dict[str, str] = item.get("Labels") or {}
    number = given.get(labels.NUMBER, "0")
    depends = [part.partition(":")[0] for part in given.get(labels.DEPENDS_ON, "").split(",") if part]
    return Container(
        id=item["Id"],
        name=_name(item),
        service=given.get(labels.SERVICE, ""),
        number=int(number) if number.isdigit() else 0,
        state=str(item.get("State", "")),
        hash=given.get(labels.HASH, ""),
        image=given.get(labels.IMAGE, ""),
        oneoff=given.get(labels.ONEOFF, "False") == "True",
        replaces=given.get(labels.REPLACES, ""),
        depends_on=tuple(depends),
        anonymous=tuple(
            str(mount["Name"])
            for mount in item.get("Mounts") or ()
            if mount.get("Type") == "volume" and is_anonymous(str(mount.get("Name", "")))
        ),
        raw=item,
    )


def is_anonymous(volume: str) -> bool:
    """Nobody gave it this name: 64 hexadecimal digits."""
    return len(volume) == 64 and not set(volume) - set("0123456789abcdef")


def _name(item: dict[str, Any]) -> str:
    """Its own name: the one without another container's before it (links of the default bridge)."""
    names = [str(name).removeprefix("/") for name in item.get("Names") or [item["Id"]]]
    return next((name for name in names if "/" not in name), names[0])


def observe(client: Client, project: Project, *, volumes: bool = False) -> Observed:
    """Everything that a plan for `project` looks at. `volumes`: also where the project has none."""
    networks = network_request.ls(client)
    stored = volume_request.ls(client).get("Volumes") or [] if project.volumes or volumes else []
    found = inspected(client, project.images())
    return Observed(
        tuple(containers(client, project.name)),
        {item["Name"]: item.get("Labels") or {} for item in networks},
        {item["Name"]: item.get("Labels") or {} for item in stored},
        {reference: str(image["Id"]) for reference, image in found.items()},
        {reference: _tagged(image) for reference, image in found.items()},
    )


def images(client: Client, references: Iterable[str]) -> dict[str, str]:
    """Those of `references` that are here."""
    return {reference: str(image["Id"]) for reference, image in inspected(client, references).items()}


def inspected(client: Client, references: Iterable[str]) -> dict[str, dict[str, Any]]:
    found = {}
    for reference in sorted(references):
        try:
            found[reference] = image_request.inspect(client, reference)
        except NotFound:
            continue
    return found


def _tagged(image: dict[str, Any]) -> float:
    try:
        return float(times.parse(str((image.get("Metadata") or {}).get("LastTagTime") or ""))[0])
    except ValueError:
        return 0.0
