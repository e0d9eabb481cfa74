"""`sampan context rm`."""

from __future__ import annotations

from sampan.cli import config, console
from sampan.cli.console import ExitWith
from sampan.cli.context import store
from sampan.errors import Conflict, InvalidArgument, NotFound, SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "CONTEXT [CONTEXT...]"
SHORT = "Remove contexts"
ALIASES = ("context rm", "context remove")
ARGUMENTS = (1, None)
FLAGS = (("force", "f", "bool", False, "Remove the context in use, too; do not mind one that is not there"),)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    errors = []
    for name in arguments:
        try:
            _remove(session, name, force=options["force"])
            console.out(name)
        except SampanError as error:
            errors.append(str(error))
    if errors:
        raise ExitWith(1, "\n".join(errors))
    return 0


def _remove(session: Session, name: str, *, force: bool) -> None:
    if name == store.DEFAULT:
        raise InvalidArgument('context "default" cannot be removed')
    contexts = store.of(session.config_directory)
    if not force and not contexts.exists(name):
        raise NotFound(f'context "{name}" does not exist')
    if name == session.context:
        if not force:
            raise Conflict(f'context "{name}" is in use, set -f flag to force remove')
        settings = {key: value for key, value in session.config.items() if key != "currentContext"}
        config.write(session.config_directory, settings)
    contexts.remove(name)
