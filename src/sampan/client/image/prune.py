"""POST /images/prune."""

from __future__ import annotations

from sampan.client.connection import Client, filters
from sampan.wire import http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def prune(client: Client, wanted: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """What was removed: ImagesDeleted, which may be null, and SpaceReclaimed."""
    answer: dict[str, Any] = client.call("POST", "/images/prune" + http.query(filters(wanted)))
    return answer
