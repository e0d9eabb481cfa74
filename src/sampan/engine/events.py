"""What happened, told to whoever listens: a ring of the past, and a bounded queue per listener.

Telling never waits. A listener that does not keep up is told how many events it has missed
(`gap`), instead of losing them silently as Docker's do after 1,024.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, NamedTuple

from sampan.engine import timestamps

PAST = 1024
QUEUE = 4096


class Event(NamedTuple):
    """`kind`: container, image, volume, network or daemon; `time` in nanoseconds since the epoch."""

    kind: str
    action: str
    id: str
    attributes: dict[str, str]
    time: int

    def wire(self) -> dict[str, Any]:
        """As /events spells it, with the fields of before API 1.22 for containers and images."""
        legacy: dict[str, Any] = {}
        if self.kind == "container":
            legacy = {"status": self.action, "id": self.id, "from": self.attributes.get("image", "")}
        elif self.kind == "image":
            legacy = {"status": self.action, "id": self.id}
        return {
            **legacy,
            "Type": self.kind,
            "Action": self.action,
            "Actor": {"ID": self.id, "Attributes": self.attributes},
            "scope": "local",
            "time": self.time // 1_000_000_000,
            "timeNano": self.time,
        }


class _Listener:
    def __init__(self) -> None:
        self.queue: deque[Event] = deque()
        self.missed = 0
        self.wake = asyncio.Event()

    def put(self, event: Event) -> None:
        if len(self.queue) >= QUEUE:
            self.missed += 1
        else:
            if self.missed:
                self.queue.append(_gap(self.missed, event.time))
                self.missed = 0
            self.queue.append(event)
        self.wake.set()


def _gap(missed: int, moment: int) -> Event:
    return Event("daemon", "gap", "", {"missed": str(missed)}, moment)


class Bus:
    def __init__(self) -> None:
        self._past: deque[Event] = deque(maxlen=PAST)
        self._listeners: set[_Listener] = set()

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def publish(self, kind: str, action: str, identity: str, attributes: dict[str, str]) -> None:
        event = Event(kind, action, identity, attributes, timestamps.now())
        self._past.append(event)
        for listener in self._listeners:
            listener.put(event)

    async def listen(
        self, since: int | None, until: int | None, wanted: Callable[[Event], bool]
    ) -> AsyncIterator[Event]:
        """Past events from `since` (none without it), then new ones until `until` (for ever without it)."""
        listener = _Listener()
        self._listeners.add(listener)  # before the past is read: nothing falls between
        try:
            if since is not None:
                for event in list(self._past):
                    if event.time >= since and (until is None or event.time <= until) and wanted(event):
                        yield event
            async for event in _follow(listener, until):
                if wanted(event) or event.action == "gap":
                    yield event
        finally:
            self._listeners.discard(listener)


async def _follow(listener: _Listener, until: int | None) -> AsyncIterator[Event]:
    deadline = None if until is None else asyncio.get_running_loop().time() + (until - timestamps.now()) / 1e9
    while True:
        while listener.queue:
            yield listener.queue.popleft()
        if listener.missed:
            missed, listener.missed = listener.missed, 0
            yield _gap(missed, timestamps.now())
        listener.wake.clear()
        if deadline is not None and deadline <= asyncio.get_running_loop().time():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await listener.wake.wait()


FILTERS = frozenset(
    (
        "config", "container", "daemon", "event", "image", "label", "network", "node", "plugin", "scope",
        "secret", "service", "type", "volume"
    )
)  # fmt: skip


def matcher(filters: dict[str, list[str]]) -> Callable[[Event], bool]:
    """Values of one filter are alternatives; filters add up."""
    tests: list[Callable[[Event], bool]] = []
    for name, values in filters.items():
        tests.append(_test(name, values))
    return lambda event: all(test(event) for test in tests)


def _test(name: str, values: list[str]) -> Callable[[Event], bool]:
    if name == "event":
        return lambda event: any(
            event.action == value or event.action.startswith(value + ":") for value in values
        )
    if name == "type":
        return lambda event: event.kind in values
    if name == "scope":
        return lambda event: "local" in values
    if name == "label":
        return lambda event: all(has_label(event.attributes, value) for value in values)
    if name == "image":
        return lambda event: any(value in _images(event) for value in values)
    return lambda event: any(_begins(event, value) for value in values)


def has_label(labels: dict[str, str], wanted: str) -> bool:
    """`key` or `key=value`."""
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or labels[key] == value)


def _begins(event: Event, value: str) -> bool:
    """Whose ID or name begins with the value, whatever kind of thing it is (moby filters.FuzzyMatch)."""
    return event.id.startswith(value) or event.attributes.get("name", "").startswith(value)


def _images(event: Event) -> set[str]:
    """What an image filter may name: ID and name, with and without tag."""
    name = event.attributes.get("name" if event.kind == "image" else "image", "")
    return {event.id, name, _without_tag(event.id), _without_tag(name)}


def _without_tag(name: str) -> str:
    path, colon, tag = name.rpartition(":")
    return path if colon and "/" not in tag else name
