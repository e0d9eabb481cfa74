"""hosts, hostname and resolv.conf of a container, written before each start. Calm."""

import os

from sampan.engine.containers import links
from sampan.engine.containers.joins import Joined
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.engine.network import Connection
from sampan.engine.networks import defaults, resolving
from sampan.network import files


def write_network_files(
    engine: Engine, container: Container, connection: Connection, joined: Joined, linked: list[str]
) -> str:
    """The directory that they are in: another container's, where its network is shared."""
    if joined.files:
        return joined.files
    directory = engine.settings.container_data(container.id)
    config, host = container.definition.config, container.definition.host_config
    full_name = f"{config.hostname}.{config.domainname}" if config.domainname else config.hostname
    dns, search, options = host.dns or [], host.dns_search or [], host.dns_options or []
    source, text = files.host_resolv_conf()
    if host.network_mode == "host":
        resolv = files.host_resolv(text, dns, search, options)
        hosts = files.host_hosts(_read("/etc/hosts"), host.extra_hosts or [], _gateways(engine))
    else:
        isolated = connection.endpoint is None
        if any(resolving.is_named(engine, one) for one in connection.endpoints):
            resolv = files.internal_resolv(text, dns, search, options, source=source)
        else:
            resolv = files.resolv_text(text, dns, search, options, loopback=isolated, source=source)
        addresses = [
            address for one in connection.endpoints for address in (one.address, one.address6) if address
        ]
        hosts = files.hosts_text(
            config.hostname,
            config.domainname,
            addresses,
            [*(host.extra_hosts or []), *linked],
            gateways=_gateways(engine),
            machine=_machine(engine, connection),
        )
    for name, content in (("hostname", full_name + "\n"), ("hosts", hosts), ("resolv.conf", resolv)):
        _write(f"{directory}/{name}", content)
    return directory


def _gateways(engine: Engine) -> list[str]:
    """What host-gateway stands for, on whatever network the container is."""
    return defaults.host_gateways(engine.settings) or [one for one in (engine.network.gateway,) if one]


def _machine(engine: Engine, connection: Connection) -> str:
    """On the default bridge, where nobody answers for names; on others the resolver knows."""
    if not connection.endpoints or any(resolving.is_named(engine, one) for one in connection.endpoints):
        return ""
    return connection.endpoints[0].gateway


def rewrite(engine: Engine, container: Container) -> None:
    """Its networks have changed while it runs: addresses in hosts, and whom resolv.conf names. In place: the
    files themselves are mounted in the container."""
    connection = Connection(tuple(container.status.endpoints))
    write_network_files(engine, container, connection, Joined({}), links.hosts(engine, container))


def _write(path: str, text: str) -> None:
    """0644: the container's users read them."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    with open(fd, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read(1 << 20)
    except OSError:
        return ""
