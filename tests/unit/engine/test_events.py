"""The bus: past and future, filters, listeners that do not listen."""

import asyncio
from collections.abc import Callable

import pytest

from sampan.engine import events, timestamps
from sampan.engine.events import Bus, Event


def _all(_: Event) -> bool:
    return True


async def _collect(
    bus: Bus, count: int, wanted: Callable[[Event], bool] = _all, since: int | None = None
) -> list[str]:
    found = []
    async for event in bus.listen(since, None, wanted):
        found.append(event.action)
        if len(found) == count:
            break
    return found


def test_past_events_come_first_and_none_is_missed_or_told_twice() -> None:
    async def scene() -> list[str]:
        bus = Bus()
        bus.publish("container", "create", "1", {})
        collecting = asyncio.create_task(_collect(bus, 3, since=0))
        await asyncio.sleep(0)
        bus.publish("container", "start", "1", {})
        bus.publish("container", "die", "1", {})
        return await collecting

    assert asyncio.run(scene()) == ["create", "start", "die"]


def test_without_since_the_past_stays_past() -> None:
    async def scene() -> list[str]:
        bus = Bus()
        bus.publish("container", "create", "1", {})
        collecting = asyncio.create_task(_collect(bus, 1))
        await asyncio.sleep(0)
        bus.publish("container", "start", "1", {})
        return await collecting

    assert asyncio.run(scene()) == ["start"]


def test_until_in_the_past_ends_at_once() -> None:
    async def scene() -> list[str]:
        bus = Bus()
        bus.publish("container", "create", "1", {})
        return [event.action async for event in bus.listen(0, timestamps.now(), _all)]

    assert asyncio.run(scene()) == ["create"]


def test_a_listener_that_does_not_keep_up_is_told_what_it_missed() -> None:
    async def scene() -> tuple[int, list[Event]]:
        bus = Bus()
        listening = bus.listen(None, None, _all)
        first = asyncio.ensure_future(anext(listening))
        await asyncio.sleep(0)
        for number in range(events.QUEUE + 10):
            bus.publish("container", "start", str(number), {})
        seen = [await first]
        while seen[-1].action != "gap":
            seen.append(await anext(listening))
        await listening.aclose()  # type: ignore[attr-defined]
        return bus.listeners, seen

    listeners, seen = asyncio.run(scene())
    assert listeners == 0
    assert len(seen) == events.QUEUE + 1
    assert seen[-1].attributes == {"missed": "10"}


EVENT = Event("container", "exec_create: ls", "abcdef" * 10, {"name": "web", "image": "nginx", "k": "v"}, 1)


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        ({}, True),
        ({"event": ["exec_create"]}, True),
        ({"event": ["exec"]}, False),
        ({"event": ["start", "exec_create"]}, True),
        ({"type": ["container"]}, True),
        ({"type": ["image"]}, False),
        ({"container": ["web"]}, True),
        ({"container": ["abcdef"]}, True),
        ({"container": ["we"]}, True),
        ({"image": ["nginx"]}, True),
        ({"label": ["k=v"]}, True),
        ({"label": ["k=v", "other"]}, False),
        ({"label": ["k=w"]}, False),
        ({"volume": ["web"]}, True),
        ({"type": ["container"], "event": ["start"]}, False),
    ],
)
def test_filters(filters: dict[str, list[str]], matches: bool) -> None:
    assert events.matcher(filters)(EVENT) is matches


def test_the_wire_has_the_old_fields_too() -> None:
    wire = EVENT.wire()
    assert (wire["status"], wire["id"], wire["from"]) == (EVENT.action, EVENT.id, "nginx")
    assert wire["Actor"] == {"ID": EVENT.id, "Attributes": EVENT.attributes}
