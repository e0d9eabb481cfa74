"""A file in the run directory of a container that is frozen for a commit: not because somebody wanted it to
be. The next daemon lets it go on (`engine.adopt`)."""

import contextlib
import os
from collections.abc import Iterator

from sampan.engine.settings import Settings

_NAME = "frozen-for-commit"


@contextlib.contextmanager
def marked(settings: Settings, container_id: str) -> Iterator[None]:
    path = f"{settings.container_run(container_id)}/{_NAME}"
    with contextlib.suppress(OSError):  # it has just ended: then there is nothing to freeze
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)


def take(settings: Settings, container_id: str) -> bool:
    """Whether the mark was there; it is not any more."""
    try:
        os.unlink(f"{settings.container_run(container_id)}/{_NAME}")
    except OSError:
        return False
    return True
