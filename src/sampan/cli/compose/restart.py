"""`sampan compose restart`."""

from __future__ import annotations

from sampan.cli.compose import project, several

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] [SERVICE...]"
SHORT = "Restart service containers"
ALIASES = ("compose restart",)
ARGUMENTS = (0, None)
FLAGS = (
    ("no-deps", "", "bool", False, "Don't restart dependent services"),
    ("timeout", "t", "int", 0, "Specify a shutdown timeout in seconds"),
)


def _with_dependents(session: Session, named: list[str]) -> list[str]:
    """And the services that want to start anew with one of them (`depends_on.X.restart`)."""
    _, loaded = project.load_if_any(session)
    if loaded is None or not named:
        return named
    services = project.everything(session, loaded).services
    found = list(named)
    for name in found:
        found += [
            other
            for other, service in services.items()
            if other not in found and (how := service.depends_on.get(name)) is not None and how.restart
        ]
    return found


def main(session: Session, options: Values, arguments: list[str]) -> int:
    services = arguments if options["no-deps"] else _with_dependents(session, arguments)
    _, found = project.containers(session, services, all=True)
    from sampan.client.container import restart
    from sampan.compose import hooks, teardown

    timeout = options["timeout"] if "timeout" in options.changed else None
    known = project.whole(session)
    hooked = not session.group["dry-run"]
    for level in reversed(teardown.levels(found)):
        for item in level if hooked else ():
            hooks.pre_stop(session.client, known, item.name)
        several.ask(
            session,
            level,
            ("Restarting", "Started"),
            lambda client, item: restart.begin(client, item.id, timeout),
        )
        for item in level if hooked else ():
            if item.service in known.services:
                hooks.post_start(session.client, known.services[item.service], item.name)
    return 0
