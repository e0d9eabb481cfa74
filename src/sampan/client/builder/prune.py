"""POST /build/prune."""

from __future__ import annotations

from sampan.client.connection import Client, filters
from sampan.wire import http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def prune(client: Client, chosen: dict[str, list[str]], *, everything: bool, keep: int) -> Any:
    """Delete from the build cache: `{"CachesDeleted": …, "SpaceReclaimed": …}`."""
    pairs = [("all", str(int(everything))), *filters(chosen)]
    if keep:
        pairs += [("keep-storage", str(keep)), ("reserved-space", str(keep))]
    return client.call("POST", "/build/prune" + http.query(pairs))
