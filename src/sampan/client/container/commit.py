"""POST /commit."""

from __future__ import annotations

from sampan.client.connection import Client
from sampan.wire import http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def commit(
    client: Client,
    container: str,
    reference: tuple[str, str] = ("", ""),
    *,
    author: str = "",
    message: str = "",
    changes: Sequence[str] = (),
    pause: bool = True,
) -> str:
    """Make an image of a container: its id. `reference`: repository and tag."""
    pairs = [("container", container), ("pause", str(int(pause)))]
    optional = (("repo", reference[0]), ("tag", reference[1]), ("author", author), ("comment", message))
    pairs += [(key, value) for key, value in optional if value]
    pairs += [("changes", change) for change in changes]
    return str(client.call("POST", "/commit" + http.query(pairs))["Id"])
