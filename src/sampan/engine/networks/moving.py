"""Published ports go with the default gateway: when that becomes another network's while the container runs,
they lead to its address there from then on (libnetwork, sbJoin and sbLeave). Their numbers stay.
"""

import contextlib
import logging

from sampan.engine.containers import republish
from sampan.engine.containers.record import BoundPort, Container, Endpoint
from sampan.engine.engine import Engine
from sampan.engine.networks import attach
from sampan.errors import SampanError

_log = logging.getLogger(__name__)


async def move(engine: Engine, container: Container, old: Endpoint | None, new: Endpoint | None) -> None:
    """`old`: the endpoint that had ports; `new`: the one that shall have them, None for none. With the
    container's lock held. What cannot be published there is told in the log, as in Docker."""
    if old is new or (old is None and new is None):
        return
    try:
        if new is None:
            await _free(engine, container, old)
        elif old is not None and _alike(engine, old, new):
            await _turn(engine, container, old, new)
        else:
            await _free(engine, container, old)
            await _publish(engine, container, new)
    except SampanError as error:
        _log.warning("container %s: its ports are not published any more: %s", container.short_id, error)


def _alike(engine: Engine, old: Endpoint, new: Endpoint) -> bool:
    """The same addresses and ports of the machine can lead there, in the same way."""
    before, after = engine.network.destination(old), engine.network.destination(new)
    families = [(bool(to.address), bool(to.address6), to.routed, to.routed6) for to in (before, after)]
    return families[0] == families[1] and old.relayed == attach.relayed(engine, new)


async def _turn(engine: Engine, container: Container, old: Endpoint, new: Endpoint) -> None:
    new.relayed = old.relayed
    moved: list[BoundPort] = old.ports
    await engine.network.turn(container, new, moved, moved)
    new.ports, old.ports = moved, []
    with contextlib.suppress(SampanError):  # it ends just now
        await container.link.publish(())
        await republish.hold_again(engine, container, new, moved, moved)


async def _free(engine: Engine, container: Container, old: Endpoint | None) -> None:
    if old is None or not old.ports:
        return
    await engine.network.unpublish(container)
    old.ports = []
    with contextlib.suppress(SampanError):
        await container.link.publish(())


async def _publish(engine: Engine, container: Container, new: Endpoint) -> None:
    got = await attach.publish(engine, container, new)
    if not got.bindings:
        return
    try:
        await republish.hand_over(container, (), got.listeners)
    finally:
        got.close()
