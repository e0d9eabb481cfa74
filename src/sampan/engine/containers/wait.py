"""`docker wait`, and what `docker run` waits on."""

import asyncio
from collections.abc import Awaitable

from sampan.engine.containers.record import Container
from sampan.engine.state import State
from sampan.errors import InvalidArgument

CONDITIONS = ("", "not-running", "next-exit", "removed")


def waiter(container: Container, condition: str) -> Awaitable[int]:
    """Subscribed when this returns: what happens from now on is not missed. Gives the exit code.

    Raises InvalidArgument for an unknown condition."""
    if condition not in CONDITIONS:
        raise InvalidArgument(f'invalid condition: "{condition}"')
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    if condition == "removed":
        container.removals.append(future)
    elif condition == "next-exit" or container.running or container.state is State.RESTARTING:
        container.exits.append(future)
    else:
        future.set_result(container.status.exit_code)
    return future


def forget(container: Container, future: Awaitable[int]) -> None:
    """The client went away."""
    for waiters in (container.exits, container.removals):
        if future in waiters:
            waiters.remove(future)
