"""`sampan compose pull`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.compose import progress, project
from sampan.errors import SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] [SERVICE...]"
SHORT = "Pull service images"
ALIASES = ("compose pull",)
ARGUMENTS = (0, None)
FLAGS = (
    ("ignore-buildable", "", "bool", False, "Ignore images that can be built"),
    ("ignore-pull-failures", "", "bool", False, "Pull what it can and ignores images with pull failures"),
    ("include-deps", "", "bool", False, "Also pull services declared as dependencies"),
    ("policy", "", "string", "", 'Apply pull policy ("missing"|"always")'),
    ("quiet", "q", "bool", False, "Pull without printing progress information"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    loaded = project.load(session)
    found = project.model(session, loaded, arguments, dependencies=options["include-deps"] or not arguments)
    from sampan.cli.compose import making
    from sampan.compose import observe, plan

    say = progress.report(session)
    wanted: dict[str, str] = {}
    for name in plan.ordered(found):
        service = found.services[name]
        if not service.image or (service.build is not None and options["ignore-buildable"]):
            say("Service", name, "Skipped: No image to be pulled")
            continue
        wanted.setdefault(service.image, service.platform)
        for step in service.pre_start:
            if step.image:
                wanted.setdefault(step.image, service.platform)
    here = observe.images(session.client, wanted) if options["policy"] == "missing" else {}
    for image, platform in wanted.items():
        if image in here:
            continue
        if session.group["dry-run"]:
            say("Image", image, "Pulling")
            continue
        try:
            making.pull(session, image, say, platform=platform, quiet=options["quiet"])
        except SampanError as error:
            if not options["ignore-pull-failures"]:
                raise
            console.error(f"WARN[0000] {error}")
    return 0
