"""POST /images/load."""

from __future__ import annotations

from sampan.client.connection import Client, Exchange

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def load(client: Client, archive: Iterable[bytes], *, quiet: bool = False) -> Exchange:
    """Read an archive of images; the answer is a progress stream (wire.messages)."""
    headers = [("Content-Type", "application/x-tar")]
    return client.upload("POST", f"/images/load?quiet={int(quiet)}", archive, headers)
