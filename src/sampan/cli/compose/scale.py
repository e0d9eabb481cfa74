"""`sampan compose scale`."""

from __future__ import annotations

from sampan.cli.compose import converge, project
from sampan.cli.console import ExitWith

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[SERVICE=REPLICAS...]"
SHORT = "Scale services"
ALIASES = ("compose scale",)
ARGUMENTS = (1, None)
FLAGS = (("no-deps", "", "bool", False, "Don't start linked services"),)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    scale = dict(map(_parsed, arguments))
    loaded = project.load(session)
    found = project.model(session, loaded, list(scale), dependencies=not options["no-deps"])
    project.only_present(found)
    from sampan.compose import plan
    from sampan.compose.apply import apply

    wishes = plan.Options(scale=scale, named=frozenset(scale))
    if session.group["dry-run"]:
        return converge.dry_run(session, found, wishes)
    work, steps, _ = converge.prepare(session, found, wishes)
    apply(work, steps)
    return 0


def _parsed(word: str) -> tuple[str, int]:
    name, equals, count = word.partition("=")
    if not name or not equals:
        raise ExitWith(1, f"invalid scale specifier: {word}")
    if not count.isdigit():
        raise ExitWith(1, f"invalid scale specifier: can't parse replica value as int: {word}")
    return name, int(count)
