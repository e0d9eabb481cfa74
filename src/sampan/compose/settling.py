"""`--wait`: until all containers of a project run, or are healthy where they have a check; one that has ended
well, and is not to be started again, counts too."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sampan.client.container.inspect import inspect
from sampan.compose.starting import Failed, healthy
from sampan.compose.watching import Watch
from sampan.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sampan.client.connection import Client
    from sampan.compose.starting import Report

# Seconds after which one that was just started, and has no check, is looked at: Compose looks every half
# second, and so sees what ends at once.
_FIRST_LOOK = 0.5


def settle(
    client: Client,
    project: str,
    names: Iterable[str],
    report: Report,
    *,
    seconds: float = 0,
    fresh: Collection[str] = (),
) -> None:
    """`seconds` 0: as long as it takes; `fresh`: those that were started just now. Raises Conflict."""
    _Settling(client, project, list(names), report, frozenset(fresh)).run(seconds)


class _Settling:
    def __init__(
        self, client: Client, project: str, names: list[str], report: Report, fresh: frozenset[str]
    ) -> None:
        self._client = client
        self._left = names
        self._report = report
        self._fresh = fresh
        self._look = time.monotonic() + _FIRST_LOOK
        self._done: list[str] = []
        self._watch = Watch(client, project)

    def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds if seconds else None
        for name in self._left:
            self._report("Container", name, "Waiting")
        try:
            while True:
                self._check()
                if not self._left:
                    return
                looking = time.monotonic() < self._look
                deadlines = [one for one in (end, self._look if looking else None) if one is not None]
                events = self._watch.next(min(deadlines, default=None))
                if end is not None and not events and time.monotonic() >= end:
                    left = ", ".join(self._left)
                    raise Conflict(f"timeout waiting for {left}: application not healthy after {seconds:g}s")
                if not events and not looking:
                    raise Conflict("the daemon ended the stream of events while the project came up")
                self._again(events)
        finally:
            self._watch.close()

    def _check(self) -> None:
        for name in list(self._left):
            if word := self._settled(name):
                self._report("Container", name, word)
                self._left.remove(name)
                self._done.append(name)

    def _again(self, events: list[dict[str, Any]]) -> None:
        """Who has ended while others are waited for is looked at once more."""
        for event in events:
            name = str(event.get("Actor", {}).get("Attributes", {}).get("name", ""))
            if event.get("Action") == "die" and name in self._done:
                self._done.remove(name)
                self._left.append(name)

    def _settled(self, name: str) -> str:
        """What is reported of it, once it counts."""
        found = inspect(self._client, name)
        state = found["State"]
        if state.get("Status") in ("exited", "dead"):
            policy = (found["HostConfig"].get("RestartPolicy") or {}).get("Name") or "no"
            if state.get("ExitCode") or policy not in ("no", "on-failure"):
                raise Conflict(f"container {name} exited ({state.get('ExitCode')})")
            return "Exited"
        if not state.get("Running") or state.get("Restarting"):
            return ""
        if (state.get("Health") or {}).get("Status", "none") == "none":
            waits = name in self._fresh and time.monotonic() < self._look
            return "" if waits else "Healthy"
        try:
            return "Healthy" if healthy(name, state) else ""
        except Failed as error:
            raise Conflict(str(error)) from None
