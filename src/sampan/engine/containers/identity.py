"""Who a container runs as, in numbers: for `cp -a`."""

import os

from sampan.engine.containers import view
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument
from sampan.runtime import users
from sampan.runtime.failure import OciError


def owner(engine: Engine, container: Container) -> tuple[int, int] | None:
    """User and group; None where the image and the user name none, as Docker has it. Calm."""
    wanted = container.definition.config.user
    if not wanted:
        return None
    root = view.running_root(container) if container.running else view.stopped_root(engine, container)
    try:
        found = users.look_up(wanted, users.read(root, "/etc/passwd"), users.read(root, "/etc/group"))
    except OciError as error:
        raise InvalidArgument(str(error)) from None
    finally:
        os.close(root)
    return found.uid, found.gid
