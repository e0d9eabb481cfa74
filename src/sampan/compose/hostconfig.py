"""A service as the HostConfig of POST /containers/create. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sampan.compose import mounts
from sampan.errors import InvalidArgument

if TYPE_CHECKING:
    from sampan.compose.model import DeviceRequest, Project, Service

# service → the names of its containers, in order: for links, volumes_from and borrowed namespaces.
Neighbours = Mapping[str, list[str]]


def host_config(project: Project, service: Service, neighbours: Neighbours) -> dict[str, Any]:
    found: dict[str, Any] = {
        "NetworkMode": _network_mode(project, service, neighbours),
        "RestartPolicy": _restart(service),
        "PortBindings": _ports(service),
        "Privileged": service.privileged,
        "ReadonlyRootfs": service.read_only,
        **mounts.of_service(project, service),
        **_lists(service),
        **_limits(service),
    }
    for key, value in (
        ("IpcMode", _borrowed(service.ipc, neighbours)),
        ("PidMode", _borrowed(service.pid or "", neighbours)),
        ("UTSMode", service.uts),
        ("UsernsMode", service.userns_mode),
        ("CgroupnsMode", service.cgroup),
        ("CgroupParent", service.cgroup_parent),
        ("Runtime", service.runtime),
        ("Isolation", service.isolation),
        ("Annotations", service.annotations),
        ("StorageOpt", service.storage_opt),
        ("Sysctls", service.sysctls),
        ("Init", service.init),
    ):
        if value:
            found[key] = value
    if service.logging is not None:
        options = {key: value or "" for key, value in service.logging.options.items()}
        found["LogConfig"] = {"Type": service.logging.driver or "json-file", "Config": options}
    requests = [*service.gpus, *(service.deploy.resources.reservations.devices if service.deploy else ())]
    if requests:
        found["DeviceRequests"] = [_request(request) for request in requests]
    if service.volumes_from:
        found["VolumesFrom"] = [_volumes_from(text, neighbours) for text in service.volumes_from]
    return found


def links(service: Service, neighbours: Neighbours) -> list[str]:
    """`container:alias`, by which a link's name is found on the network."""
    found = []
    for text in service.links:
        name, _, alias = text.partition(":")
        for container in neighbours.get(name, ()):
            found += [f"{container}:{alias or name}", f"{container}:{container}"]
    for text in service.external_links:
        name, _, alias = text.partition(":")
        found.append(f"{name}:{alias or name}")
    return found


def _first(name: str, neighbours: Neighbours) -> str:
    names = neighbours.get(name)
    if not names:
        raise InvalidArgument(f'service "{name}" has no container to share with')
    return names[0]


def _borrowed(mode: str, neighbours: Neighbours) -> str:
    kind, _, name = mode.partition(":")
    return f"container:{_first(name, neighbours)}" if kind == "service" else mode


def _volumes_from(text: str, neighbours: Neighbours) -> str:
    if text.startswith("container:"):
        return text.removeprefix("container:")
    name, colon, mode = text.partition(":")
    return _first(name, neighbours) + colon + mode


def _network_mode(project: Project, service: Service, neighbours: Neighbours) -> str:
    if service.network_mode:
        return _borrowed(service.network_mode, neighbours)
    from sampan.compose.container import by_priority

    names = by_priority(service)
    return project.networks[names[0]].name if names else "none"


def _restart(service: Service) -> dict[str, Any]:
    if service.restart:
        name, _, count = service.restart.partition(":")
        policy: dict[str, Any] = {"Name": name}
        if count:
            policy["MaximumRetryCount"] = int(count)
        return policy
    if service.deploy is not None and service.deploy.restart_policy is not None:
        said = service.deploy.restart_policy
        name = {"any": "always", "none": "no"}.get(said.condition, said.condition)
        return {"Name": name, "MaximumRetryCount": said.max_attempts}
    return {"Name": "no"}


def _ports(service: Service) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for port in service.ports:
        binding = {"HostIp": port.host_ip, "HostPort": port.published}
        found.setdefault(f"{port.target}/{port.protocol}", []).append(binding)
    return found


def _lists(service: Service) -> dict[str, Any]:
    hosts = [f"{host}:{address}" for host, addresses in service.extra_hosts.items() for address in addresses]
    limits = [
        {"Name": name, "Soft": limit.soft, "Hard": limit.hard} for name, limit in service.ulimits.items()
    ]
    devices = [
        {
            "PathOnHost": device.source,
            "PathInContainer": device.target or device.source,
            "CgroupPermissions": device.permissions,
        }
        for device in service.devices
    ]
    every: dict[str, list[Any]] = {
        "CapAdd": service.cap_add,
        "CapDrop": service.cap_drop,
        "Dns": service.dns,
        "DnsOptions": service.dns_opt,
        "DnsSearch": service.dns_search,
        "DeviceCgroupRules": service.device_cgroup_rules,
        "Devices": devices,
        "ExtraHosts": hosts,
        "GroupAdd": service.group_add,
        "SecurityOpt": service.security_opt,
        "Ulimits": limits,
    }
    return {key: value for key, value in every.items() if value}


def _limits(service: Service) -> dict[str, Any]:
    deploy = service.deploy
    limits = deploy.resources.limits if deploy else None
    reserved = deploy.resources.reservations if deploy else None
    cpus = service.cpus or (limits.cpus if limits else 0)
    every = {
        "NanoCpus": round(cpus * 10**9),
        "CpuShares": service.cpu_shares,
        "CpuPeriod": service.cpu_period,
        "CpuQuota": service.cpu_quota,
        "CpuRealtimePeriod": service.cpu_rt_period,
        "CpuRealtimeRuntime": service.cpu_rt_runtime,
        "CpusetCpus": service.cpuset,
        "Memory": int(service.mem_limit or (limits.memory if limits else "") or 0),
        "MemoryReservation": int(service.mem_reservation or (reserved.memory if reserved else "") or 0),
        "MemorySwap": int(service.memswap_limit or 0),
        "OomKillDisable": service.oom_kill_disable,
        "OomScoreAdj": service.oom_score_adj,
        "PidsLimit": service.pids_limit or (limits.pids if limits else 0),
        "ShmSize": int(service.shm_size or 0),
    }
    found: dict[str, Any] = {key: value for key, value in every.items() if value}
    if service.mem_swappiness is not None:
        found["MemorySwappiness"] = service.mem_swappiness
    return found | _block_io(service)


def _block_io(service: Service) -> dict[str, Any]:
    config = service.blkio_config
    if config is None:
        return {}
    found: dict[str, Any] = {"BlkioWeight": config.weight} if config.weight else {}
    if config.weight_device:
        found["BlkioWeightDevice"] = [{"Path": w.path, "Weight": w.weight} for w in config.weight_device]
    for key, rates in (
        ("BlkioDeviceReadBps", config.device_read_bps),
        ("BlkioDeviceReadIOps", config.device_read_iops),
        ("BlkioDeviceWriteBps", config.device_write_bps),
        ("BlkioDeviceWriteIOps", config.device_write_iops),
    ):
        if rates:
            found[key] = [{"Path": rate.path, "Rate": int(rate.rate)} for rate in rates]
    return found


def _request(request: DeviceRequest) -> dict[str, Any]:
    found: dict[str, Any] = {"Driver": request.driver, "Capabilities": [request.capabilities]}
    if request.device_ids:
        found["DeviceIDs"] = request.device_ids
    else:
        found["Count"] = -1 if request.count is None else request.count
    if request.options:
        found["Options"] = request.options
    return found
