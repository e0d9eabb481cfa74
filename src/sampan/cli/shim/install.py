"""`sampan shim install`."""

from __future__ import annotations

import os
import shutil

from sampan.cli import console
from sampan.cli.shim import links
from sampan.errors import Forbidden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "DIR"
SHORT = "Make links docker and docker-compose in a directory"
ALIASES = ()
ARGUMENTS = (1, 1)
FLAGS = ()


def main(session: Session, options: Values, arguments: list[str]) -> int:
    target = links.script()
    paths = links.checked(arguments[0])
    for path in paths:
        _link(target, path)
        console.out(path)
    found = shutil.which("docker")
    if found is None:
        console.error(f"WARNING: {arguments[0]} is not on PATH")
    elif os.path.realpath(found) != target:
        console.error(f"WARNING: {found} comes first on PATH")
    return 0


def _link(target: str, path: str) -> None:
    """An old link of ours is replaced; at no moment there is none."""
    temporary = f"{path}.{os.getpid()}"
    try:
        os.symlink(target, temporary)
        os.rename(temporary, path)
    except OSError as error:
        raise Forbidden(f"cannot make {path}: {error.strerror}") from None
