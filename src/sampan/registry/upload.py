"""Pushing to one repository (OCI distribution-spec 1.1, "Push"): blobs that are there already are left alone,
others are mounted from a sibling repository or sent in chunks, from where the registry says that it is.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import quote, urljoin

from sampan.errors import NotFound, SampanError, Unavailable
from sampan.registry.client import Client
from sampan.registry.http import Response
from sampan.registry.retry import Transient

_CHUNK = 8 << 20  # bytes in memory, and lost at most when a connection breaks
_OCTETS = "application/octet-stream"


class Sent(NamedTuple):
    """`how`: "exists", "mounted" or "sent"; `source`: the repository that it was mounted from."""

    how: str
    source: str = ""


class Content(NamedTuple):
    digest: str
    size: int
    read: Callable[[int], Iterator[bytes]]  # the bytes from an offset on


class Upload:
    def __init__(self, client: Client) -> None:
        self._client = client

    def blob(self, content: Content, sources: list[str], progress: Callable[[int], None]) -> Sent:
        """`sources`: repositories of the same registry that may have it; `progress`: bytes more are there."""
        if self.has(content.digest):
            return Sent("exists")
        place = ""
        for source in sources:
            place = self._begin(content.digest, source)
            if not place:
                return Sent("mounted", source)
        self._send(content, place or self._begin("", ""), progress)
        return Sent("sent")

    def has(self, digest: str) -> bool:
        def ask() -> bool:
            try:
                self._client.exchange("HEAD", f"{self._client.url}/blobs/{digest}", {}).close()
            except NotFound:
                return False
            return True

        return self._client.patiently(ask)

    def manifest(self, reference: str, data: bytes, media_type: str) -> None:
        url, headers = f"{self._client.url}/manifests/{reference}", {"Content-Type": media_type}

        def put() -> None:
            self._client.exchange("PUT", url, headers, data, accepted=(200, 201, 202)).close()

        self._client.patiently(put)

    def _begin(self, digest: str, source: str) -> str:
        """The address of a new upload; "" when the blob was mounted instead."""
        query = f"?mount={quote(digest)}&from={quote(source, safe='')}" if digest else ""

        def post() -> Response:
            url = f"{self._client.url}/blobs/uploads/{query}"
            return self._client.exchange("POST", url, {}, b"", accepted=(201, 202))

        response = self._client.patiently(post)
        place = self._place(response, f"{self._client.url}/blobs/uploads/")
        response.close()
        return "" if response.status == 201 and digest else place

    @staticmethod
    def _place(response: Response, asked: str) -> str:
        location = response.headers.get("Location", "")
        if not location and response.status != 201:
            raise Unavailable(f'Post "{asked}": the registry did not say where to send the blob')
        return urljoin(asked, location)

    def _send(self, content: Content, place: str, progress: Callable[[int], None]) -> None:
        """Chunk by chunk. After a break the registry is asked how far it got."""
        offset, budget = 0, self._client.budget()
        while True:
            try:
                for piece in _chunks(content.read(offset)):
                    place = self._patch(place, piece, offset)
                    offset += len(piece)
                    progress(len(piece))
                    budget.progress()
                if offset != content.size:
                    raise Unavailable(f"blob {content.digest} has {offset} bytes instead of {content.size}")
                self._finish(place, content.digest)
            except Transient as failure:
                budget.spend(failure)
                if self.has(content.digest):  # only the answer was lost
                    progress(content.size - offset)
                    return
                place, offset = self._resume(place, offset, progress)
            else:
                return

    def _patch(self, place: str, piece: bytes, offset: int) -> str:
        headers = {"Content-Type": _OCTETS, "Content-Range": f"{offset}-{offset + len(piece) - 1}"}
        response = self._client.exchange("PATCH", place, headers, piece, accepted=(202, 204))
        response.close()
        return self._place(response, place) if response.headers.get("Location") else place

    def _finish(self, place: str, digest: str) -> None:
        url = place + ("&" if "?" in place else "?") + f"digest={quote(digest)}"
        headers = {"Content-Type": _OCTETS}
        self._client.exchange("PUT", url, headers, b"", accepted=(200, 201, 204)).close()

    def _resume(self, place: str, offset: int, progress: Callable[[int], None]) -> tuple[str, int]:
        """Where the upload stands; a new one where the registry has forgotten it."""
        try:
            response = self._client.patiently(
                lambda: self._client.exchange("GET", place, {}, accepted=(204,))
            )
        except SampanError:
            progress(-offset)
            return self._begin("", ""), 0
        response.close()
        last = response.headers.get("Range", "").rpartition("-")[2]
        # "0-0" is nothing at all for most registries, and one byte for the specification.
        have = int(last) + 1 if last.isdecimal() and int(last) else 0
        progress(have - offset)
        return (self._place(response, place) if response.headers.get("Location") else place), have


def _chunks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    gathered, size = [], 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= _CHUNK:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)
