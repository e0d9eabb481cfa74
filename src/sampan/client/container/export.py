"""GET /containers/ID/export."""

from __future__ import annotations

from sampan.client.connection import Client, name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def export(client: Client, container: str) -> Iterator[bytes]:
    """The tar of the container's root file system."""
    return client.send("GET", f"/containers/{name('container', container)}/export").chunks()
