"""Carries a plan out, step by step, over the Engine API. Starts are in `starting`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sampan.client.container import create as create_request
from sampan.client.container import rename as rename_request
from sampan.client.container import rm as rm_request
from sampan.client.container import stop as stop_request
from sampan.client.container.inspect import inspect
from sampan.client.image.rmi import rmi
from sampan.client.network import connect as connect_request
from sampan.client.network import create as network_request
from sampan.client.network import rm as network_rm
from sampan.client.volume import create as volume_request
from sampan.client.volume.rm import rm as volume_rm
from sampan.compose import container, grants, hooks, labels, observe, starting, unfinished
from sampan.compose.steps import (
    BuildImage,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    KeepContainer,
    PullImage,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    RenameContainer,
    StartContainer,
    Step,
    StopContainer,
)
from sampan.errors import Conflict, Forbidden, NotFound

if TYPE_CHECKING:
    from sampan.client.connection import Client, Exchange
    from sampan.compose.model import Network, Project, Service

# (kind, name, state): "Container", "web-1", "Started".
Report = Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True)
class Hands:
    """What the caller does itself, for it shows progress and knows credentials."""

    report: Report
    pull: Callable[[PullImage], None] | None = None
    build: Callable[[BuildImage], None] | None = None


@dataclass(slots=True)
class Work:
    """`images`: reference → ID; `names`: service → its containers, as they come to be; `timeout`: seconds for
    stops; `renew`: a recreated container does not take over anonymous volumes."""

    client: Client
    project: Project
    hands: Hands
    images: dict[str, str] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    timeout: int | None = None
    renew: bool = False


def apply(work: Work, steps: list[Step]) -> None:
    """All of them, in their order; what is there or gone already is no error."""
    starts: list[StartContainer] = []
    for step in steps:
        if isinstance(step, StartContainer):
            starts.append(step)
        elif isinstance(step, KeepContainer):
            work.hands.report("Container", step.name, "Running")
        else:
            _step(work, step)
    if starts:
        starting.start(work.client, work.project, starts, work.hands.report)


def _step(work: Work, step: Step) -> None:
    match step:
        case PullImage() if work.hands.pull is not None:
            work.hands.pull(step)
        case BuildImage() if work.hands.build is not None:
            work.hands.build(step)
        case CreateNetwork():
            _create_network(work, step)
        case CreateVolume():
            _create_volume(work, step)
        case CreateContainer():
            _create(work, step)
        case RenameContainer():
            rename_request.rename(work.client, step.id, step.name)
        case _:
            group(work, [step])


# Groups: what a daemon can do at the same time


def group(work: Work, steps: list[Step]) -> None:
    """Stops, removals: all are asked for, then all are waited for."""
    asked: list[tuple[str, str, str, Exchange]] = []
    for step in steps:
        match step:
            case StopContainer():
                hooks.pre_stop(work.client, work.project, step.name)
                work.hands.report("Container", step.name, "Stopping")
                exchange = stop_request.begin(work.client, step.id, work.timeout)
                asked.append(("Container", step.name, "Stopped", exchange))
            case RemoveContainer():
                work.hands.report("Container", step.name, "Removing")
                exchange = rm_request.begin(work.client, step.id, force=True, volumes=step.volumes)
                asked.append(("Container", step.name, "Removed", exchange))
            case RemoveNetwork():
                _remove(work, "Network", step.name, network_rm.rm)
            case RemoveVolume():
                _remove(work, "Volume", step.name, volume_rm)
            case RemoveImage():
                _remove(work, "Image", step.image, rmi)
            case _:
                raise TypeError(f"{step}: not for a group")
    for kind, name, state, exchange in asked:
        with suppress(NotFound):
            exchange.result()
        work.hands.report(kind, name, state)
    for step in steps:
        if isinstance(step, RemoveContainer):
            _remove_quietly(work.client, step.inherited)


def _remove_quietly(client: Client, volumes: Iterable[str]) -> None:
    for volume in volumes:
        with suppress(NotFound, Conflict):  # gone with its container; or somebody else has it, too
            volume_rm(client, volume)


def _anonymous(client: Client, identity: str) -> list[str]:
    mounts = inspect(client, identity).get("Mounts") or ()
    return [mount["Name"] for mount in mounts if observe.is_anonymous(str(mount.get("Name") or ""))]


def _remove(work: Work, kind: str, name: str, request: Callable[[Client, str], object]) -> None:
    work.hands.report(kind, name, "Removing")
    try:
        request(work.client, name)
    except NotFound:
        work.hands.report(kind, name, "Warning: No resource found to remove")
        return
    except (Conflict, Forbidden):
        if kind == "Network":  # somebody else's container is on it
            work.hands.report(kind, name, "Resource is still in use")
            return
        raise
    work.hands.report(kind, name, "Removed")


# Creation


def _create_network(work: Work, step: CreateNetwork) -> None:
    network = work.project.networks[step.key]
    work.hands.report("Network", step.name, "Creating")
    network_request.create(work.client, network_body(work.project, step.key, network))
    work.hands.report("Network", step.name, "Created")


def network_body(project: Project, key: str, network: Network) -> dict[str, Any]:
    """The body of POST /networks/create."""
    body: dict[str, Any] = {
        "Name": network.name,
        "CheckDuplicate": True,
        "Driver": network.driver or "bridge",
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Options": network.driver_opts,
        "Labels": labels.of_network(project, key, network.labels, network.hash),
    }
    if network.enable_ipv6 is not None:
        body["EnableIPv6"] = network.enable_ipv6
    if network.enable_ipv4 is not None:
        body["EnableIPv4"] = network.enable_ipv4
    if network.ipam is not None:
        pools = [
            {
                key: value
                for key, value in (
                    ("Subnet", pool.subnet),
                    ("IPRange", pool.ip_range),
                    ("Gateway", pool.gateway),
                    ("AuxiliaryAddresses", pool.aux_addresses),
                )
                if value
            }
            for pool in network.ipam.config
        ]
        body["IPAM"] = {
            "Driver": network.ipam.driver or "default",
            "Config": pools,
            "Options": network.ipam.options,
        }
    return body


def _create_volume(work: Work, step: CreateVolume) -> None:
    volume = work.project.volumes[step.key]
    work.hands.report("Volume", step.name, "Creating")
    body = {
        "Name": volume.name,
        "Driver": volume.driver or "local",
        "DriverOpts": volume.driver_opts,
        "Labels": labels.of_volume(work.project, step.key, volume.labels, volume.hash),
    }
    volume_request.create(work.client, body)
    work.hands.report("Volume", step.name, "Created")


def _create(work: Work, step: CreateContainer) -> None:
    service = work.project.services[step.service]
    verb = "Recreat" if step.replaces else "Creat"
    work.hands.report("Container", step.old or step.name, f"{verb}e" if step.replaces else "Creating")
    image = work.images.get(work.project.image_of(service), "")
    given = labels.of_container(work.project, service, step.number, image, oneoff=False)
    if step.replaces:
        given[labels.REPLACES] = step.old
    creation = container.creation(
        work.project, service, step.name, given, work.names, aliases=(step.name, service.name)
    )
    if step.replaces:
        _replace(work, step, service, creation)
    else:
        make(work.client, work.project, service, creation, step.name)
    work.hands.report("Container", step.name, f"{verb}ed")
    names = work.names.setdefault(step.service, [])
    if step.name not in names:
        names.append(step.name)


def _replace(work: Work, step: CreateContainer, service: Service, creation: container.Creation) -> None:
    """A new one under another name first: when it cannot be made, the old one is still there."""
    if not work.renew:
        _inherit(work.client, step.replaces, creation)
    temporary = unfinished.temporary(step.name, step.replaces)
    identity = _made(work.client, work.project, service, creation, temporary)
    hooks.pre_stop(work.client, work.project, step.old)
    stop_request.stop(work.client, step.replaces, work.timeout)
    left = _anonymous(work.client, step.replaces) if work.renew else []
    rm_request.rm(work.client, step.replaces, force=True, volumes=work.renew)
    _remove_quietly(work.client, left)
    rename_request.rename(work.client, identity, step.name)


def _inherit(client: Client, old: str, creation: container.Creation) -> None:
    """Anonymous volumes go over: those in whose place the new one has none of its own."""
    host = creation.body["HostConfig"]
    mounts = {mount["Target"]: mount for mount in host.get("Mounts", ())}
    taken = {bind.split(":")[1] for bind in host.get("Binds", ())} | set(host.get("Tmpfs", ()))
    taken |= {target for target, mount in mounts.items() if mount["Type"] != "volume" or mount.get("Source")}
    for mount in inspect(client, old).get("Mounts") or ():
        name, target = str(mount.get("Name") or ""), mount["Destination"]
        if mount["Type"] != "volume" or not observe.is_anonymous(name) or target in taken:
            continue
        if target in mounts:
            mounts[target]["Source"] = name
        else:
            inherited = {"Type": "volume", "Source": name, "Target": target}
            host.setdefault("Mounts", []).append(inherited)


def make(client: Client, project: Project, service: Service, creation: container.Creation, name: str) -> str:
    """The ID. One that is not made in one step is called so when it is complete."""
    if not creation.further and not grants.has_contents(project, service):
        return _made(client, project, service, creation, name)
    identity = _made(client, project, service, creation, unfinished.temporary(name))
    rename_request.rename(client, identity, name)
    return identity


def _made(client: Client, project: Project, service: Service, creation: container.Creation, name: str) -> str:
    """Create, connect to the further networks, put contents in. All of it or nothing."""
    answer = create_request.create(client, creation.body, name, creation.platform)
    identity = str(answer["Id"])
    try:
        for network, settings in creation.further.items():
            connect_request.connect(client, network, identity, settings)
        grants.put(client, project, service, identity)
    except BaseException:
        rm_request.rm(client, identity, force=True, volumes=True)
        raise
    return identity
