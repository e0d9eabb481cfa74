"""`sampan compose stats`."""

from __future__ import annotations

from sampan.cli.compose import project
from sampan.cli.container import stats as inner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS] [SERVICE]"
SHORT = "Display a live stream of container(s) resource usage statistics"
ALIASES = ("compose stats",)
ARGUMENTS = (0, 1)
FLAGS = inner.FLAGS


def main(session: Session, options: Values, arguments: list[str]) -> int:
    name, _ = project.containers(session, arguments, all=True)
    from sampan.compose import labels

    chosen = [f"{labels.PROJECT}={name}", *(f"{labels.SERVICE}={service}" for service in arguments)]
    return inner.show(session, options, [], {"label": chosen})
