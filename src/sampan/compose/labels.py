"""The labels by which Docker's Compose, and whoever else looks, knows what belongs to a project."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sampan.compose.model import Project, Service

_PREFIX = "com.docker.compose."
PROJECT = _PREFIX + "project"
SERVICE = _PREFIX + "service"
NUMBER = _PREFIX + "container-number"
ONEOFF = _PREFIX + "oneoff"
HASH = _PREFIX + "config-hash"
IMAGE = _PREFIX + "image"
DIRECTORY = _PREFIX + "project.working_dir"
FILES = _PREFIX + "project.config_files"
DEPENDS_ON = _PREFIX + "depends_on"
REPLACES = _PREFIX + "replace"
NETWORK = _PREFIX + "network"
VOLUME = _PREFIX + "volume"
VERSION = _PREFIX + "version"
HOOK = _PREFIX + "hook"
SLUG = _PREFIX + "slug"
# What we say we are: the version of Compose whose behaviour this is.
COMPOSE = "2.40.0"


def of_container(
    project: Project, service: Service, number: int, image: str, *, oneoff: bool
) -> dict[str, str]:
    """`image`: the ID of the image that it is made from."""
    depends = [
        f"{name}:{dependency.condition}:{'true' if dependency.restart else 'false'}"
        for name, dependency in sorted(service.depends_on.items())
    ]
    return {
        **service.labels,
        PROJECT: project.name,
        SERVICE: service.name,
        VERSION: COMPOSE,
        ONEOFF: "True" if oneoff else "False",
        HASH: service.hash,
        IMAGE: image,
        DIRECTORY: project.directory,
        FILES: ",".join(project.files),
        DEPENDS_ON: ",".join(depends),
        NUMBER: str(number),
    }


def of_hook(project: Project, service: Service, kind: str) -> dict[str, str]:
    """Of a container that runs one step of a service's life, and is none of its replicas."""
    return {
        PROJECT: project.name,
        SERVICE: service.name,
        VERSION: COMPOSE,
        ONEOFF: "True",
        HOOK: kind,
        DIRECTORY: project.directory,
        FILES: ",".join(project.files),
    }


def of_network(project: Project, key: str, given: dict[str, str], digest: str) -> dict[str, str]:
    return {**given, PROJECT: project.name, NETWORK: key, VERSION: COMPOSE, HASH: digest}


def of_volume(project: Project, key: str, given: dict[str, str], digest: str) -> dict[str, str]:
    return {**given, PROJECT: project.name, VOLUME: key, VERSION: COMPOSE, HASH: digest}
