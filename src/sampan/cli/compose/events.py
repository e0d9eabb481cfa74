"""`sampan compose events`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.compose import project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] [SERVICE...]"
SHORT = "Receive real time events from containers"
ALIASES = ("compose events",)
ARGUMENTS = (0, None)
FLAGS = (
    ("json", "", "bool", False, "Output events as a stream of json objects"),
    ("since", "", "string", "", "Show all events created since timestamp"),
    ("until", "", "string", "", "Stream events until this timestamp"),
)
_OURS = "com.docker.compose."


def main(session: Session, options: Values, arguments: list[str]) -> int:
    name, _ = project.containers(session, arguments, all=True)
    from time import time

    from sampan.cli import values
    from sampan.client.system.events import events
    from sampan.wire.messages import Messages

    since, until = (
        values.seconds(options[key], time()) if options[key] else "" for key in ("since", "until")
    )
    wanted = {"type": ["container"], "label": [f"{_OURS}project={name}"]}
    messages = Messages()
    for piece in events(session.client, since, until, wanted).chunks():
        for event in messages.feed(piece):
            service = event["Actor"]["Attributes"].get(f"{_OURS}service", "")
            if not arguments or service in arguments:
                _show(event, service, as_json=options["json"])
    return 0


def _show(event: dict[str, Any], service: str, *, as_json: bool) -> None:
    from sampan.wire import json, times

    given = event["Actor"]["Attributes"]
    attributes = {key: value for key, value in given.items() if not key.startswith(_OURS)}
    nanoseconds = int(event.get("timeNano") or 0)
    at = times.text(*divmod(nanoseconds, 10**9))
    identity, action = event["Actor"]["ID"], event["Action"]
    if as_json:
        console.out(
            json.dumps(
                {
                    "action": action,
                    "attributes": attributes,
                    "id": identity,
                    "service": service,
                    "time": at,
                    "type": "container",
                }
            )
        )
        return
    shown = ", ".join(f"{key}={value}" for key, value in sorted(attributes.items()))
    console.out(f"{at.replace('T', ' ')[:26]} container {action} {identity} ({shown})")
