"""GET /networks/ID."""

from __future__ import annotations

from sampan.client.connection import Client, name
from sampan.wire import http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def inspect(client: Client, network: str, *, verbose: bool = False) -> dict[str, Any]:
    """Everything that the daemon knows of it."""
    pairs = [("verbose", "true")] if verbose else []
    target = f"/networks/{name('network', network)}" + http.query(pairs)
    answer: dict[str, Any] = client.call("GET", target)
    return answer
