"""HEAD, GET and PUT /containers/ID/archive."""

from __future__ import annotations

from binascii import a2b_base64

from sampan.client.connection import Client, name
from sampan.wire import http, json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

_HEADER = "x-docker-container-path-stat"


def _target(container: str, pairs: list[tuple[str, str]]) -> str:
    return f"/containers/{name('container', container)}/archive" + http.query(pairs)


def status(client: Client, container: str, path: str) -> dict[str, Any]:
    """What is there: name, size, mode, mtime, linkTarget. Raises NotFound."""
    exchange = client.send("HEAD", _target(container, [("path", path)]))
    exchange.body()
    return _status(exchange.headers)


def get(client: Client, container: str, path: str) -> tuple[dict[str, Any], Iterator[bytes]]:
    """What is there, and its tar."""
    exchange = client.send("GET", _target(container, [("path", path)]))
    chunks = exchange.chunks()
    return _status(exchange.headers), chunks


def put(
    client: Client, container: str, path: str, archive: Iterable[bytes], *, keep_owner: bool = False
) -> None:
    """Unpack `archive` into the directory `path`."""
    pairs = [("noOverwriteDirNonDir", "true"), ("path", path)]
    if keep_owner:
        pairs.insert(0, ("copyUIDGID", "true"))
    headers = [("Content-Type", "application/x-tar")]
    client.upload("PUT", _target(container, pairs), archive, headers).body()


def _status(headers: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(a2b_base64(headers.get(_HEADER, "e30=")))
    return found
