import pytest

from sampan.errors import InvalidArgument
from sampan.registry.hosts import Endpoint, Hosts, is_loopback, parse


def test_hub() -> None:
    assert Hosts().endpoints("docker.io") == [Endpoint("https://registry-1.docker.io")]


def test_mirrors_first() -> None:
    hosts = parse({"docker.io": {"mirrors": ["http://127.0.0.1:5000/", "https://m.lan"]}})
    assert [endpoint.url for endpoint in hosts.endpoints("docker.io")] == [
        "http://127.0.0.1:5000", "https://m.lan", "https://registry-1.docker.io",
    ]  # fmt: skip
    assert [endpoint.mirror for endpoint in hosts.endpoints("docker.io")] == [True, True, False]
    assert hosts.endpoints("docker.io")[1].verify


@pytest.mark.parametrize("name", ["127.0.0.1:5000", "127.8.8.8", "localhost", "localhost:80", "[::1]:5000"])
def test_plain_http_to_this_machine(name: str) -> None:
    assert is_loopback(name)
    assert [e.url for e in Hosts().endpoints(name)] == [f"https://{name}", f"http://{name}"]


@pytest.mark.parametrize("name", ["10.0.0.1:5000", "example.com", "localhost.evil.com", "127.0.0.1.evil.com"])
def test_never_plain_http_to_others(name: str) -> None:
    assert Hosts().endpoints(name) == [Endpoint(f"https://{name}")]


def test_insecure() -> None:
    hosts = parse({"r.lan:5000": {"insecure": True}})
    assert hosts.endpoints("r.lan:5000") == [
        Endpoint("https://r.lan:5000", verify=False), Endpoint("http://r.lan:5000"),
    ]  # fmt: skip


def test_own_authority() -> None:
    assert parse({"r.lan": {"ca": "/ca.crt"}}).endpoints("r.lan") == [Endpoint("https://r.lan", ca="/ca.crt")]


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"mirror": []}, "unknown key"),
        ({"mirrors": "x"}, "must be a list"),
        ({"insecure": 1}, "must be a bool"),
        ({"mirrors": ["ftp://x"]}, "not an http or https address"),
        ({"mirrors": ["http://u:p@x"]}, "not an http or https address"),
        ({"mirrors": [1]}, "not an http or https address"),
        ([], "must be a table"),
    ],
)
def test_mistakes_in_the_configuration(table: object, text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        parse({"docker.io": table})
