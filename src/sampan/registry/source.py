"""All places that one repository may come from: mirrors first, the registry itself last."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from sampan.errors import Cancelled, InvalidArgument, NotFound, SampanError, Unavailable
from sampan.oci import digest as digests
from sampan.registry.auth import ANONYMOUS, Credentials
from sampan.registry.client import Client, Document
from sampan.registry.hosts import Endpoint, Hosts
from sampan.registry.retry import Patience

_log = logging.getLogger(__name__)
_MIRROR_TRIES = 3  # a mirror is not worth waiting for: the next place has the same
_WATCH = 0.25  # seconds
_T = TypeVar("_T")


class Source:
    """Use as a context manager. When `cancelled` is set, whatever waits for the network ends with
    Cancelled."""

    def __init__(
        self,
        hosts: Hosts,
        domain: str,
        path: str,
        credentials: Credentials,
        *,
        cancelled: threading.Event,
        patience: Patience = Patience(),  # noqa: B008 (immutable)
    ) -> None:
        self._endpoints = hosts.endpoints(domain)
        self._path = path
        self._credentials = credentials
        self._cancelled = cancelled
        self._patience = patience
        self._clients: dict[Endpoint, Client] = {}
        self._good: Endpoint | None = None  # that gave the manifest
        self._done = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> "Source":
        threading.Thread(target=self._watch, name="pull-watch", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for client in self._clients.values():
            client.close()

    def _watch(self) -> None:
        """A blocked read knows nothing of events, so somebody else has to look at this one."""
        while not self._done.wait(_WATCH):
            if self._cancelled.is_set():
                for client in list(self._clients.values()):
                    client.abort()
                return

    def manifest(self, reference: str) -> Document:
        """From the first place that has it; the last one's error if none has."""

        def ask(client: Client) -> Document:
            document = client.manifest(reference)
            self._good = client.endpoint
            return document

        return self._first(ask)

    def tags(self) -> list[str]:
        return self._first(Client.tags)

    def blob(self, digest: str, size: int, offset: int) -> Iterator[bytes]:
        """The bytes from `offset` on; where one place fails for good, the next goes on."""
        endpoints = self._order()
        for number, endpoint in enumerate(endpoints):
            try:
                for piece in self._client(endpoint).blob(digest, size, offset):
                    offset += len(piece)
                    yield piece
            except (NotFound, Unavailable) as error:
                if number + 1 == len(endpoints):
                    raise
                _log.warning("blob %s: %s; trying the next place", digest, error)
            else:
                return

    def whole(self, digest: str, size: int, what: str) -> bytes:
        """A small blob, verified; `what` it is, for people. Raises InvalidArgument where it is another."""
        parts, have = [], 0
        for piece in self.blob(digest, size, 0):
            parts.append(piece)
            have += len(piece)
            if have > size:
                break
        data = b"".join(parts)
        if digests.of(data) != digest or len(data) != size:
            raise InvalidArgument(f"{what} verification failed for digest {digest}")
        return data

    def _order(self) -> list[Endpoint]:
        """The place that had the manifest, then those behind it."""
        start = self._endpoints.index(self._good) if self._good else 0
        return self._endpoints[start:]

    def _first(self, ask: Callable[[Client], _T]) -> _T:
        failures: list[SampanError] = []
        for endpoint in self._order():
            try:
                client = self._client(endpoint)
                client.ping()
                return ask(client)
            except Cancelled:
                raise
            except SampanError as error:
                failures.append(error)
                if isinstance(error, InvalidArgument):
                    break  # it answered, and what it answered is wrong
                _log.info("%s: %s", endpoint.url, error)
        raise failures[-1]

    def _client(self, endpoint: Endpoint) -> Client:
        with self._lock:
            if endpoint not in self._clients:
                patience, credentials = self._patience, self._credentials
                if endpoint.mirror:
                    patience = replace(patience, tries=min(_MIRROR_TRIES, patience.tries))
                    credentials = ANONYMOUS  # they are for the registry, not for its mirrors
                self._clients[endpoint] = Client(endpoint, self._path, credentials, self._cancelled, patience)
            return self._clients[endpoint]
