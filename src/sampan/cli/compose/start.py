"""`sampan compose start`."""

from __future__ import annotations

from sampan.cli import console
from sampan.cli.compose import progress, project
from sampan.cli.console import ExitWith

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[SERVICE...]"
SHORT = "Start services"
ALIASES = ("compose start",)
ARGUMENTS = (0, None)
FLAGS = (
    ("wait", "", "bool", False, "Wait for services to be running|healthy. Implies detached mode"),
    (
        "wait-timeout",
        "",
        "int",
        0,
        "Maximum duration in seconds to wait for the project to be running|healthy",
    ),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    loaded = project.load(session)
    found = project.model(session, loaded, arguments)
    from sampan.compose import observe, plan, settling, starting
    from sampan.compose.steps import text as steps_text

    observed = observe.observe(session.client, found)
    for name in arguments:
        if not observed.of_service(name):
            raise ExitWith(1, f'service "{name}" has no container to start')
    steps = plan.starts(found, observed)
    if session.group["dry-run"]:
        console.write(console.STDOUT, steps_text(list(steps)).encode())
        return 0
    report = progress.report(session)
    starting.start(session.client, found, steps, report)
    if options["wait"]:
        names = [item.name for name in found.services for item in observed.of_service(name)]
        seconds, fresh = float(options["wait-timeout"]), [step.name for step in steps]
        settling.settle(session.client, found.name, names, report, seconds=seconds, fresh=fresh)
    return 0
