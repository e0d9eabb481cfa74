"""One repository at one endpoint: manifests and blobs (OCI distribution-spec 1.1, "Pull").

Every content is checked by whoever asked for it against the digest that it asked for; what a header calls
itself counts for nothing. `urls` of foreign layers are never followed.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar
from urllib.parse import urljoin, urlsplit

import msgspec

from sampan.errors import InvalidArgument, Unavailable
from sampan.oci import digest as digests
from sampan.oci.image import DOCUMENT_LIMIT, INDEX_TYPES, MANIFEST_TYPES
from sampan.registry import answers
from sampan.registry.auth import Authorizer, Credentials, parse_challenge
from sampan.registry.hosts import Endpoint
from sampan.registry.http import Http, Response
from sampan.registry.retry import Budget, Gate, Patience, Transient

_T = TypeVar("_T")
_ERROR_LIMIT = 64 << 10
_TAGS = 10_000  # that are listed
_REFUSALS = 2  # answers 401 in a row after which a fresh token will not help


class Document(NamedTuple):
    data: bytes
    digest: str  # of `data`, computed
    media_type: str


class Client:
    def __init__(
        self,
        endpoint: Endpoint,
        path: str,
        credentials: Credentials,
        cancelled: threading.Event,
        patience: Patience,
        *,
        scopes: Sequence[str] = (),
    ) -> None:
        """`scopes`: what is asked for of a token server beyond pulling from `path`."""
        self.endpoint = endpoint
        self._base = f"{endpoint.url}/v2/"
        self._path = path
        self._cancelled = cancelled
        self._patience = patience
        self._http = Http(endpoint, patience)
        self._gate = Gate()
        wanted = scopes or ([f"repository:{path}:pull"] if path else [])  # no path: only who somebody is
        self._auth = Authorizer(self._http, endpoint, wanted, credentials)

    def ping(self) -> None:
        """Whether anybody is there; learns how to authenticate. Raises Unavailable naming the host."""
        response = self._try(self._base, {})
        body = response.body(_ERROR_LIMIT)
        if answers.is_transient(response.status):
            raise answers.failure(response.status, body, f'Get "{self._base}"')

    @property
    def url(self) -> str:
        """Of the repository."""
        return f"{self._base}{self._path}"

    def patiently(self, work: Callable[[], _T]) -> _T:
        """`work`, again and again while what it meets may pass."""
        budget = Budget(self._patience, self._cancelled)
        while True:
            try:
                return work()
            except Transient as failure:
                budget.spend(failure)

    def budget(self) -> Budget:
        return Budget(self._patience, self._cancelled)

    def manifest(self, reference: str) -> Document:
        """`reference`: a tag, or a digest, which the document then has."""
        url = f"{self._base}{self._path}/manifests/{reference}"
        headers = {"Accept": ", ".join((*MANIFEST_TYPES, *INDEX_TYPES))}
        budget = Budget(self._patience, self._cancelled)
        while True:
            try:
                response = self._get(url, headers)
                data = response.body(DOCUMENT_LIMIT)
                break
            except Transient as failure:
                budget.spend(failure)
        if len(data) > DOCUMENT_LIMIT:
            raise InvalidArgument(f"manifest of {reference} is larger than {DOCUMENT_LIMIT} bytes")
        digest = digests.of(data)
        if digests.is_digest(reference) and digest != reference:
            raise InvalidArgument(f"manifest verification failed for digest {reference}: got {digest}")
        return Document(data, digest, response.headers.get("Content-Type", "").partition(";")[0].strip())

    def tags(self) -> list[str]:
        """All tags of the repository, page by page (distribution-spec, "Listing Tags")."""
        url: str | None = f"{self.url}/tags/list"
        found: list[str] = []
        while url is not None and len(found) < _TAGS:
            asked = url
            response = self.patiently(lambda: self._get(asked, {}))  # noqa: B023 (called at once)
            page = _tags(response.body(DOCUMENT_LIMIT))
            found += page
            url = _following(response.headers.get("Link", ""), asked) if page else None
        return found

    def blob(self, digest: str, size: int, offset: int) -> Iterator[bytes]:
        """The bytes of a blob from `offset` on, unverified, through any number of broken connections."""
        url = f"{self._base}{self._path}/blobs/{digests.parse(digest)}"
        budget = Budget(self._patience, self._cancelled)
        while offset < size:
            failure = Transient(Unavailable(f'Get "{url}": unexpected EOF'))
            try:
                for piece in self._from(url, offset, size):
                    offset += len(piece)
                    budget.progress()
                    yield piece
            except Transient as error:
                failure = error
            if offset < size:
                budget.spend(failure)

    def _from(self, url: str, offset: int, size: int) -> Iterator[bytes]:
        """One request's part: what comes from `offset` on before it ends or breaks."""
        response = self._get(url, {"Range": f"bytes={offset}-{size - 1}"} if offset else {})
        skip = offset  # of a server that ignores Range
        if response.status == 206:
            skip = offset - self._range_start(response, url, offset)
        for piece in response.pieces():
            rest = piece[skip:] if skip else piece
            skip -= len(piece) - len(rest)
            if rest:
                yield rest

    @staticmethod
    def _range_start(response: Response, url: str, wanted: int) -> int:
        """Where a partial answer begins; one that begins too late, or is encoded on its way, is no use."""
        unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
        start = rest.partition("-")[0]
        usable = unit == "bytes" and start.isdecimal() and len(start) < 20 and int(start) <= wanted
        if not usable or response.encoded:
            response.close()
            raise Transient(Unavailable(f'Get "{url}": unexpected answer to a range request'))
        return int(start)

    def _get(self, url: str, headers: dict[str, str]) -> Response:
        """A response with status 200 or 206; Transient or the registry's refusal otherwise."""
        return self.exchange("GET", url, headers, accepted=(200, 206))

    def exchange(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes | None = None,
        *,
        accepted: Sequence[int] = (200,),
    ) -> Response:
        """A response with one of the `accepted` statuses; Transient or the registry's refusal otherwise."""
        refusals = 0
        while True:
            sent = self._auth.headers()
            response = self._ask(url, {**headers, **sent}, method, body)
            if response.status in accepted:
                self._gate.open()
                return response
            text = response.body(_ERROR_LIMIT)
            challenge = response.headers.get("WWW-Authenticate")
            if response.status == 401 and challenge and refusals < _REFUSALS:
                refusals += 1
                self._auth.renew(challenge, sent.get("Authorization"))
                continue
            raise self._refused(response, text, url, method)

    def _ask(
        self, url: str, headers: dict[str, str], method: str = "GET", body: bytes | None = None
    ) -> Response:
        self._gate.wait(self._cancelled)
        if method in ("GET", "HEAD"):
            return self._http.get(url, headers, method)
        return self._http.send(method, url, headers, body)

    def _refused(self, response: Response, body: bytes, url: str, method: str) -> Exception:
        error = answers.failure(response.status, body, f'{method.capitalize()} "{url}"')
        challenge = response.headers.get("WWW-Authenticate", "")
        if (
            response.status == 401
            and parse_challenge(challenge).parameters.get("error") == "insufficient_scope"
        ):
            return answers.Denied("denied: requested access to the resource is denied")
        if not answers.is_transient(response.status):
            return error
        after = _seconds(response.headers.get("Retry-After"))
        throttled = response.status == 429
        if throttled:
            self._gate.throttle(after if after is not None else 1.0)
        cause = error if isinstance(error, Unavailable) else Unavailable(str(error))
        return Transient(cause, after, throttled=throttled)

    def _try(self, url: str, headers: dict[str, str]) -> Response:
        try:
            return self._ask(url, headers)
        except Transient as failure:
            raise failure.cause from failure

    def abort(self) -> None:
        self._http.abort()

    def close(self) -> None:
        self._http.close()


class _Tags(msgspec.Struct):
    tags: list[str] | None = None


def _tags(body: bytes) -> list[str]:
    try:
        return msgspec.json.decode(body, type=_Tags).tags or []
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"invalid list of tags: {error}") from None


def _following(link: str, asked: str) -> str | None:
    """`<…>; rel="next"`, on the same host only."""
    target, _, relation = link.partition(">")
    if not target.startswith("<") or "next" not in relation:
        return None
    url = urljoin(asked, target[1:])
    return url if urlsplit(url).netloc == urlsplit(asked).netloc else None


def _seconds(header: str | None) -> float | None:
    """Retry-After: seconds, or a date (RFC 9110, 10.2.3)."""
    if header is None:
        return None
    if header.strip().isdecimal() and len(header) < 10:
        return float(header)
    import time
    from email.utils import parsedate_to_datetime

    try:
        return max(parsedate_to_datetime(header).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None
