"""`sampan save`."""

from __future__ import annotations

from sampan.cli.image import output
from sampan.client.image.save import save

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] IMAGE [IMAGE...]"
SHORT = "Save one or more images to a tar archive (streamed to STDOUT by default)"
ALIASES = ("image save", "save")
ARGUMENTS = (1, None)
FLAGS = (
    ("output", "o", "string", "", "Write to a file, instead of STDOUT"),
    ("platform", "", "string", "", "Save only the given platform variant"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    output.check(options["output"], "save image")
    output.write(save(session.client, arguments, options["platform"]), options["output"])
    return 0
