"""`sampan pull`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.console import ExitWith
from sampan.cli.image import pulling, reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] NAME[:TAG|@DIGEST]"
SHORT = "Fetch an image from a registry"
ALIASES = ("image pull", "pull")
ARGUMENTS = (1, 1)
FLAGS = (
    ("all-tags", "a", "bool", False, "Fetch all tagged images of the repository"),
    ("platform", "", "string", "", "Platform to choose of a multi-platform image"),
    ("quiet", "q", "bool", False, "Print nothing but the image's name"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    name = reference.parse(arguments[0])
    every = options["all-tags"]
    if every and (name.tag or name.digest):
        raise ExitWith(1, "tag can't be used with --all-tags/-a")
    if not (every or options["quiet"]):
        pulling.announce_default(arguments[0])
    platform = options["platform"] or console.environment("DOCKER_DEFAULT_PLATFORM")
    descriptor = None if options["quiet"] else console.STDOUT
    pulled = pulling.pull(session, arguments[0], platform=platform, descriptor=descriptor, all_tags=every)
    console.out(pulled.canonical if every else pulled.canonical_with_tag())
    return 0
