"""POST /build, with our own frame before the context."""

from __future__ import annotations

from sampan.client.connection import Client, Exchange
from sampan.wire import http, json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

_TYPE = "application/vnd.sampan.build"


def build(
    client: Client,
    parameters: Sequence[tuple[str, str]],
    own: dict[str, Any],
    tar: Iterable[bytes] | None = None,
    *,
    registries: str = "",
) -> Exchange:
    """Start a build; the answer is a stream of messages. `own`: what the query has no words for; `tar`: the
    context, where the daemon shall not read it itself. `registries`: X-Registry-Config."""
    headers = [("Content-Type", _TYPE)]
    if registries:
        headers.append(("X-Registry-Config", registries))
    return client.upload("POST", "/build" + http.query(parameters), _framed(own, tar), headers)


def plain(
    client: Client, parameters: Sequence[tuple[str, str]], tar: Iterable[bytes], *, registries: str = ""
) -> Exchange:
    """The same of a daemon that is not ours: the context alone, as a tar."""
    headers = [("Content-Type", "application/x-tar")]
    if registries:
        headers.append(("X-Registry-Config", registries))
    return client.upload("POST", "/build" + http.query(parameters), tar, headers)


def _framed(own: dict[str, Any], tar: Iterable[bytes] | None) -> Iterator[bytes]:
    frame = json.dumpb({**own, "tar": tar is not None})
    yield len(frame).to_bytes(8, "big") + frame
    if tar is not None:
        yield from tar


def debug(client: Client, identity: str) -> str:
    """An image of what a failed step left: its id."""
    return str(client.call("POST", "/build/debug" + http.query([("id", identity)]))["Id"])


def cache(client: Client, keys: Sequence[str]) -> Iterator[bytes]:
    """The cache of these steps, as an OCI layout."""
    return client.send("POST", "/build/cache", {"keys": list(keys)}).chunks()
