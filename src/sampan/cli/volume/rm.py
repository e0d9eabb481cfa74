"""`sampan volume rm`."""

from __future__ import annotations

from sampan.cli.container.several import each
from sampan.client.volume.rm import rm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] VOLUME [VOLUME...]"
SHORT = "Remove one or more volumes that no container uses"
ALIASES = ("volume rm", "volume remove")
ARGUMENTS = (1, None)
FLAGS = (("force", "f", "bool", False, "A volume that is not there is no error"),)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    return each(arguments, lambda name: rm(session.client, name, force=options["force"]))
