"""`sampan rmi`."""

from __future__ import annotations

from sampan.cli import console
from sampan.client.image.rmi import rmi
from sampan.errors import NotFound, SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] IMAGE [IMAGE...]"
SHORT = "Remove one or more images"
ALIASES = ("image rm", "image remove", "rmi")
ARGUMENTS = (1, None)
FLAGS = (
    ("force", "f", "bool", False, "Remove the image although it is used, or has several names"),
    ("no-prune", "", "bool", False, "Keep parents that have no name"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    status = 0
    for name in arguments:
        try:
            removed = rmi(session.client, name, force=options["force"], prune=not options["no-prune"])
        except SampanError as error:
            console.error(str(error))
            if not (options["force"] and isinstance(error, NotFound)):
                status = 1
            continue
        for item in removed:
            for word in ("Untagged", "Deleted"):
                if item.get(word):
                    console.out(f"{word}: {item[word]}")
    return status
