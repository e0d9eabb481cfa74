"""Other published ports while the container runs. What is new is held before what is old is let go:

| step | then                                                                                    |
|------|-----------------------------------------------------------------------------------------|
| 1    | the monitor lets go of what stands in the way of something new                          |
| 2    | the new ports are claimed and bound, and the monitor holds them beside the old ones     |
| 3    | the firewall translates the new ones in place of the old ones, in one step              |
| 4    | the caller commits the record, which a daemon after us goes by (`adopted`)              |
| 5    | the old ports are free, in our table and at the monitor                                 |

Until 4 everything can be taken back.
"""

import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Sequence

from sampan.engine.containers import netrecord
from sampan.engine.containers.ports import Decision, overlapping
from sampan.engine.containers.record import BoundPort, Container, Endpoint
from sampan.engine.engine import Engine
from sampan.engine.network import bound, listeners
from sampan.engine.networks import attach
from sampan.errors import SampanError
from sampan.network import ports
from sampan.network.ports import Held
from sampan.runtime.protocol import Port

_log = logging.getLogger(__name__)


def publishing_endpoint(container: Container) -> Endpoint | None:
    """Where its ports are published: None while it does not run, and on networks without a way in."""
    endpoints = container.status.endpoints if container.running else []
    with_ports = [one for one in endpoints if one.ports]
    return with_ports[0] if with_ports else attach.ways_out(container, endpoints).published


@contextlib.asynccontextmanager
async def changed(engine: Engine, container: Container, decision: Decision) -> AsyncIterator[None]:
    """Inside, the ports are as decided; the caller commits there, and what it raises takes all of it back.
    With the container's lock held. Raises Internal in Docker's words."""
    endpoint = publishing_endpoint(container)
    if endpoint is None or not (decision.gone or decision.added):
        yield
        return
    before, way = list(endpoint.ports), overlapping(decision.gone, decision.added)
    async with contextlib.AsyncExitStack() as undo:
        if way:
            undo.push_async_callback(hold_again, engine, container, endpoint, before, way)
            await container.link.publish(_held(before, way))
        added = await _extend(engine, container, endpoint, decision, way=way, undo=undo)
        await engine.network.turn(container, endpoint, decision.gone, added)
        undo.push_async_callback(engine.network.turn, container, endpoint, added, decision.gone)
        endpoint.ports = [one for one in before if one not in decision.gone] + added
        undo.callback(setattr, endpoint, "ports", before)
        yield
        undo.pop_all()
    try:
        netrecord.write(engine.settings.container_run(container.id), container.status.endpoints)
    except OSError as error:  # the database has it
        _log.warning("container %s: %s", container.short_id, error)
    await engine.network.free(container, decision.gone)
    with contextlib.suppress(SampanError):  # it ends just now: its ports are free, too
        await container.link.publish(_held(endpoint.ports))


async def _extend(
    engine: Engine,
    container: Container,
    endpoint: Endpoint,
    decision: Decision,
    *,
    way: Sequence[BoundPort],
    undo: contextlib.AsyncExitStack,
) -> list[BoundPort]:
    if not decision.added:
        return []
    asked = attach.placed(engine, endpoint, decision.added)
    got = await engine.network.extend(container, endpoint, asked, decision.gone)
    added = [BoundPort(*bound) for bound in got.bindings]
    undo.push_async_callback(engine.network.free, container, added)
    try:
        kept = _held(endpoint.ports, way)
        undo.push_async_callback(container.link.publish, kept)
        await hand_over(container, kept, got.listeners)
    finally:
        got.close()
    return added


async def hand_over(container: Container, kept: Sequence[Port], held: Sequence[Held]) -> None:
    files = [one.socket.fileno() for one in held]
    await container.link.publish(kept, listeners(held, 0), files)


async def hold_again(
    engine: Engine,
    container: Container,
    endpoint: Endpoint,
    before: Sequence[BoundPort],
    missing: Sequence[BoundPort],
) -> None:
    """The translation never stopped; only the sockets have to come back. Somebody on the machine who was
    faster has a socket, and still gets nothing."""
    found: list[Held] = []
    try:
        for one in missing:
            try:
                to = engine.network.destination(endpoint)
                held = ports.hold(bound(one), to.of(one.host_ip))
            except SampanError as error:
                _log.warning("container %s: %s", container.short_id, error)
            else:
                found += [held] if held is not None else []
        await hand_over(container, _held(before, missing), found)
    finally:
        for held in found:
            held.socket.close()


def _held(wanted: Sequence[BoundPort], but: Sequence[BoundPort] = ()) -> list[Port]:
    """Where the network's gateway routes there is no port on the host, and nothing to hold."""
    return [
        Port(one.protocol, _as_the_kernel(one.host_ip), one.host_port)
        for one in wanted
        if one.host_port and one not in but
    ]


def _as_the_kernel(address: str) -> str:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_ntop(family, socket.inet_pton(family, address))


async def adopted(engine: Engine, container: Container) -> None:
    """A daemon before us may have been killed in the middle of a change: its monitor holds what is on record,
    and nothing else."""
    endpoint, has = publishing_endpoint(container), set(container.link.ports)
    wanted = [one for one in endpoint.ports if one.host_port] if endpoint is not None else []
    missing = [one for one in wanted if not has & set(_held([one]))]
    if endpoint is not None and missing:
        await hold_again(engine, container, endpoint, wanted, missing)
    elif len(has) > len(wanted):
        await container.link.publish(_held(wanted))
