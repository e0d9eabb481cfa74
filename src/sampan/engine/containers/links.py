"""`--link` on the default bridge: the other container's name in /etc/hosts, its ports and variables in the
environment. Docker's form of both (moby daemon/links, libnetwork etchosts)."""

import os
from contextlib import suppress
from typing import NamedTuple

from sampan.engine.containers.config import HostConfig
from sampan.engine.containers.record import Container, Link
from sampan.engine.engine import Engine
from sampan.errors import Conflict, InvalidArgument, NotFound

_OWN = ("HOME", "PATH")  # of each container itself


class Linked(NamedTuple):
    """`hosts`: "names:address", as for --add-host; `env`: what comes before the container's own."""

    hosts: list[str]
    env: list[str]


def resolve(engine: Engine, host: HostConfig) -> list[Link]:
    """At create: the others are there. Raises InvalidArgument: NotFound would stand for the image."""
    links = []
    for spec in host.links or ():
        name, alias = parse(spec)
        try:
            other = engine.containers.find(name)
        except NotFound as error:
            raise InvalidArgument(f"could not get container for {name}: {error}") from None
        if other.definition.host_config.network_mode == "host":
            raise InvalidArgument(
                "conflicting options: host type networking can't be used with links. This would result in"
                " undefined behavior"
            )
        links.append(Link(other.id, alias))
    return links


def parse(spec: str) -> tuple[str, str]:
    """(name, alias) of `name[:alias]`; inspect's `/name:/parent/alias` is understood, too."""
    if not spec:
        raise InvalidArgument("empty string specified for links")
    parts = spec.split(":")
    if len(parts) > 2:
        raise InvalidArgument(f"bad format for links: {spec}")
    name, alias = parts[0].removeprefix("/"), parts[-1].rpartition("/")[2]
    return name, alias or name


def linked(engine: Engine, container: Container) -> Linked:
    """At the start. Raises Conflict when one of the others does not run."""
    hosts, env = [], []
    mode = engine.networks.resolve(container.definition.host_config.network_mode)
    if mode is not None and not mode.predefined:
        return Linked([], [])  # the resolver knows them: `networks.resolving`
    for link in container.definition.links:
        other = engine.containers.get(link.container)
        if other is None:  # it was removed, and the link with it
            continue
        if not other.running or other.status.endpoint is None:
            raise Conflict(
                f"Cannot link to a non running container: /{other.name} AS /{container.name}/{link.alias}"
            )
        hosts.append(f"{names(other, link.alias)}:{other.status.endpoint.address}")
        if engine.settings.link_variables:
            env += variables(container.name, other, link.alias)
    return Linked(hosts, env)


def hosts(engine: Engine, container: Container) -> list[str]:
    """Of those that run."""
    found = []
    for link in container.definition.links:
        other = engine.containers.get(link.container)
        if other is not None and other.status.endpoint is not None:
            found.append(f"{names(other, link.alias)}:{other.status.endpoint.address}")
    return found


def names(other: Container, alias: str) -> str:
    """What its line in /etc/hosts says beside the address."""
    words = [alias, other.definition.config.hostname]
    return " ".join(words if alias == other.name else [*words, other.name])


def variables(parent: str, other: Container, alias: str) -> list[str]:
    """WEB_NAME, WEB_PORT, WEB_PORT_80_TCP…, WEB_ENV_…"""
    prefix = alias.replace("-", "_").upper()
    address = other.status.endpoint.address if other.status.endpoint else ""
    found = []
    ports = sorted(
        map(_port, other.definition.config.exposed_ports or {}), key=lambda p: (p[0], p[1] != "tcp")
    )
    for index, (number, protocol) in enumerate(ports):
        url, name = f"{protocol}://{address}:{number}", f"{prefix}_PORT_{number}_{protocol.upper()}"
        found += [] if index else [f"{prefix}_PORT={url}"]
        found += [
            f"{name}={url}",
            f"{name}_ADDR={address}",
            f"{name}_PORT={number}",
            f"{name}_PROTO={protocol}",
        ]
    found.append(f"{prefix}_NAME=/{parent}/{alias}")
    for entry in other.definition.config.env or ():
        name, equals, value = entry.partition("=")
        if equals and name not in _OWN:
            found.append(f"{prefix}_ENV_{name}={value}")
    return found


def _port(text: str) -> tuple[int, str]:
    number, _, protocol = text.partition("/")
    return int(number), protocol or "tcp"


def shown(engine: Engine, container: Container) -> list[str] | None:
    """HostConfig.Links of inspect."""
    found = [
        f"/{other.name}:/{container.name}/{link.alias}"
        for link in container.definition.links
        if (other := engine.containers.get(link.container)) is not None
    ]
    return found or None


def aliases(engine: Engine, container: Container) -> list[str]:
    """What other containers call it: "/parent/alias"."""
    return [
        f"/{parent.name}/{link.alias}"
        for parent in engine.containers.linking(container.id)
        for link in parent.definition.links
        if link.container == container.id
    ]


def parents(engine: Engine, container: Container) -> list[tuple[Container, str]]:
    """(who, alias): running containers that are linked to this one."""
    return [
        (parent, link.alias)
        for parent in engine.containers.linking(container.id)
        if parent.running
        for link in parent.definition.links
        if link.container == container.id
    ]


def forget_rows(engine: Engine, container: Container) -> None:
    """The names of those that it is linked to have changed."""
    for link in container.definition.links:
        if (other := engine.containers.get(link.container)) is not None:
            other.entry = None


def tell_parents(engine: Engine, container: Container, linked_to: list[tuple[Container, str]]) -> None:
    """It has started, with another address perhaps: their /etc/hosts follow. Calm."""
    address = container.status.endpoint.address if container.status.endpoint else ""
    for parent, alias in linked_to:
        path = f"{engine.settings.container_data(parent.id)}/hosts"
        with suppress(OSError):
            _replace_line(path, names(container, alias), address)


def tell_all_parents(engine: Engine) -> None:
    """A daemon before us may have ended between a start and `tell_parents`. Calm."""
    for container in engine.containers:
        if container.running and (linked_to := parents(engine, container)):
            tell_parents(engine, container, linked_to)


def _replace_line(path: str, wanted: str, address: str) -> None:
    """In place: the file itself is mounted in the container. The line of an alias and a hostname, whatever
    the other one is called by now."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    with open(fd, "r+", encoding="utf-8", errors="surrogateescape") as file:
        lines = file.read().splitlines()
        known = wanted.split()[:2]
        changed = [
            f"{address}\t{wanted}" if line.partition("\t")[2].split()[:2] == known else line for line in lines
        ]
        if address and changed != lines:
            file.seek(0)
            file.write("\n".join(changed) + "\n")
            file.truncate()


async def remove(engine: Engine, name: str) -> None:
    """`rm --link PARENT/ALIAS`: the link goes, nothing else. Raises NotFound, Conflict."""
    parent_name, slash, alias = name.removeprefix("/").partition("/")
    if not slash:
        engine.containers.find(parent_name)
        raise Conflict("Conflict, cannot remove the default link name of the container")
    try:
        parent = engine.containers.find(parent_name)
    except NotFound:
        raise NotFound(f"No such container: {name}") from None
    async with parent.lock:
        kept = [link for link in parent.definition.links if link.alias != alias]
        if len(kept) == len(parent.definition.links):
            raise NotFound(f"No such container: {name}")
        forget_rows(engine, parent)
        parent.definition.links = kept
        await engine.records.save(parent)
