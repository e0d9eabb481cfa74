"""What one part of a project says about another: references, cycles, contradictions."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass

from sampan.compose.kinds import near_miss
from sampan.compose.tree import Mapping, Mark, Node, Scalar, Sequence, text_of, wrong
from sampan.errors import InvalidArgument

_INVALID = "invalid compose project"


def check(tree: Mapping) -> None:
    """Raises InvalidArgument for what can never come up."""
    services = _section(tree, "services")
    for name, node in services.items():
        if isinstance(node, Mapping):
            _service(tree, name, node)
    _cycles(services)


def _section(tree: Mapping, name: str) -> Table[str, Node]:
    found = tree.get(name)
    return found.items if isinstance(found, Mapping) else {}


def _service(tree: Mapping, name: str, service: Mapping) -> None:
    path = ("services", name)
    if not any(key in service.items for key in ("image", "build", "provider")):
        text = f'service "{name}" has neither an image nor a build context specified: {_INVALID}'
        raise wrong(service.mark, path, text)
    build = service.get("build")
    if isinstance(build, Mapping) and {"dockerfile", "dockerfile_inline"} <= set(build.items):
        text = f'service "{name}" declares mutually exclusive dockerfile and dockerfile_inline: {_INVALID}'
        raise wrong(build.where("dockerfile_inline"), (*path, "build"), text)
    _references(tree, name, service)
    _mounts(tree, name, service)
    _copies(name, service)


def _references(tree: Mapping, name: str, service: Mapping) -> None:
    for key, section, what in (
        ("networks", "networks", "undefined network"),
        ("models", "models", "undefined model"),
    ):
        used, known = service.get(key), _section(tree, section)
        for reference in used.items if isinstance(used, Mapping) else {}:
            if reference not in known and isinstance(used, Mapping):
                _refuse(used.where(reference), name, key, _Missing(f"{what} {reference}", reference, known))
    depends, services = service.get("depends_on"), _section(tree, "services")
    for reference, node in depends.items.items() if isinstance(depends, Mapping) else ():
        if isinstance(depends, Mapping) and reference not in services and _required(node):
            text = f'service "{name}" depends on undefined service "{reference}": {_INVALID}'
            near = near_miss(reference, list(services))
            raise wrong(*_said(service, name, reference), text + near)
    for key in ("secrets", "configs"):
        grants, known = service.get(key), _section(tree, key)
        for grant in grants.items if isinstance(grants, Sequence) else []:
            source = text_of(grant.get("source")) if isinstance(grant, Mapping) else ""
            if source not in known:
                _refuse(grant.mark, name, key, _Missing(f"undefined {key[:-1]} {source}", source, known))


def _said(service: Mapping, name: str, reference: str) -> tuple[Mark, tuple[str, ...]]:
    """Where a service mentions another one: depends_on, or a key that implies it."""
    for key in ("links", "volumes_from"):
        found = service.get(key)
        for item in found.items if isinstance(found, Sequence) else ():
            if text_of(item).partition(":")[0] == reference:
                return item.mark, ("services", name, key)
    for key in ("network_mode", "ipc", "pid"):
        if text_of(service.get(key)) == f"service:{reference}":
            return service.where(key), ("services", name, key)
    depends = service.get("depends_on")
    mark = depends.where(reference) if isinstance(depends, Mapping) else service.mark
    return mark, ("services", name, "depends_on")


def _required(node: Node) -> bool:
    said = node.get("required") if isinstance(node, Mapping) else None
    return not (isinstance(said, Scalar) and said.value is False)


def _mounts(tree: Mapping, name: str, service: Mapping) -> None:
    mounts, known = service.get("volumes"), _section(tree, "volumes")
    for mount in mounts.items if isinstance(mounts, Sequence) else []:
        if not isinstance(mount, Mapping) or text_of(mount.get("type")) != "volume":
            continue
        source = text_of(mount.get("source"))
        if source and source not in known:
            _refuse(mount.mark, name, "volumes", _Missing(f"undefined volume {source}", source, known))


@dataclass(frozen=True, slots=True)
class _Missing:
    """A reference to nothing: `what` in words, the name itself, and what there is."""

    what: str
    word: str
    known: Table[str, Node]


def _refuse(mark: Mark, name: str, key: str, missing: _Missing) -> None:
    near = near_miss(missing.word, list(missing.known)) or f"; name it under `{key}:` at the top level"
    text = f'service "{name}" refers to {missing.what}: {_INVALID}{near}'
    raise wrong(mark, ("services", name, key), text)


def _copies(name: str, service: Mapping) -> None:
    count = service.get("scale")
    if count is None and isinstance(deploy := service.get("deploy"), Mapping):
        count = deploy.get("replicas")
    fixed = text_of(service.get("container_name"))
    if fixed and isinstance(count, Scalar) and isinstance(count.value, int) and count.value > 1:
        text = (
            f'service "{name}" has a container_name and {count.value} copies: container_name must be unique'
        )
        raise wrong(service.where("container_name"), ("services", name), text)


def _cycles(services: Table[str, Node]) -> None:
    done: set[str] = set()
    for name in services:
        _follow(name, services, (), done)


def _follow(name: str, services: Table[str, Node], chain: tuple[str, ...], done: set[str]) -> None:
    if name in chain:
        cycle = " -> ".join((*chain[chain.index(name) :], name))
        text = f"dependency cycle detected: {cycle}: {_INVALID}"
        last = services[chain[-1]]
        depends = last.get("depends_on") if isinstance(last, Mapping) else None
        if not isinstance(depends, Mapping):
            raise InvalidArgument(text)
        raise wrong(depends.where(name), ("services", chain[-1], "depends_on"), text)
    node = services.get(name)
    if name in done or not isinstance(node, Mapping):
        return
    depends = node.get("depends_on")
    for other in depends.items if isinstance(depends, Mapping) else {}:
        _follow(other, services, (*chain, name), done)
    done.add(name)
