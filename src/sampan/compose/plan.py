"""What `up` and `create` do, decided from the project and from what there is. Pure.

The plan has two parts: `images` first, for what is pulled or built decides whether containers are still
right. In the second every container is created before the first one starts: whoever asks for a neighbour's
name at its own start finds it known.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sampan.compose import quantities, unfinished
from sampan.compose.steps import (
    BuildImage,
    Condition,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    KeepContainer,
    PullImage,
    RemoveContainer,
    StartContainer,
    Step,
    StopContainer,
)
from sampan.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from sampan.compose.model import Project, Service
    from sampan.compose.observe import Container, Observed

_MISSING = "there is none yet"


@dataclass(frozen=True, slots=True)
class Options:
    """`force`: recreate whatever is there; `keep`: recreate nothing; `start`: False for `create`;
    `only`: services to start (their dependencies are in the project, too); `pull`: a policy for all;
    `now`: the time, for policies about the age of images."""

    force: bool = False
    keep: bool = False
    force_dependencies: bool = False
    build: bool = False
    no_build: bool = False
    pull: str = ""
    orphans: bool = False
    start: bool = True
    scale: Mapping[str, int] = field(default_factory=dict)
    named: frozenset[str] = frozenset()
    now: float = field(default_factory=time.time)


def images(project: Project, observed: Observed, options: Options) -> list[Step]:
    """Pulls and builds."""
    found: list[Step] = []
    for name in ordered(project):
        service = project.services[name]
        image = project.image_of(service)
        step = _image(service, image, observed, options)
        if step is not None and step not in found:
            found.append(step)
        found += _of_hooks(service, observed, options, found)
    return found


def _of_hooks(
    service: Service, observed: Observed, options: Options, before: Sequence[Step]
) -> list[PullImage]:
    """Images of `pre_start` steps that have their own."""
    pulled = {step.image for step in before if isinstance(step, PullImage)}
    found = []
    for image in dict.fromkeys(step.image for step in service.pre_start if step.image):
        if image in pulled or (options.pull or service.pull_policy) == "never":
            continue
        if image not in observed.images:
            found.append(PullImage(service.name, image, "no such image here"))
        elif options.pull == "always":
            found.append(PullImage(service.name, image, "pull policy always"))
    return found


def _image(service: Service, image: str, observed: Observed, options: Options) -> Step | None:
    here = observed.images
    policy = options.pull or service.pull_policy or "missing"
    if service.build is not None:
        return _built(service, image, here, options)
    if policy in ("never", "build"):
        if image not in here and policy == "never":
            raise NotFound(f"No such image: {image}: it may not be pulled for service {service.name}")
        return None
    limit = _age_limit(policy, service)
    if limit is not None and image in here:
        age = options.now - observed.tagged.get(image, 0.0)
        if age < limit:
            return None
        return PullImage(service.name, image, f"pull policy {policy}")
    if policy == "always":
        return PullImage(service.name, image, "pull policy always")
    return None if image in here else PullImage(service.name, image, "no such image here")


def _age_limit(policy: str, service: Service) -> float | None:
    """Seconds after which an image is looked for anew; None: no matter of age."""
    if policy == "refresh":
        said = service.pull_refresh_after
        return quantities.duration(said) / 10**9 if said else 0.0
    word = {"daily": "every_1d", "weekly": "every_1w"}.get(policy, policy)
    return quantities.duration(word[6:]) / 10**9 if word.startswith("every_") else None


def _built(service: Service, image: str, here: Mapping[str, str], options: Options) -> Step | None:
    if options.build:
        return BuildImage(service.name, image, "--build")
    if service.pull_policy == "build":
        return BuildImage(service.name, image, "pull policy build")
    if image in here:
        return None
    if options.no_build:
        raise NotFound(
            f"No such image: {image}: service {service.name} has to be built, and --no-build is given"
        )
    return BuildImage(service.name, image, "no such image here")


def containers(project: Project, observed: Observed, options: Options) -> list[Step]:
    """Networks, volumes and containers."""
    _check_external(project, observed)
    steps: list[Step] = list(_networks(project, observed))
    steps += _volumes(project, observed)
    if options.orphans:
        for container in orphans(project, observed):
            steps += _gone(container, "no service of this project has it")
    changes = _Changes(project, observed, options)
    creations: list[Step] = []
    for name in ordered(project):
        creations += changes.service(project.services[name])
    return [*steps, *creations, *(_starts(project, changes) if options.start else [])]


def orphans(project: Project, observed: Observed) -> list[Container]:
    """Containers of services that the files do not have."""
    known = {*project.services, *project.known}
    return [item for item in observed.containers if item.service not in known and not item.oneoff]


def ordered(project: Project) -> list[str]:
    """The services, each behind what it depends on; by name where that says nothing."""
    found: list[str] = []
    chain: list[str] = []  # images that are made from each other have no order

    def add(name: str) -> None:
        if name in found or name not in project.services:
            return
        chain.append(name)
        service = project.services[name]
        for other in sorted({*service.depends_on, *_contexts(service)}):
            if other not in chain:
                add(other)
        chain.pop()
        found.append(name)

    for name in sorted(project.services):
        add(name)
    return found


def _contexts(service: Service) -> list[str]:
    """Services whose images its own is made with."""
    places = service.build.additional_contexts.values() if service.build is not None else ()
    return [place.removeprefix("service:") for place in places if place.startswith("service:")]


def _check_external(project: Project, observed: Observed) -> None:
    for key in sorted(_used_networks(project)):
        network = project.networks[key]
        if network.external and network.name not in (*observed.networks, "host", "none"):
            raise NotFound(f"network {network.name} declared as external, but could not be found")
    for key, volume in sorted(project.volumes.items()):
        if key in _used_volumes(project) and volume.external and volume.name not in observed.volumes:
            raise NotFound(f'external volume "{volume.name}" not found')


def _used_networks(project: Project) -> set[str]:
    return {key for service in project.services.values() for key in service.networks}


def _used_volumes(project: Project) -> set[str]:
    return {mount.source for service in project.services.values() for mount in service.volumes}


def _networks(project: Project, observed: Observed) -> list[CreateNetwork]:
    used = _used_networks(project)
    return [
        CreateNetwork(key, network.name, _MISSING)
        for key, network in sorted(project.networks.items())
        if key in used and not network.external and network.name not in observed.networks
    ]


def _volumes(project: Project, observed: Observed) -> list[CreateVolume]:
    used = _used_volumes(project)
    return [
        CreateVolume(key, volume.name, _MISSING)
        for key, volume in sorted(project.volumes.items())
        if key in used and not volume.external and volume.name not in observed.volumes
    ]


def _gone(container: Container, cause: str) -> list[Step]:
    steps: list[Step] = []
    if container.state in ("running", "paused", "restarting"):
        steps.append(StopContainer(container.id, container.name, cause))
    return [*steps, RemoveContainer(container.id, container.name, cause)]


class _Changes:
    """Decides service by service, in their order; remembers what the ones before became."""

    def __init__(self, project: Project, observed: Observed, options: Options) -> None:
        self._project = project
        self._observed = observed
        self._options = options
        self.recreated: set[str] = set()
        self.names: dict[str, list[str]] = {}  # service → its containers afterwards
        self.running: dict[str, bool] = {}  # container → whether it runs already

    def service(self, service: Service) -> list[Step]:
        options = self._options
        wanted = options.scale.get(service.name, service.copies)
        if service.container_name and wanted > 1:
            raise InvalidArgument(
                f'services.{service.name}: container_name "{service.container_name}" is one name: '
                f"it cannot be scaled to {wanted}"
            )
        existing, steps = unfinished.sorted_out(
            self._observed.of_service(service.name), lambda item: self._name(service, item.number)
        )
        for extra in existing[wanted:]:
            steps += _gone(extra, f"{wanted} of {service.name} are wanted")
        self.names[service.name] = []
        for container in existing[:wanted]:
            steps += self._existing(service, container)
        number = max((item.number for item in existing), default=0)
        for _ in range(wanted - len(existing[:wanted])):
            number += 1
            name = self._name(service, number)
            self.names[service.name].append(name)
            self.running[name] = False
            steps.append(CreateContainer(service.name, number, name, _MISSING))
        return steps

    def _name(self, service: Service, number: int) -> str:
        return service.container_name or self._project.joined(service.name, str(number))

    def _existing(self, service: Service, container: Container) -> list[Step]:
        cause = self._divergence(service, container)
        name = self._name(service, container.number) if cause else container.name
        self.names[service.name].append(name)
        self.running[name] = not cause and container.state in ("running", "restarting", "paused")
        if not cause:
            return self._restarted(service, container)
        self.recreated.add(service.name)
        number = container.number or 1
        return [CreateContainer(service.name, number, name, cause, container.id, container.name)]

    def _restarted(self, service: Service, container: Container) -> list[Step]:
        """`depends_on.X.restart`: a new X means a new start."""
        for other, how in sorted(service.depends_on.items()):
            if how.restart and other in self.recreated and self.running[container.name]:
                self.running[container.name] = False
                return [StopContainer(container.id, container.name, f"{other} is recreated")]
        return []

    def _divergence(self, service: Service, container: Container) -> str:  # noqa: PLR0911 (a list of reasons)
        """Why the container cannot stay; "": it can."""
        options = self._options
        if options.keep:
            return ""
        is_named = not options.named or service.name in options.named
        if options.force and (is_named or options.force_dependencies):
            return "--force-recreate"
        if options.force_dependencies and not is_named:
            return "--always-recreate-deps"
        if container.state == "dead":
            return "it could not be removed before"
        if container.hash != service.hash:
            return "its configuration changed"
        image = self._observed.images.get(self._project.image_of(service), "")
        if image and container.image and container.image != image:
            return "its image changed"
        for other in sorted(_borrows(service) & self.recreated):
            return f"it shares with {other}, which is recreated"
        return ""


def _borrows(service: Service) -> set[str]:
    """Services whose namespaces or volumes this one has by the ID of their container."""
    found = set()
    for mode in (service.network_mode, service.ipc, service.pid or ""):
        kind, _, name = mode.partition(":")
        if kind == "service":
            found.add(name)
    found |= {text.partition(":")[0] for text in service.volumes_from if not text.startswith("container:")}
    return found


def starts(project: Project, observed: Observed) -> list[StartContainer]:
    """What `start` does: the containers that are there, as they are."""
    names = {name: [item.name for item in observed.of_service(name)] for name in project.services}
    return [
        StartContainer(name, item.name, "it does not run", conditions(project.services[name], names))
        for name in ordered(project)
        for item in observed.of_service(name)
        if item.state not in ("running", "paused", "restarting")
    ]


def conditions(service: Service, names: Mapping[str, list[str]]) -> tuple[Condition, ...]:
    """What has to hold before a container of `service` starts. `names`: service → its containers."""
    return tuple(
        Condition(other, how.condition, tuple(names[other]), how.required)
        for other, how in sorted(service.depends_on.items())
        if names.get(other)
    )


def _starts(project: Project, changes: _Changes) -> list[Step]:
    found: list[Step] = []
    for name in ordered(project):
        held = conditions(project.services[name], changes.names)
        for container in changes.names[name]:
            if changes.running[container]:
                found.append(KeepContainer(name, container))
            else:
                found.append(StartContainer(name, container, "it does not run", held))
    return found


def scale_of(words: Sequence[str], project: Project) -> dict[str, int]:
    """`--scale web=3`."""
    found = {}
    for word in words:
        name, equals, count = word.partition("=")
        if not equals or not count.isdigit():
            raise InvalidArgument(f"invalid --scale option {word!r}. Should be SERVICE=NUM")
        if name not in project.services:
            raise NotFound(f"no such service: {name}")
        found[name] = int(count)
    return found
