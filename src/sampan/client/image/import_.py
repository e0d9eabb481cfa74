"""POST /images/create?fromSrc=…"""

from __future__ import annotations

from sampan.client.connection import Client, Exchange
from sampan.wire import http

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def import_(
    client: Client,
    source: str,
    archive: Iterable[bytes] | None,
    reference: tuple[str, str] = ("", ""),
    *,
    message: str = "",
    changes: Sequence[str] = (),
    platform: str = "",
) -> Exchange:
    """Make an image of a root file system's archive: `archive`, or what the daemon finds at the URL
    `source`.
    """
    pairs = [("fromSrc", "-" if archive is not None else source)]
    optional = (("repo", reference[0]), ("tag", reference[1]), ("message", message), ("platform", platform))
    pairs += [(key, value) for key, value in optional if value]
    pairs += [("changes", change) for change in changes]
    target = "/images/create" + http.query(pairs)
    if archive is None:
        return client.send("POST", target)
    return client.upload("POST", target, archive, [("Content-Type", "application/x-tar")])
