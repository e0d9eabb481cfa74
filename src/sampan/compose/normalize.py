"""What a project means beyond what it says: names, defaults, variables from files, and the dependencies that
other keys imply."""

from __future__ import annotations

import os
from collections.abc import Mapping as Table
from dataclasses import dataclass

from sampan.compose import discover, dotenv, looked
from sampan.compose.tree import Mapping, Mark, Node, Scalar, Sequence, mapping, text_of, written, wrong
from sampan.errors import NotFound

_BORROWED = ("network_mode", "ipc", "pid")
_TWICE = (  # a key of a service, and where `deploy` says the same
    ("scale", ("deploy", "replicas")),
    ("cpus", ("deploy", "resources", "limits", "cpus")),
    ("mem_limit", ("deploy", "resources", "limits", "memory")),
    ("pids_limit", ("deploy", "resources", "limits", "pids")),
    ("mem_reservation", ("deploy", "resources", "reservations", "memory")),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """`name` of the project; `variables`: for values that a file leaves to the environment."""

    name: str
    directory: str
    variables: Table[str, str]
    resolve_environment: bool = True


def normalize(tree: Mapping, setting: Setting) -> Mapping:
    """The project in its normal form."""
    services = tree.get("services")
    if not isinstance(services, Mapping):
        services = Mapping({}, tree.mark)
    found: dict[str, Node] = {}
    for name, node in services.items.items():
        if isinstance(node, Mapping):
            found[name] = _service(name, node, setting)
    items = {key: node for key, node in tree.items.items() if key not in ("version", "include")}
    items["name"] = Scalar(setting.name, tree.mark)
    items["services"] = Mapping(found, services.mark, keys=services.keys)
    whole = Mapping(items, tree.mark, keys=tree.keys)
    _default_network(whole, found)
    for section in ("networks", "volumes", "secrets", "configs"):
        _name_section(whole, section, setting)
    return whole


def _default_network(tree: Mapping, services: Table[str, Node]) -> None:
    used = any(
        isinstance(networks := service.get("networks"), Mapping) and "default" in networks.items
        for service in services.values()
        if isinstance(service, Mapping)
    )
    networks = tree.get("networks")
    if not isinstance(networks, Mapping):
        networks = Mapping({}, tree.mark)
    items = dict(networks.items)
    if used:
        items.setdefault("default", Scalar(None, tree.mark))
    if items:
        tree.put("networks", Mapping(items, networks.mark, keys=networks.keys))


def _name_section(tree: Mapping, section: str, setting: Setting) -> None:
    found = tree.get(section)
    if not isinstance(found, Mapping):
        return
    for key, node in found.items.items():
        item = node if isinstance(node, Mapping) else Mapping({}, node.mark)
        external = item.get("external")
        outside = isinstance(external, Scalar) and external.value is True
        if external is not None and not outside:
            item.items.pop("external")
        if outside and set(item.items) - {"name", "external"} and section in ("networks", "volumes"):
            other = sorted(set(item.items) - {"name", "external"})[0]
            if not other.startswith("x-"):
                raise wrong(
                    item.mark, (section, key), f'conflicting parameters "external" and "{other}" specified'
                )
        if "name" not in item.items:
            name = key if outside else f"{setting.name}_{key}"
            item.items["name"] = Scalar(name, item.mark)
        if section in ("secrets", "configs") and not outside:
            _stored(section, key, item, setting)
        found.items[key] = item


def _stored(section: str, key: str, item: Mapping, setting: Setting) -> None:
    sources = [name for name in ("file", "environment", "content", "driver") if name in item.items]
    if len(sources) != 1:
        allowed = "file, environment or content" if section == "configs" else "file or environment"
        text = (
            f"exactly one of {allowed} must be set"
            if not sources
            else f"{sources[0]} and {sources[1]} are both set"
        )
        raise wrong(item.mark, (section, key), text)


# One service


def _service(name: str, node: Mapping, setting: Setting) -> Mapping:
    service = Mapping(dict(node.items), node.mark, keys=node.keys)
    path = ("services", name)
    _build(service)
    if setting.resolve_environment:
        _environment(service, setting, path)
        _label_files(service, setting, path)
    _networks(service, path)
    _dependencies(service)
    _grants(service, "secrets", "/run/secrets/")
    _grants(service, "configs", "/")
    for key, other in _TWICE:
        _same(service, key, other, path)
    if text_of(service.get("pull_policy")) == "if_not_present":
        service.items["pull_policy"] = Scalar("missing", service.where("pull_policy"))
    service.items.setdefault("command", Scalar(None, service.mark))
    service.items.setdefault("entrypoint", Scalar(None, service.mark))
    return service


def _build(service: Mapping) -> None:
    build = service.get("build")
    if not isinstance(build, Mapping):
        return
    items = dict(build.items)
    items.setdefault("context", Scalar(os.path.dirname(build.mark.file), build.mark))
    if "dockerfile_inline" not in items:
        items.setdefault("dockerfile", Scalar("Dockerfile", build.mark))
    service.items["build"] = Mapping(items, build.mark, keys=build.keys)


def _environment(service: Mapping, setting: Setting, path: tuple[str, ...]) -> None:
    found: dict[str, Node] = {}
    files = service.items.pop("env_file", None)
    if isinstance(files, Sequence):
        for entry in files.items:
            if isinstance(entry, Mapping):
                _env_file(entry, found, setting, path)
    said = service.get("environment")
    if isinstance(said, Mapping):
        found |= said.items
    for name, node in found.items():
        if isinstance(node, Scalar) and node.value is None and name in setting.variables:
            found[name] = Scalar(setting.variables[name], node.mark)
    if found or said is not None:
        service.put("environment", Mapping(found, service.where("environment")))
    build = service.get("build")
    arguments = build.get("args") if isinstance(build, Mapping) else None
    if isinstance(arguments, Mapping):
        for name, node in arguments.items.items():
            if isinstance(node, Scalar) and node.value is None and name in setting.variables:
                arguments.items[name] = Scalar(setting.variables[name], node.mark)


def _env_file(entry: Mapping, found: dict[str, Node], setting: Setting, path: tuple[str, ...]) -> None:
    file = os.path.join(setting.directory, text_of(entry.get("path")))
    required = entry.get("required")
    if not os.path.isfile(looked.at(file)):
        if isinstance(required, Scalar) and required.value is False:
            return
        raise wrong(
            entry.mark,
            (*path, "env_file"),
            f"env file {file} not found: stat {file}: no such file or directory",
        )
    text = discover.read(file)
    if text_of(entry.get("format")) == "raw":
        values = dotenv.raw(text)
    else:
        values = dotenv.parse(text, file, setting.variables, lambda name: None)
    for key, value in values.items():
        found[key] = Scalar(value, Mark(file, 0))


def _label_files(service: Mapping, setting: Setting, path: tuple[str, ...]) -> None:
    files = service.items.pop("label_file", None)
    if not isinstance(files, Sequence):
        return
    found: dict[str, Node] = {}
    for entry in files.items:
        file = os.path.join(setting.directory, text_of(entry))
        try:
            values = dotenv.parse(discover.read(file), file, {}, lambda name: None)
        except NotFound as error:
            raise wrong(entry.mark, (*path, "label_file"), str(error)) from None
        found |= {key: Scalar(value or "", Mark(file, 0)) for key, value in values.items()}
    said = service.get("labels")
    service.put("labels", Mapping({**found, **(said.items if isinstance(said, Mapping) else {})}, files.mark))


def _networks(service: Mapping, path: tuple[str, ...]) -> None:
    mode, networks = service.get("network_mode"), service.get("networks")
    if mode is not None and isinstance(networks, Mapping) and networks.items:
        text = "declares mutually exclusive `network_mode` and `networks`: invalid compose project"
        raise wrong(service.where("network_mode"), path, text)
    if mode is None and (not isinstance(networks, Mapping) or not networks.items):
        service.put("networks", mapping(service.mark, default=Scalar(None, service.mark)))


def _dependencies(service: Mapping) -> None:
    """links, volumes_from and borrowed namespaces need their service first."""
    implied: dict[str, bool] = {}
    for key in _BORROWED:
        kind, colon, name = text_of(service.get(key)).partition(":")
        if kind == "service" and colon:
            implied[name] = True
    links = service.get("links")
    for link in links.items if isinstance(links, Sequence) else []:
        implied[text_of(link).partition(":")[0]] = True
    sources = service.get("volumes_from")
    for source in sources.items if isinstance(sources, Sequence) else []:
        name = text_of(source).partition(":")[0]
        if not text_of(source).startswith("container:"):
            implied.setdefault(name, False)
    said = service.get("depends_on")
    found: dict[str, Node] = dict(said.items) if isinstance(said, Mapping) else {}
    for node in found.values():
        if isinstance(node, Mapping):
            node.items.setdefault("required", Scalar(True, node.mark))
    for name, restart in implied.items():
        extra = {"restart": True} if restart else {}
        found.setdefault(name, mapping(service.mark, condition="service_started", required=True, **extra))
    if found:
        service.put(
            "depends_on",
            Mapping(
                found, service.where("depends_on"), keys=dict(said.keys) if isinstance(said, Mapping) else {}
            ),
        )


def _grants(service: Mapping, key: str, place: str) -> None:
    grants = service.get(key)
    if not isinstance(grants, Sequence):
        return
    for grant in grants.items:
        if not isinstance(grant, Mapping):
            continue
        target = text_of(grant.get("target")) or text_of(grant.get("source"))
        if not target.startswith("/"):
            target = place + target
        grant.items["target"] = Scalar(target, grant.mark)


def _same(service: Mapping, key: str, other: tuple[str, ...], path: tuple[str, ...]) -> None:
    node: Node | None = service
    for part in other:
        node = node.get(part) if isinstance(node, Mapping) else None
    mine = service.get(key)
    if not isinstance(node, Scalar) or not isinstance(mine, Scalar):
        return
    if written(mine.value) != written(node.value):
        where = ".".join(other)
        raise wrong(
            mine.mark, path, f"can't set distinct values on '{key}' and '{where}': invalid compose project"
        )
