"""One document from anywhere on the web: what `import URL` and ADD ask for."""

import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

from sampan.errors import Cancelled, InvalidArgument, Unavailable
from sampan.registry.hosts import Endpoint
from sampan.registry.http import Http
from sampan.registry.retry import Patience, Transient


def fetch(url: str, cancelled: threading.Event, patience: Patience = Patience()) -> Iterator[bytes]:  # noqa: B008
    """The bytes behind an http or https address. Raises InvalidArgument, Unavailable before the first."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidArgument(f"invalid URL {url!r}: http and https only")
    http = Http(Endpoint(f"{parts.scheme}://{parts.netloc}"), patience)
    try:
        response = http.get(url, {})
        if response.status != 200:
            response.close()
            raise Unavailable(f"failed to GET {url} with status {response.status}")
        for piece in response.pieces():
            if cancelled.is_set():
                raise Cancelled("context canceled")
            yield piece
    except Transient as failure:
        raise failure.cause from failure
    finally:
        http.close()
