"""Searching catalogues and Docker Hub, on a registry of our own."""

import base64
import json
from collections.abc import Iterator

import pytest
from fake_registry import FakeRegistry, Request

from sampan.errors import InvalidArgument, SampanError
from sampan.registry import search
from sampan.registry.auth import ANONYMOUS, Credentials
from sampan.registry.hosts import DOCKER_HUB, Endpoint, Host, Hosts
from sampan.registry.retry import Patience
from sampan.registry.search import Found, Term

FIRST = "/v2/_catalog?n=1000"
PATIENCE = Patience(tries=1, connect=5, silence=5)


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as served:
        yield served


def put(registry: FakeRegistry, path: str, value: object) -> None:
    registry.content[path] = ("application/json", json.dumps(value).encode())


def names(found: list[Found]) -> list[str]:
    return [one.name for one in found]


def at(registry: FakeRegistry, text: str, credentials: Credentials = ANONYMOUS) -> list[Found]:
    return search.search(Hosts(), Term(registry.address, text), 25, credentials, PATIENCE)


def test_what_words_mean() -> None:
    assert search.parse("busybox") == Term(DOCKER_HUB, "busybox")
    assert search.parse("library/busybox") == Term(DOCKER_HUB, "busybox")
    assert search.parse("user/thing") == Term(DOCKER_HUB, "user/thing")
    assert search.parse("registry.lan:5000/a/b") == Term("registry.lan:5000", "a/b")
    assert search.parse("localhost/a") == Term("localhost", "a")
    with pytest.raises(InvalidArgument):
        search.parse("https://registry.lan/a")


def test_the_order() -> None:
    found = search.ranked(["zz/web", "web2", "web", "other", "a/WEB"], Term("r.lan", "web"))
    assert names(found) == ["r.lan/web", "r.lan/web2", "r.lan/a/WEB", "r.lan/zz/web"]


def test_a_mirror_of_docker_hub(registry: FakeRegistry) -> None:
    put(registry, FIRST, {"repositories": ["library/busybox", "user/busybox", "nginx"]})
    hosts = Hosts({DOCKER_HUB: Host((f"http://{registry.address}",))})
    found = search.search(hosts, Term(DOCKER_HUB, "busybox"), 25, Credentials("u", "p"), PATIENCE)
    assert [(one.name, one.is_official) for one in found] == [("busybox", True), ("user/busybox", False)]
    assert all("Authorization" not in headers for _, headers in registry.requests)


def test_page_by_page_and_no_further_than_this_host(registry: FakeRegistry) -> None:
    second = "/v2/_catalog?last=a&n=1000"
    pages = {FIRST: (["a"], second), second: (["b"], "http://192.0.2.1/v2/_catalog")}

    def serve(request: Request) -> bool:
        found, following = pages[request.path]
        body = json.dumps({"repositories": found}).encode()
        request.send(200, body, {"Link": f'<{following}>; rel="next"'}, "application/json")
        return True

    registry.spoil = serve
    assert names(at(registry, "")) == [f"{registry.address}/a", f"{registry.address}/b"]
    assert [path for path, _ in registry.requests[-2:]] == [FIRST, second]


def test_with_a_password(registry: FakeRegistry) -> None:
    put(registry, FIRST, {"repositories": ["secret"]})
    wanted = "Basic " + base64.b64encode(b"me:word").decode()

    def guard(request: Request) -> bool:
        if request.headers.get("Authorization") == wanted:
            return False
        request.refuse(401, "UNAUTHORIZED", {"WWW-Authenticate": 'Basic realm="x"'})
        return True

    registry.spoil = guard
    assert names(at(registry, "sec", Credentials("me", "word"))) == [f"{registry.address}/secret"]
    with pytest.raises(SampanError):
        at(registry, "sec")


@pytest.mark.parametrize("body", [b"no json", b'{"repositories": [1]}', b"[]", b"\xff"])
def test_answers_that_are_none(registry: FakeRegistry, body: bytes) -> None:
    registry.content[FIRST] = ("application/json", body)
    with pytest.raises(SampanError):
        at(registry, "x")


def test_no_catalogue(registry: FakeRegistry) -> None:
    with pytest.raises(SampanError):
        at(registry, "x")


def test_docker_hub_itself(registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "HUB_SEARCH", Endpoint(f"http://{registry.address}"))
    row = {"name": "busybox", "description": "small", "star_count": 9, "is_official": True, "extra": 1}
    put(registry, "/v1/search?q=busy%20box&n=7", {"num_results": 1, "results": [row]})
    found = search.search(Hosts(), Term(DOCKER_HUB, "busy box"), 7, ANONYMOUS, PATIENCE)
    assert found == [Found("busybox", "small", 9, is_official=True)]
