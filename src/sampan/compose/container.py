"""A service as the bodies of POST /containers/create and POST /networks/ID/connect. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sampan.compose import hostconfig, quantities
from sampan.compose.hostconfig import Neighbours
from sampan.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sampan.compose.model import Endpoint, Healthcheck, Project, Service


@dataclass(frozen=True, slots=True)
class Creation:
    """`body` names the first network only, for old daemons take no more; `further` are connected before
    the start: network name → EndpointSettings."""

    name: str
    platform: str
    body: dict[str, Any]
    further: dict[str, dict[str, Any]] = field(default_factory=dict)


def creation(
    project: Project,
    service: Service,
    name: str,
    labels: dict[str, str],
    neighbours: Neighbours,
    *,
    aliases: Sequence[str] = (),
) -> Creation:
    """What makes one container of `service`, with the names that it has on its networks."""
    config: dict[str, Any] = {
        "Image": project.image_of(service),
        "Labels": labels,
        "Env": _environment(service),
        "Tty": service.tty,
        "OpenStdin": service.stdin_open,
        "AttachStdout": True,
        "AttachStderr": True,
        "ExposedPorts": _exposed(service),
        "HostConfig": hostconfig.host_config(project, service, neighbours),
    }
    for key, value in (
        ("Hostname", service.hostname),
        ("Domainname", service.domainname),
        ("User", service.user),
        ("WorkingDir", service.working_dir),
        ("StopSignal", service.stop_signal),
        ("MacAddress", service.mac_address),
    ):
        if value:
            config[key] = value
    if service.command is not None:
        config["Cmd"] = service.command
    if service.entrypoint is not None:
        config["Entrypoint"] = service.entrypoint or [""]
    if service.stop_grace_period:
        config["StopTimeout"] = -(-quantities.duration(service.stop_grace_period) // 10**9)
    if service.healthcheck is not None:
        config["Healthcheck"] = _healthcheck(service.healthcheck)
    endpoints = _endpoints(project, service, aliases, neighbours)
    first = dict(list(endpoints.items())[:1])
    if first:
        config["NetworkingConfig"] = {"EndpointsConfig": first}
    return Creation(name, service.platform, config, dict(list(endpoints.items())[1:]))


def _environment(service: Service) -> list[str]:
    """A variable without a value was not in the environment either: it is not set."""
    return [f"{name}={value}" for name, value in service.environment.items() if value is not None]


def _exposed(service: Service) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for text in service.expose:
        ports, slash, protocol = text.partition("/")
        first, _, last = ports.partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            raise InvalidArgument(
                f'services.{service.name}.expose: invalid port "{text}": write 80 or 80/udp'
            )
        for number in range(int(first), int(last or first) + 1):
            found[f"{number}/{protocol if slash else 'tcp'}"] = {}
    for port in service.ports:
        found[f"{port.target}/{port.protocol}"] = {}
    return found


def _healthcheck(check: Healthcheck) -> dict[str, Any]:
    if check.disable:
        return {"Test": ["NONE"]}
    found: dict[str, Any] = {}
    if check.test:
        found["Test"] = check.test
    if check.retries:
        found["Retries"] = check.retries
    for key, text in (
        ("Interval", check.interval),
        ("Timeout", check.timeout),
        ("StartPeriod", check.start_period),
        ("StartInterval", check.start_interval),
    ):
        if text:
            found[key] = quantities.duration(text)
    return found


def by_priority(service: Service) -> list[str]:
    """A service's networks, the one for its default route first."""

    def key(name: str) -> tuple[int, str]:
        endpoint = service.networks[name]
        return (-(endpoint.priority if endpoint is not None else 0), name)

    return sorted(service.networks, key=key)


def _endpoints(
    project: Project, service: Service, aliases: Sequence[str], neighbours: Neighbours
) -> dict[str, dict[str, Any]]:
    if service.network_mode:
        return {}
    links = hostconfig.links(service, neighbours)
    found: dict[str, dict[str, Any]] = {}
    for key in by_priority(service):
        settings = _endpoint(service.networks[key], aliases)
        if links:
            settings["Links"] = links
        found[project.networks[key].name] = settings
    return found


def _endpoint(endpoint: Endpoint | None, aliases: Sequence[str]) -> dict[str, Any]:
    if endpoint is None:
        return {"Aliases": list(aliases)}
    found: dict[str, Any] = {"Aliases": [*aliases, *endpoint.aliases]}
    addressing: dict[str, Any] = {}
    for key, value in (
        ("IPv4Address", endpoint.ipv4_address),
        ("IPv6Address", endpoint.ipv6_address),
        ("LinkLocalIPs", endpoint.link_local_ips),
    ):
        if value:
            addressing[key] = value
    if addressing:
        found["IPAMConfig"] = addressing
    options = dict(endpoint.driver_opts)
    if endpoint.interface_name:
        options["com.docker.network.endpoint.ifname"] = endpoint.interface_name
    if options:
        found["DriverOpts"] = options
    if endpoint.mac_address:
        found["MacAddress"] = endpoint.mac_address
    if endpoint.gw_priority:
        found["GwPriority"] = endpoint.gw_priority
    return found
