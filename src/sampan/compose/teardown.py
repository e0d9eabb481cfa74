"""What `down` does, decided from what there is. Pure; the files may be gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sampan.compose import labels
from sampan.compose.steps import (
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    Step,
    StopContainer,
)
from sampan.errors import InvalidArgument

if TYPE_CHECKING:
    from sampan.compose.model import Project
    from sampan.compose.observe import Container, Observed

_CAUSE = "down"
_RUNNING = ("running", "paused", "restarting")


@dataclass(frozen=True, slots=True)
class Options:
    """`images`: "", local or all; `named`: these services only, and no networks."""

    orphans: bool = False
    volumes: bool = False
    images: str = ""
    named: frozenset[str] = frozenset()


def down(name: str, project: Project | None, observed: Observed, options: Options) -> list[list[Step]]:
    """Steps in groups: those of one group may be done at the same time. `project`: None without files."""
    if options.images not in ("", "local", "all"):
        raise InvalidArgument(f'invalid value for --rmi: "{options.images}": write local or all')
    chosen = [item for item in observed.containers if _counts(item, project, options)]
    groups: list[list[Step]] = []
    for level in levels(chosen):
        groups.append([StopContainer(item.id, item.name, _CAUSE) for item in level if item.state in _RUNNING])
        groups.append([_removal(item, options) for item in level])
    if not options.named:
        groups.append(list(_networks(name, project, observed)))
    if options.volumes:
        groups.append(list(_volumes(name, project, observed)))
    if options.images and project is not None:
        groups.append(list(_images(project, observed, options.images)))
    return [group for group in groups if group]


def _removal(item: Container, options: Options) -> RemoveContainer:
    inherited = item.anonymous if options.volumes else ()
    return RemoveContainer(item.id, item.name, _CAUSE, options.volumes, inherited)


def _counts(container: Container, project: Project | None, options: Options) -> bool:
    if options.named:
        return container.service in options.named
    if project is None or container.oneoff:
        return True
    return options.orphans or container.service in (*project.services, *project.known)


def levels(containers: list[Container]) -> list[list[Container]]:
    """Dependents before what they depend on; what does not depend on each other, together."""
    left = list(containers)
    found = []
    while left:
        needed = {other for item in left for other in item.depends_on if other != item.service}
        free = [item for item in left if item.service not in needed] or left
        found.append(sorted(free, key=lambda item: item.name))
        left = [item for item in left if item not in free]
    return found


def _networks(name: str, project: Project | None, observed: Observed) -> list[RemoveNetwork]:
    own = {network for network, given in observed.networks.items() if given.get(labels.PROJECT) == name}
    if project is not None:
        own -= {network.name for network in project.networks.values() if network.external}
    return [RemoveNetwork(network, _CAUSE) for network in sorted(own)]


def _volumes(name: str, project: Project | None, observed: Observed) -> list[RemoveVolume]:
    own = {volume for volume, given in observed.volumes.items() if given.get(labels.PROJECT) == name}
    if project is not None:
        known = {volume.name for volume in project.volumes.values() if not volume.external}
        own |= known & set(observed.volumes)
        own -= {volume.name for volume in project.volumes.values() if volume.external}
    return [RemoveVolume(volume, "--volumes") for volume in sorted(own)]


def _images(project: Project, observed: Observed, which: str) -> list[RemoveImage]:
    found = set()
    for service in project.services.values():
        image = project.image_of(service)
        if image in observed.images and (which == "all" or not service.image):
            found.add(image)
    return [RemoveImage(image, f"--rmi {which}") for image in sorted(found)]
