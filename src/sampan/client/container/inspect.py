"""GET /containers/ID/json."""

from __future__ import annotations

from sampan.client.connection import Client, name
from sampan.wire import http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def inspect(client: Client, container: str, *, size: bool = False) -> dict[str, Any]:
    """Everything that the daemon knows of it."""
    pairs = [("size", "1")] if size else []
    answer: dict[str, Any] = client.call(
        "GET", f"/containers/{name('container', container)}/json" + http.query(pairs)
    )
    return answer
