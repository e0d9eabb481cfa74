"""The table of the Engine API: what is served, and by which function."""

from collections.abc import Awaitable, Callable
from functools import partial

from sampan.api import system
from sampan.api.messages import Answer, Request
from sampan.api.router import Route, Router
from sampan.engine.engine import Engine

_READ = True  # ends with its client
_Handler = Callable[[Engine, Request], Awaitable[Answer]]
_TABLE: list[tuple[str, str, _Handler, bool]] = [
    ("GET", "/_ping", system.ping, _READ),
    ("GET", "/version", system.version, _READ),
    ("GET", "/info", system.info, _READ),
]


def router(engine: Engine) -> Router:
    return Router(
        Route(method, pattern, partial(handler, engine), cancellable)
        for method, pattern, handler, cancellable in _TABLE
    )
