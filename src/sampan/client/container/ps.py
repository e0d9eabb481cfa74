"""GET /containers/json."""

from __future__ import annotations

from sampan.client.connection import Client, filters
from sampan.wire import http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def ps(
    client: Client,
    *,
    all: bool = False,
    limit: int = 0,
    size: bool = False,
    wanted: dict[str, list[str]] | None = None,
) -> list[dict[str, Any]]:
    """The containers, newest first: running ones, or `all`, or the `limit` newest."""
    pairs = [("all", "1")] if all else []
    if limit > 0:
        pairs.append(("limit", str(limit)))
    if size:
        pairs.append(("size", "1"))
    answer = client.call("GET", "/containers/json" + http.query(pairs + filters(wanted)))
    return answer or []
