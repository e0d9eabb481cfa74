"""`sampan context use`."""

from __future__ import annotations

from sampan.cli import config, console
from sampan.cli.console import environment
from sampan.cli.context import store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "CONTEXT"
SHORT = "Choose the context that is used from now on"
ALIASES = ()
ARGUMENTS = (1, 1)
FLAGS = ()


def main(session: Session, options: Values, arguments: list[str]) -> int:
    name = arguments[0]
    settings = dict(session.config)
    if name == store.DEFAULT:
        settings.pop("currentContext", None)
    else:
        store.of(session.config_directory).read(name)
        settings["currentContext"] = name
    if settings.get("currentContext", "") != session.config.get("currentContext", ""):
        config.write(session.config_directory, settings)
    console.out(name)
    console.error(f'Current context is now "{name}"')
    if name != store.DEFAULT and environment("DOCKER_HOST"):
        console.error(
            "Warning: DOCKER_HOST environment variable overrides the active context. "
            f'To use "{name}", either set the global --context flag, or unset DOCKER_HOST environment '
            "variable."
        )
    return 0
