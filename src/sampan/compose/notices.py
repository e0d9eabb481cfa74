"""Keys that are read, and cannot do what they do elsewhere: said in one line each when a project comes up,
never silently dropped. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from sampan.compose.tree import Mapping, Mark, Node, Scalar, Sequence, text_of, wrong

_WINDOWS = "is for Windows containers and has no effect here"
_SWARM = "is for Swarm and has no effect here"
_IDLE = {  # keys of a service, parts joined by dots
    "cpu_count": _WINDOWS,
    "cpu_percent": _WINDOWS,
    "credential_spec": _WINDOWS,
    "build.isolation": _WINDOWS,
    "build.provenance": "has no effect: no attestations are written",
    "build.sbom": "has no effect: no attestations are written",
    "deploy.endpoint_mode": _SWARM,
    "deploy.placement": _SWARM,
    "deploy.update_config": _SWARM,
    "deploy.rollback_config": _SWARM,
    "deploy.restart_policy.delay": _SWARM,
    "deploy.restart_policy.window": _SWARM,
    "deploy.resources.reservations.cpus": _SWARM,
    "deploy.resources.reservations.generic_resources": _SWARM,
}
_REFUSED = {
    "models": "there is no model runner here: run the model as a service with an image, and give its address "
    "under `environment`",
    "provider": "providers are not supported: give the service an `image` or a `build`, or leave it out",
}
_STORED_IDLE = ("labels",)
_STORED_REFUSED = ("driver", "driver_opts", "template_driver")


def idle(tree: Mapping) -> list[str]:
    """A line for each key that has no effect."""
    found = [str(wrong(mark, path, _IDLE[key])) for key, path, mark in _of_services(tree, _IDLE)]
    for name, service in _section(tree, "services"):
        deploy = service.get("deploy")
        mode = deploy.get("mode") if isinstance(deploy, Mapping) else None
        if isinstance(mode, Scalar) and text_of(mode) not in ("", "replicated"):
            found.append(str(wrong(mode.mark, ("services", name, "deploy", "mode"), _SWARM)))
    for path, mark in _stored(tree, _STORED_IDLE):
        found.append(str(wrong(mark, path, _SWARM)))
    return found


def refused(tree: Mapping) -> list[str]:
    """A line for each key without whose effect the project would be another one."""
    found = [str(wrong(mark, path, _REFUSED[key])) for key, path, mark in _of_services(tree, _REFUSED)]
    used = {
        (key, text_of(grant.get("source")))
        for _, service in _section(tree, "services")
        for key in ("secrets", "configs")
        for grant in _items(service.get(key))
        if isinstance(grant, Mapping)
    }
    for path, mark in _stored(tree, _STORED_REFUSED):
        if path[:2] in used:
            found.append(str(wrong(mark, path, "is for Swarm: use file, environment or content")))
    return found


def _of_services(tree: Mapping, keys: dict[str, str]) -> Iterator[tuple[str, tuple[str, ...], Mark]]:
    for name, service in _section(tree, "services"):
        for key in keys:
            *parents, last = key.split(".")
            node: Node | None = service
            for part in parents:
                node = node.get(part) if isinstance(node, Mapping) else None
            if isinstance(node, Mapping) and last in node.items:
                yield key, ("services", name, *parents, last), node.where(last)


def _stored(tree: Mapping, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, str, str], Mark]]:
    for section in ("secrets", "configs"):
        for name, item in _section(tree, section):
            for key in keys:
                if key in item.items:
                    yield (section, name, key), item.where(key)


def _section(tree: Mapping, name: str) -> Iterator[tuple[str, Mapping]]:
    section = tree.get(name)
    for key, node in section.items.items() if isinstance(section, Mapping) else ():
        if isinstance(node, Mapping):
            yield key, node


def _items(node: Node | None) -> list[Node]:
    return node.items if isinstance(node, Sequence) else []
