"""`sampan compose push`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.compose import progress, project
from sampan.errors import SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] [SERVICE...]"
SHORT = "Push service images"
ALIASES = ("compose push",)
ARGUMENTS = (0, None)
FLAGS = (
    ("ignore-push-failures", "", "bool", False, "Push what it can and ignores images with push failures"),
    ("include-deps", "", "bool", False, "Also push images of services declared as dependencies"),
    ("quiet", "q", "bool", False, "Push without printing progress information"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    loaded = project.load(session)
    found = project.model(session, loaded, arguments, dependencies=options["include-deps"])
    from sampan.cli.compose import making
    from sampan.compose import plan

    say = progress.report(session)
    wanted: dict[str, None] = {}
    for name in plan.ordered(found):
        service = found.services[name]
        if service.build is None or not service.image:
            say("Service", name, "Skipped")
            continue
        wanted |= dict.fromkeys([service.image, *service.build.tags])
    for image in wanted:
        say("Image", image, "Pushing")
        if session.group["dry-run"]:
            continue
        try:
            making.push(session, image, quiet=options["quiet"])
        except SampanError as error:
            say("Image", image, "Error")
            if not options["ignore-push-failures"]:
                raise
            console.error(f"WARN[0000] {error}")
        else:
            say("Image", image, "Pushed")
    return 0
