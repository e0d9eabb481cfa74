"""`sampan compose create`."""

from __future__ import annotations

from sampan.cli.compose import converge, project
from sampan.cli.console import ExitWith

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] [SERVICE...]"
SHORT = "Creates containers for a service"
ALIASES = ("compose create",)
ARGUMENTS = (0, None)
FLAGS = (
    ("build", "", "bool", False, "Build images before starting containers"),
    (
        "force-recreate",
        "",
        "bool",
        False,
        "Recreate containers even if their configuration and image haven't changed",
    ),
    ("no-build", "", "bool", False, "Don't build an image, even if it's policy"),
    ("no-recreate", "", "bool", False, "If containers already exist, don't recreate them"),
    ("pull", "", "string", "", 'Pull image before running ("always"|"missing"|"never"|"build")'),
    ("quiet-pull", "", "bool", False, "Pull without printing progress information"),
    ("remove-orphans", "", "bool", False, "Remove containers for services not defined in the Compose file"),
    ("scale", "", "list", None, "Scale SERVICE to NUM instances (SERVICE=NUM)"),
    ("yes", "y", "bool", False, 'Assume "yes" as answer to all prompts'),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    if options["build"] and options["no-build"]:
        raise ExitWith(1, "--build and --no-build are incompatible")
    if options["force-recreate"] and options["no-recreate"]:
        raise ExitWith(1, "--force-recreate and --no-recreate are incompatible")
    loaded = project.load(session)
    found = project.model(session, loaded, arguments)
    from sampan.compose import plan
    from sampan.compose.apply import apply

    wishes = plan.Options(
        force=options["force-recreate"],
        keep=options["no-recreate"],
        build=options["build"],
        no_build=options["no-build"],
        pull=project.pull_policy(options["pull"]),
        orphans=project.remove_orphans(options),
        start=False,
        scale=plan.scale_of(options["scale"], found),
        named=frozenset(arguments),
    )
    if session.group["dry-run"]:
        return converge.dry_run(session, found, wishes)
    work, steps, _ = converge.prepare(session, found, wishes, quiet_pull=options["quiet-pull"])
    apply(work, steps)
    return 0
