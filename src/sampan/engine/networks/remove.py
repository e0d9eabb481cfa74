"""`docker network rm`, refused while a running container is on it."""

from sampan.engine.engine import Engine
from sampan.engine.networks.store import Network
from sampan.errors import Forbidden


def endpoints(engine: Engine, network: Network) -> list[tuple[str, str]]:
    """(name, endpoint ID) of the running containers that are on it."""
    return [
        (container.name, endpoint.endpoint_id)
        for container in engine.containers
        for endpoint in container.status.endpoints
        if endpoint.network_id == network.id and endpoint.endpoint_id
    ]


async def remove(engine: Engine, network: Network) -> None:
    """Raises Forbidden in Docker's words."""
    if network.predefined:
        raise Forbidden(f"{network.name} is a pre-defined network and cannot be removed")
    if active := endpoints(engine, network):
        told = ", ".join(f'name:"{name}" id:"{identity[:12]}"' for name, identity in active)
        raise Forbidden(f"error while removing network: network {network.name} has active endpoints ({told})")
    if engine.network.busy(network):
        raise Forbidden(f"error while removing network: network {network.name} has active endpoints")
    if any(other.config_from == network.name for other in engine.networks if network.config_only):
        raise Forbidden(f'error while removing network: configuration network "{network.name}" is in use')
    engine.networks.forget(network)
    try:
        await engine.network.drop(network)
        await engine.networks.delete(network)
    except BaseException:
        engine.networks.reserve(network)
        raise
    attributes = {"name": network.name, "type": network.driver}
    engine.bus.publish("network", "destroy", network.id, attributes)
