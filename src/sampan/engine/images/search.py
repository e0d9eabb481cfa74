"""`docker search`."""

from typing import NamedTuple

from sampan.errors import InvalidArgument
from sampan.registry import search as registries
from sampan.registry.auth import Credentials
from sampan.registry.hosts import Hosts
from sampan.registry.retry import Patience
from sampan.registry.search import Found, Term

FILTERS = frozenset(("is-automated", "is-official", "stars"))
DEFAULT = 25
LARGEST = 100
_TRUTH = {"1": True, "true": True, "0": False, "false": False}


class Wanted(NamedTuple):
    term: Term
    limit: int
    stars: int = 0
    official: bool | None = None
    automated: bool = False


def check(words: str, limit: int | None, filters: dict[str, list[str]]) -> Wanted:
    """Raises InvalidArgument in Docker's words."""
    limit = limit or DEFAULT
    if not 1 <= limit <= LARGEST:
        raise InvalidArgument(f"limit {limit} is outside the range of [1, {LARGEST}]")
    stars = 0
    for value in filters.get("stars", ()):
        if not value.isascii() or not value.isdecimal() or len(value) > 18:
            raise InvalidArgument(f"invalid filter 'stars={value[:64]}'")
        stars = max(stars, int(value))
    official, automated = (_truth(filters, name) for name in ("is-official", "is-automated"))
    return Wanted(registries.parse(words), limit, stars, official, bool(automated))


def search(hosts: Hosts, wanted: Wanted, credentials: Credentials) -> list[Found]:
    """Calm. Nothing is automated any more: Docker Hub has given that up."""
    if wanted.automated:
        return []
    found = registries.search(hosts, wanted.term, wanted.limit, credentials, Patience(tries=1))
    kept = [
        one
        for one in found
        if one.star_count >= wanted.stars and (wanted.official is None or one.is_official == wanted.official)
    ]
    return kept[: wanted.limit]


def _truth(filters: dict[str, list[str]], name: str) -> bool | None:
    values = filters.get(name)
    if not values:
        return None
    if len(values) != 1 or values[0].lower() not in _TRUTH:
        raise InvalidArgument(f"invalid filter '{name}=[{' '.join(values)[:64]}]'")
    return _TRUTH[values[0].lower()]
