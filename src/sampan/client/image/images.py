"""GET /images/json."""

from __future__ import annotations

from sampan.client.connection import Client, filters
from sampan.wire import http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def images(
    client: Client, *, all: bool = False, wanted: dict[str, list[str]] | None = None
) -> list[dict[str, Any]]:
    """The images, newest first; `all`: with the intermediate ones of old builds."""
    pairs = [("all", "1")] if all else []
    return client.call("GET", "/images/json" + http.query(pairs + filters(wanted))) or []
