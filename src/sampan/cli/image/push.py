"""`sampan push`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.console import ExitWith
from sampan.cli.image import pushing, reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] NAME[:TAG]"
SHORT = "Upload an image to a registry"
ALIASES = ("image push", "push")
ARGUMENTS = (1, 1)
FLAGS = (
    ("all-tags", "a", "bool", False, "Push all tags of an image to the repository"),
    ("disable-content-trust", "", "bool", True, "Skip image signing"),
    ("platform", "", "string", "", "Push a platform-specific manifest as a single-platform image"),
    ("quiet", "q", "bool", False, "Suppress verbose output"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    name = reference.parse(arguments[0])
    every = options["all-tags"]
    if every and (name.tag or name.digest):
        raise ExitWith(1, "tag can't be used with --all-tags/-a")
    if not (every or name.tag or name.digest):
        name.tag = "latest"
        if not options["quiet"]:
            console.out("Using default tag: latest")
    descriptor = None if options["quiet"] else console.STDOUT
    tag = "" if every else name.digest or name.tag
    pushing.push(session, name, tag, descriptor=descriptor, platform=options["platform"])
    if options["quiet"]:
        console.out(name.canonical if every else name.canonical_with_tag())
    return 0
