"""GET /images/search."""

from __future__ import annotations

from sampan.client.connection import Client, filters
from sampan.wire import http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def search(
    client: Client, term: str, *, limit: int = 0, wanted: dict[str, list[str]] | None = None, auth: str = ""
) -> list[dict[str, Any]]:
    """name, description, star_count, is_official and is_automated of each."""
    pairs = [("term", term)]
    if limit:
        pairs.append(("limit", str(limit)))
    headers = [("X-Registry-Auth", auth)] if auth else []
    return client.call("GET", "/images/search" + http.query(pairs + filters(wanted)), None, headers) or []
