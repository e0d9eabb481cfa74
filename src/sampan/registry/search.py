"""Searching a registry: its catalogue (`/v2/_catalog`, distribution-spec's "listing repositories"), or Docker
Hub's own search (`/v1/search`) where docker.io has no mirror.

*Calm.* What comes is somebody else's text: types are checked, sizes bounded.
"""

import re
from typing import NamedTuple, TypeVar
from urllib.parse import quote, urljoin, urlsplit

import msgspec

from sampan.errors import InvalidArgument, NotFound, SampanError, Unavailable
from sampan.registry import answers
from sampan.registry.auth import ANONYMOUS, Authorizer, Credentials
from sampan.registry.hosts import DOCKER_HUB, Endpoint, Hosts
from sampan.registry.http import Http
from sampan.registry.retry import Patience, Transient

HUB_SEARCH = Endpoint("https://index.docker.io")
_SCOPE = "registry:catalog:*"
_PAGE = 1000  # names
_PAGES = 100
_LIMIT = 8 << 20  # bytes of one answer
_REFUSALS = 2
_T = TypeVar("_T")
_NEXT = re.compile(r'<([^<>]+)>\s*;\s*rel="?next"?')


class Found(msgspec.Struct):
    """As /images/search spells it."""

    name: str = ""
    description: str = ""
    star_count: int = 0
    is_official: bool = False
    is_automated: bool = False


class _HubAnswer(msgspec.Struct):
    results: list[Found] = []


class _Catalogue(msgspec.Struct):
    repositories: list[str] | None = None


class Term(NamedTuple):
    """What a user's words mean: which registry, and what to look for there."""

    domain: str
    text: str


def parse(words: str) -> Term:
    """`registry.lan:5000/foo`, or what to look for on Docker Hub. Raises InvalidArgument."""
    first, slash, rest = words.partition("/")
    if "://" in words:
        raise InvalidArgument(f"invalid repository name ({words[:64]}): URL schemes are not allowed")
    if slash and (first == "localhost" or "." in first or ":" in first):
        return Term(first, rest)
    return Term(DOCKER_HUB, words.removeprefix("library/"))


def search(hosts: Hosts, term: Term, limit: int, credentials: Credentials, patience: Patience) -> list[Found]:
    """From the first place that answers; the last one's error if none does."""
    failures: list[SampanError] = []
    for endpoint in _places(hosts, term.domain):
        asked = _Asked(endpoint, ANONYMOUS if endpoint.mirror else credentials, patience)
        try:
            if endpoint is HUB_SEARCH:
                return asked.hub(term.text, limit)
            return ranked(asked.catalogue(), term)
        except SampanError as error:
            failures.append(error)
        finally:
            asked.close()
    raise failures[-1]


def ranked(repositories: list[str], term: Term) -> list[Found]:
    """Those whose names have the text in them: the name itself first, then what begins with it."""
    found = []
    for repository in repositories:
        name = repository.removeprefix("library/") if term.domain == DOCKER_HUB else repository
        if term.text.lower() in name.lower():
            official = term.domain == DOCKER_HUB and repository.startswith("library/")
            shown = name if term.domain == DOCKER_HUB else f"{term.domain}/{repository}"
            found.append((name != term.text, not name.startswith(term.text), name, shown, official))
    return [Found(shown, is_official=official) for *_, shown, official in sorted(found)]


def _places(hosts: Hosts, domain: str) -> list[Endpoint]:
    endpoints = hosts.endpoints(domain)
    if domain == DOCKER_HUB:
        return [*(endpoint for endpoint in endpoints if endpoint.mirror), HUB_SEARCH]
    return endpoints


class _Asked:
    """One place."""

    def __init__(self, endpoint: Endpoint, credentials: Credentials, patience: Patience) -> None:
        self._url = endpoint.url
        self._http = Http(endpoint, patience)
        self._auth = Authorizer(self._http, endpoint, _SCOPE, credentials)

    def catalogue(self) -> list[str]:
        """All names, page by page (RFC 5988's Link)."""
        url: str | None = f"{self._url}/v2/_catalog?n={_PAGE}"
        names: list[str] = []
        for _ in range(_PAGES):
            if url is None:
                break
            body, link = self._get(url)
            names += _decoded(body, _Catalogue, url).repositories or []
            url = self._next(url, link)
        return names

    def hub(self, text: str, limit: int) -> list[Found]:
        url = f"{self._url}/v1/search?q={quote(text)}&n={limit}"
        return _decoded(self._get(url)[0], _HubAnswer, url).results

    def close(self) -> None:
        self._http.close()

    def _next(self, url: str, link: str) -> str | None:
        """The next page, on the same host."""
        found = _NEXT.search(link)
        target = urljoin(url, found[1]) if found else ""
        return target if urlsplit(target)[:2] == urlsplit(self._url)[:2] and target != url else None

    def _get(self, url: str) -> tuple[bytes, str]:
        """(body, Link)"""
        refusals = 0
        while True:
            sent = self._auth.headers()
            try:
                response = self._http.get(url, {"Accept": "application/json", **sent})
                body = response.body(_LIMIT)
            except Transient as failure:
                raise failure.cause from failure
            if response.status == 200:
                return body, response.headers.get("Link", "")
            challenge = response.headers.get("WWW-Authenticate")
            if response.status == 401 and challenge and refusals < _REFUSALS:
                refusals += 1
                self._auth.renew(challenge, sent.get("Authorization"))
                continue
            if response.status == 404:
                raise NotFound(f'Get "{url}": this registry has no catalogue')
            raise answers.failure(response.status, body, f'Get "{url}"')


def _decoded(body: bytes, kind: type[_T], url: str) -> _T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unavailable(f'Get "{url}": the answer is no list of repositories') from None
