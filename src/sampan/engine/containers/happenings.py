"""Container events, with the attributes that Docker's have: image, name, labels, and what the action adds."""

from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.engine.events import Bus
from sampan.engine.networks import wanted
from sampan.engine.networks.store import Network


def tell(bus: Bus, container: Container, action: str, **more: str) -> None:
    config = container.definition.config
    attributes = {**(config.labels or {}), "image": config.image, "name": container.name, **more}
    bus.publish("container", action, container.id, attributes)


def tell_network(engine: Engine, container: Container, action: str) -> None:
    """`connect` or `disconnect`, for each network; nothing for a container in another one's network."""
    mode = container.definition.host_config.network_mode
    if mode.startswith("container:") or container.definition.config.network_disabled:
        return
    for name in wanted.requests(container) or [mode]:
        if (network := engine.networks.resolve(name)) is not None:
            tell_of_network(engine, container, network, action)


def tell_of_network(engine: Engine, container: Container, network: Network, action: str) -> None:
    attributes = {"container": container.id, "name": network.name, "type": network.driver}
    engine.bus.publish("network", action, network.id, attributes)


def tell_volumes(bus: Bus, container: Container, action: str) -> None:
    """`mount` or `unmount`, for each volume."""
    for mount in container.definition.mounts:
        if mount.kind != "volume":
            continue
        attributes = {"container": container.id, "driver": "local"}
        if action == "mount":
            attributes |= {
                "destination": mount.destination,
                "propagation": mount.propagation,
                "read/write": "true" if mount.writable else "false",
            }
        bus.publish("volume", action, mount.source, attributes)
