"""`sampan events`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.flags import filters
from sampan.cli.format import plain
from sampan.client.system.events import events
from sampan.wire import times
from sampan.wire.messages import Messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS]"
SHORT = "Show what happens in the daemon, as it happens"
ALIASES = ("system events", "events")
ARGUMENTS = (0, 0)
FLAGS = (
    ("filter", "f", "filter", None, "Show what meets the conditions only"),
    ("format", "", "string", "", "@inspect"),
    ("since", "", "string", "", "Show what happened since this time, too"),
    ("until", "", "string", "", "End at this time"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    printer = _printer(options["format"])
    since, until = (_time(options[flag]) for flag in ("since", "until"))
    exchange = events(session.client, since, until, filters(options["filter"]))
    messages = Messages()
    for piece in exchange.chunks():
        for event in messages.feed(piece):
            printer(event)
    for event in messages.end():
        printer(event)
    return 0


def _printer(form: str) -> Callable[[dict[str, Any]], None]:
    if not form:
        return lambda event: console.out(line(event))
    from sampan.cli import listing

    return listing.each_event("{{json .}}" if form == "json" else form)


def line(event: dict[str, Any]) -> str:
    """`2026-11-24T09:02:48.369331943Z container die ID (exitCode=0, image=x)`."""
    nanoseconds = event.get("timeNano") or event.get("time", 0) * 10**9
    text = times.text(nanoseconds // 10**9, nanoseconds % 10**9)
    actor = event.get("Actor") or {}
    shown = f"{text} {event.get('Type', '')} {event.get('Action', '')} {actor.get('ID', '')}"
    attributes = actor.get("Attributes")
    if attributes:
        shown += f" ({', '.join(f'{name}={attributes[name]}' for name in sorted(attributes))})"
    return plain(shown)


def _time(text: str) -> str:
    if not text:
        return ""
    from time import time

    from sampan.cli import values

    return values.seconds(text, time())
