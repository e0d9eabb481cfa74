"""`docker attach`, and the attach of `docker run`: the client's own socket goes to the monitor."""

import re
import secrets
import socket
from typing import NamedTuple

from sampan.engine.containers.happenings import tell
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.engine.state import State
from sampan.errors import Conflict, InvalidArgument
from sampan.runtime.protocol import Attach

_KEYS = re.compile(r"(ctrl-[a-zA-Z@\[\\\]^_]|[^,])(,(ctrl-[a-zA-Z@\[\\\]^_]|[^,]))*")
DEFAULT_KEYS = "ctrl-p,ctrl-q"


class Wanted(NamedTuple):
    stdin: bool
    stdout: bool
    stderr: bool
    detach_keys: str = DEFAULT_KEYS
    plain: bool = False  # stdout and stderr in one, also without a terminal


def check_keys(keys: str) -> str:
    """Raises InvalidArgument; "" is the default."""
    if keys and _KEYS.fullmatch(keys) is None:
        raise InvalidArgument(f"Invalid detach keys ({keys}) provided")
    return keys or DEFAULT_KEYS


def check(container: Container) -> None:
    if container.dying_or_gone:
        raise Conflict(f"container {container.id} is marked for removal and cannot be attached to")
    if container.state is State.PAUSED:
        raise Conflict(f"container {container.name} is paused, unpause the container before attach")
    if container.state is State.RESTARTING:
        raise Conflict(f"container {container.name} is restarting, wait until the container is running")


async def attach(
    engine: Engine, container: Container, wanted: Wanted, stream: socket.socket, early: bytes
) -> None:
    """Give `stream` away: to the monitor now, or with the next start. It is closed here."""
    config = container.definition.config
    request = Attach(
        session=secrets.token_hex(8),
        stdin=wanted.stdin and config.open_stdin,
        stdout=wanted.stdout,
        stderr=wanted.stderr,
        framing="raw" if config.tty or wanted.plain else "multiplexed",
        detach_keys=wanted.detach_keys,
        early=early.decode("latin-1"),
    )
    tell(engine.bus, container, "attach")
    async with container.lock:
        if container.link is None and not container.dying_or_gone:
            container.attaches.append((request, stream))
            return
    try:
        if container.link is not None:
            await container.link.attach(request, stream.fileno())
    except Conflict:
        pass  # it ended meanwhile: the client sees the end of its stream
    finally:
        stream.close()
