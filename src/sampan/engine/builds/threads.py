"""Work that is not left behind: whoever is cancelled waits for it first, and can then clean up after it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


async def in_thread(work: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
    """As asyncio.to_thread, which a cancellation leaves while its thread goes on making files."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *arguments, **named))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await ended(task)
        raise


async def ended(task: "asyncio.Future[Any]") -> None:
    """Whatever comes of it; nor does it matter how often we are cancelled meanwhile."""
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            continue
    if not task.cancelled():
        task.exception()  # nobody wants to know any more


async def whole(work: Coroutine[Any, Any, Any]) -> None:
    """For cleaning up, of somebody who was cancelled."""
    await ended(asyncio.ensure_future(work))
