"""GET /images/get."""

from __future__ import annotations

from sampan.client.connection import Client
from sampan.wire import http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def save(
    client: Client, names: Sequence[str], platform: str = "", *, called: Sequence[str] = ()
) -> Iterator[bytes]:
    """The archive of the images. `called`: names that the one image has in it besides (our daemon's only)."""
    pairs = [("names", name) for name in names] + [("as", name) for name in called]
    if platform:
        pairs.append(("platform", platform))
    return client.send("GET", "/images/get" + http.query(pairs)).chunks()
