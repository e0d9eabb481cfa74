"""POST /networks/prune."""

from __future__ import annotations

from sampan.client.connection import Client, filters
from sampan.wire import http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def prune(client: Client, wanted: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """What was removed: NetworksDeleted, which may be null."""
    answer: dict[str, Any] = client.call("POST", "/networks/prune" + http.query(filters(wanted)))
    return answer
