"""Links by the name of Docker's commands: what is ours, and what is somebody else's."""

from __future__ import annotations

import os
import shutil

from sampan.cli import console
from sampan.errors import Conflict, InvalidArgument, NotFound

NAMES = ("docker", "docker-compose")


def script() -> str:
    """The file that the links have to name. Raises NotFound when we were not started by it."""
    called = console.CALLED
    found = called if "/" in called else shutil.which(called) if called else None
    if found is None:
        found = shutil.which("sampan")
    if found is None or not os.path.isfile(found):
        raise NotFound("there is no `sampan` on PATH that a link could name")
    return os.path.realpath(found)


def checked(directory: str) -> list[str]:
    """The paths of both links. Raises, before anything is changed, when one of them is not ours."""
    if not os.path.isdir(directory):
        raise InvalidArgument(f"{directory}: no such directory")
    paths = [os.path.join(os.path.abspath(directory), name) for name in NAMES]
    for path in paths:
        if os.path.lexists(path) and not ours(path):
            raise Conflict(f"{path} is not a link to sampan: nothing was changed")
    return paths


def ours(path: str) -> bool:
    """A link to a file called sampan, be it still there or not."""
    return os.path.islink(path) and os.path.basename(os.readlink(path)) == "sampan"
