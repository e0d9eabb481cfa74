"""`sampan compose build`."""

from __future__ import annotations

from sampan.cli.compose import progress, project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] [SERVICE...]"
SHORT = "Build or rebuild services"
ALIASES = ("compose build",)
ARGUMENTS = (0, None)
FLAGS = (
    ("build-arg", "", "list", None, "Set build-time variables for services"),
    ("builder", "", "string", "", "Set builder to use (there is one only)"),
    ("check", "", "bool", False, "Check build configuration"),
    ("memory", "m", "bytes", 0, "Set memory limit for the build container"),
    ("no-cache", "", "bool", False, "Do not use cache when building the image"),
    ("progress", "", "string", "", "Set type of ui output (auto, tty, plain, rawjson, quiet)"),
    ("pull", "", "bool", False, "Always attempt to pull a newer version of the image"),
    ("push", "", "bool", False, "Push service images"),
    ("quiet", "q", "bool", False, "Suppress the build output"),
    ("ssh", "", "list", None, "Set SSH authentications used when building service images"),
    ("with-dependencies", "", "bool", False, "Also build dependencies (transitively)"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    loaded = project.load(session)
    found = project.model(session, loaded, arguments, dependencies=options["with-dependencies"])
    say = progress.report(session)
    from sampan.cli.compose import making
    from sampan.compose import plan

    given: dict[str, Any] = {}
    for name in ("memory", "no-cache", "pull", "push", "quiet", "progress", "ssh", "check"):
        if name in options.changed:
            given[name] = options[name]
    built = [name for name in plan.ordered(found) if found.services[name].build is not None]
    for name in built:
        service = found.services[name]
        if session.group["dry-run"]:
            say("Image", found.image_of(service), "Building")
            continue
        making.make(session, found, service, given=given, arguments=options["build-arg"])
        if not options["check"]:
            say("Image", found.image_of(service), "Built")
    return 0
