"""GET /images/get."""

from __future__ import annotations

from sampan.client.connection import Client
from sampan.wire import http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def save(client: Client, names: Sequence[str], platform: str = "") -> Iterator[bytes]:
    """The archive of the images."""
    pairs = [("names", name) for name in names]
    if platform:
        pairs.append(("platform", platform))
    return client.send("GET", "/images/get" + http.query(pairs)).chunks()
