"""`sampan volume create`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.container.environment import labels
from sampan.client.volume.create import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] [VOLUME]"
SHORT = "Create a volume"
ALIASES = ()
ARGUMENTS = (0, 1)
FLAGS = (
    ("driver", "d", "string", "local", "Volume driver"),
    ("label", "", "list", None, "Set metadata on the volume"),
    ("opt", "o", "map", None, "Set options of the driver"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    config: dict[str, Any] = {"Driver": options["driver"], "DriverOpts": dict(options["opt"])}
    if arguments:
        config["Name"] = arguments[0]
    if options["label"]:
        config["Labels"] = labels([], options["label"])
    console.out(create(session.client, config)["Name"])
    return 0
