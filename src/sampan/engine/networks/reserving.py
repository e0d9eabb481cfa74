"""Addresses of containers that are about to start, reserved before they do: whoever starts first may ask for
the names of all of them. Who they are, and why only they: docs/adr/0014-names-before-the-start.md."""

from contextlib import suppress

from sampan.engine.containers.record import Container, Endpoint
from sampan.engine.engine import Engine
from sampan.engine.networks import wanted
from sampan.engine.networks.store import Network
from sampan.engine.state import State
from sampan.errors import InvalidArgument, NotFound

# Labels: it is part of what comes up together; it takes the place of one of this name; it is a single
# command of somebody's.
PROJECT = "com.docker.compose.project"
REPLACES = "com.docker.compose.replace"
ONEOFF = "com.docker.compose.oneoff"


def is_expected(container: Container) -> bool:
    """It was created to be started with others, and has not been yet."""
    return (
        bool(_label(container, PROJECT)) and container.state is State.CREATED and not container.status.error
    )


def project_at_rest(engine: Engine, container: Container) -> list[Container]:
    """The others of its project, when nothing of that runs: it is started again, and they will be, too."""
    project = _label(container, PROJECT)
    if not project:
        return []
    others = [one for one in engine.containers if one is not container and _label(one, PROJECT) == project]
    if any(one.running for one in others):
        return []
    return [one for one in others if one.state is State.EXITED and _label(one, ONEOFF) != "True"]


def _label(container: Container, name: str) -> str:
    return (container.definition.config.labels or {}).get(name, "")


def reserve(engine: Engine, container: Container) -> list[Endpoint]:
    """Its places on the networks of users, by address only: the same ones each time. A network that has no
    address left, or is gone, is missed at the start."""
    found = []
    for name, request in wanted.requests(container).items():
        network = engine.networks.resolve(name)
        if network is None or network.predefined:
            continue
        place = _place(engine, container, network, *wanted.addresses(request))
        if place is not None:
            found.append(place)
    container.status.reserved = found
    return found


def _place(
    engine: Engine, container: Container, network: Network, address: str, address6: str
) -> Endpoint | None:
    before = {one.network_id: one for one in container.status.reserved}.get(network.id)
    old = _predecessor(engine, container)
    found = engine.network.held(old, network) if old is not None and not address else ("", "")
    if not any(found):  # else they are free when it has gone
        if before is not None:
            address, address6 = address or before.address, address6 or before.address6
        found = engine.network.reserve(container, network, address, address6)
    if not any(found):
        return None
    return Endpoint(network.name, network_id=network.id, address=found[0], address6=found[1])


def _predecessor(engine: Engine, container: Container) -> Container | None:
    """Whom it was created to replace."""
    name = _label(container, REPLACES)
    with suppress(NotFound, InvalidArgument):
        found = engine.containers.find(name)
        return found if found is not container else None
    return None


def release(engine: Engine, container: Container) -> None:
    """Already so is a result. An address that it uses stays its own."""
    for place in container.status.reserved:
        engine.network.give_back(container, place.network_id)
    container.status.reserved = []
