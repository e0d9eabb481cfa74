"""`sampan import`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.image import archive, progress, reference
from sampan.client.image.import_ import import_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]"
SHORT = "Make an image of the archive of a root file system"
ALIASES = ("image import", "import")
ARGUMENTS = (1, None)
FLAGS = (
    ("change", "c", "list", None, "Apply a Dockerfile instruction to the image"),
    ("message", "m", "string", "", "Set the image's message"),
    ("platform", "", "string", "", "Platform that the image is for"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    source = arguments[0]
    repository, tag = "", ""
    if len(arguments) > 1:
        name = reference.parse(arguments[1])
        repository, tag = name.familiar, name.tag or "latest"
    remote = source.startswith(("http://", "https://"))
    exchange = import_(
        session.client,
        source,
        None if remote else archive.pieces(source),
        (repository, tag),
        message=options["message"],
        changes=options["change"],
        platform=options["platform"],
    )
    progress.follow(exchange, progress.display(console.STDOUT))
    return 0
