"""GET /volumes."""

from __future__ import annotations

from sampan.client.connection import Client, filters
from sampan.wire import http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def ls(client: Client, wanted: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """{"Volumes": […], "Warnings": […]}; either may be null."""
    answer: dict[str, Any] = client.call("GET", "/volumes" + http.query(filters(wanted)))
    return answer
