"""GET /networks."""

from __future__ import annotations

from sampan.client.connection import Client, filters
from sampan.wire import http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def ls(client: Client, wanted: dict[str, list[str]] | None = None) -> list[dict[str, Any]]:
    """The networks."""
    return client.call("GET", "/networks" + http.query(filters(wanted))) or []
