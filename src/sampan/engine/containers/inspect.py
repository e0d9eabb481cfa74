"""`docker inspect` of a container: the record as the Engine API shows it."""

from typing import Any

import msgspec

from sampan.engine import timestamps
from sampan.engine.containers import health, links, uppers
from sampan.engine.containers.config import Config, EndpointRequest, HostConfig
from sampan.engine.containers.record import Container, Endpoint, MountPoint
from sampan.engine.engine import Engine
from sampan.engine.images import resolve
from sampan.engine.networks import wanted
from sampan.engine.state import State
from sampan.errors import SampanError

_EMPTY_LISTS = (
    "BlkioDeviceReadBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteBps", "BlkioDeviceWriteIOps",
    "BlkioWeightDevice", "Devices", "Dns", "DnsOptions", "DnsSearch",
)  # fmt: skip
_OPTIONAL_HOST = ("Annotations", "Init", "Mounts", "StorageOpt", "Sysctls", "Tmpfs")
_OPTIONAL_CONFIG = (
    "ArgsEscaped", "ExposedPorts", "Healthcheck", "MacAddress", "NetworkDisabled", "Shell", "StopSignal",
    "StopTimeout",
)  # fmt: skip


def inspect(engine: Engine, container: Container) -> dict[str, Any]:
    definition = container.definition
    data, home = engine.settings.container_data(container.id), uppers.home(engine, container)
    return {
        "Id": container.id,
        "Created": timestamps.text(definition.created),
        "Path": definition.path,
        "Args": definition.args,
        "State": state(container),
        "Image": engine.images.records.id_of(definition.image_id),
        "ResolvConfPath": f"{data}/resolv.conf" if container.has_run else "",
        "HostnamePath": f"{data}/hostname" if container.has_run else "",
        "HostsPath": f"{data}/hosts" if container.has_run else "",
        "LogPath": log_path(engine, container),
        "Name": f"/{container.name}",
        "RestartCount": container.status.restart_count,
        "Driver": "overlay2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": [one.id for one in container.execs.values() if one.running] or None,
        "HostConfig": host_config(definition.host_config) | {"Links": links.shown(engine, container)},
        "GraphDriver": {
            "Data": {"UpperDir": f"{home}/diff", "WorkDir": f"{home}/work"},
            "Name": "overlay2",
        },
        "Mounts": [mount(engine, one) for one in definition.mounts if one.kind != "tmpfs" or not one.mode],
        "Config": config(definition.config),
        "NetworkSettings": network_settings(engine, container),
    }


def log_path(engine: Engine, container: Container) -> str:
    if container.definition.host_config.log_config.type != "json-file":
        return ""
    return f"{engine.settings.container_data(container.id)}/{container.id}-json.log"


def state(container: Container) -> dict[str, Any]:
    status = container.status
    shown = {
        "Status": status.state.value,
        "Running": container.running or status.state is State.RESTARTING,
        "Paused": status.state is State.PAUSED,
        "Restarting": status.state is State.RESTARTING,
        "OOMKilled": status.oom_killed,
        "Dead": status.state is State.DEAD,
        "Pid": status.pid,
        "ExitCode": status.exit_code,
        "Error": status.error,
        "StartedAt": timestamps.text(status.started_at),
        "FinishedAt": timestamps.text(status.finished_at),
    }
    return shown if status.health is None else shown | {"Health": health.wire(status.health)}


def host_config(host: HostConfig) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(host)
    for name in _EMPTY_LISTS:
        shown[name] = shown[name] or []
    for name in _OPTIONAL_HOST:
        if shown[name] is None:
            del shown[name]
    shown["PortBindings"] = shown["PortBindings"] or {}
    shown["LogConfig"]["Config"] = shown["LogConfig"]["Config"] or {}
    return shown


def config(value: Config) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(value)
    for name in _OPTIONAL_CONFIG:
        if not shown[name]:
            del shown[name]
    shown["Labels"] = shown["Labels"] or {}
    return shown


def mount(engine: Engine, point: MountPoint) -> dict[str, Any]:
    shown: dict[str, Any] = {"Type": point.kind}
    if point.kind == "volume":
        shown |= {"Name": point.source, "Source": engine.volumes.directory(point.source)}
    else:
        shown["Source"] = point.source
    shown["Destination"] = point.destination
    if point.kind == "volume":
        shown["Driver"] = "local"
    return shown | {"Mode": point.mode, "RW": point.writable, "Propagation": point.propagation}


def network_settings(engine: Engine, container: Container) -> dict[str, Any]:
    """With the fields of the default bridge twice, as before API 1.21."""
    there = [one for one in container.status.endpoints if one.network == "bridge"]
    endpoint = there[0] if there else Endpoint("bridge")
    return {
        "Bridge": "",
        "SandboxID": container.id if container.running else "",
        "SandboxKey": f"/proc/{container.status.pid}/ns/net" if container.running else "",
        "Ports": ports(container),
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        "EndpointID": endpoint.endpoint_id,
        "Gateway": endpoint.gateway,
        "GlobalIPv6Address": endpoint.address6,
        "GlobalIPv6PrefixLen": endpoint.prefix_length6,
        "IPAddress": endpoint.address,
        "IPPrefixLen": endpoint.prefix_length,
        "IPv6Gateway": endpoint.gateway6,
        "MacAddress": endpoint.mac,
        "Networks": networks(engine, container),
    }


def networks(engine: Engine, container: Container) -> dict[str, Any]:
    mode = container.definition.host_config.network_mode
    if mode.startswith("container:"):
        return {}
    endpoints = {one.network: one for one in container.status.endpoints}
    asked = wanted.requests(container)
    if not asked and mode in ("host", "none"):
        asked = {
            mode: (container.definition.networking.endpoints_config or {}).get(mode) or EndpointRequest()
        }
    return {
        name: _endpoint(engine, container, asked[name], endpoints.get(name, Endpoint(name)))
        for name in sorted(asked)
    }


def _endpoint(
    engine: Engine, container: Container, request: EndpointRequest, endpoint: Endpoint
) -> dict[str, Any]:
    network = engine.networks.resolve(endpoint.network)
    of_users = network is not None and not network.predefined
    return {
        "IPAMConfig": request.ipam_config,
        "Links": request.links,
        "Aliases": request.aliases,
        "MacAddress": endpoint.mac,
        "DriverOpts": request.driver_opts,
        "GwPriority": request.gw_priority,
        "NetworkID": network.id if network is not None and container.has_run else "",
        "EndpointID": endpoint.endpoint_id,
        "Gateway": endpoint.gateway,
        "IPAddress": endpoint.address,
        "IPPrefixLen": endpoint.prefix_length,
        "IPv6Gateway": endpoint.gateway6,
        "GlobalIPv6Address": endpoint.address6,
        "GlobalIPv6PrefixLen": endpoint.prefix_length6,
        "DNSNames": wanted.dns_names(container, request) if of_users else None,
    }


def ports(container: Container) -> dict[str, Any]:
    """Exposed ports, with their bindings on the host; nothing while it does not run."""
    if not container.running:
        return {}
    shown: dict[str, Any] = dict.fromkeys(container.definition.config.exposed_ports or {})
    for bound in [bound for endpoint in container.status.endpoints for bound in endpoint.ports]:
        key = f"{bound.container_port}/{bound.protocol}"
        port = str(bound.host_port or "")  # none where the network's gateway routes
        shown[key] = [*(shown.get(key) or ()), {"HostIp": bound.host_ip, "HostPort": port}]
    return shown


def image_size(engine: Engine, image_id: str) -> int:
    """Bytes of the image's layers; 0 when it is gone. Calm."""
    try:
        return resolve.find(engine.images, image_id).size
    except SampanError:
        return 0
