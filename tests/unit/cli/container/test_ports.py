"""`-p` in and ports out."""

import pytest

from sampan.cli.container import ports
from sampan.errors import InvalidArgument

Bindings = dict[str, list[dict[str, str]]]


def bound(*texts: str) -> dict[str, list[str]]:
    _, bindings = ports.publish(texts)
    return {port: [f"{b['HostIp']}|{b['HostPort']}" for b in found] for port, found in bindings.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", {"80/tcp": ["|"]}),
        ("80/udp", {"80/udp": ["|"]}),
        ("8080:80", {"80/tcp": ["|8080"]}),
        ("8080:80/UDP", {"80/udp": ["|8080"]}),
        ("8080:80/sctp", {"80/sctp": ["|8080"]}),
        ("127.0.0.1:8080:80", {"80/tcp": ["127.0.0.1|8080"]}),
        ("127.0.0.1::80", {"80/tcp": ["127.0.0.1|"]}),
        ("[::1]:8080:80", {"80/tcp": ["::1|8080"]}),
        ("::1:8080:80", {"80/tcp": ["::1|8080"]}),
        (":80", {"80/tcp": ["|"]}),
        ("80-81", {"80/tcp": ["|"], "81/tcp": ["|"]}),
        ("8000-8001:80-81", {"80/tcp": ["|8000"], "81/tcp": ["|8001"]}),
        ("8000-8009:80", {"80/tcp": ["|8000-8009"]}),
        ("published=8080,target=80,protocol=udp", {"80/udp": ["|8080"]}),
        ("target=80", {"80/tcp": ["|"]}),
    ],
)
def test_forms(text: str, expected: dict[str, list[str]]) -> None:
    assert bound(text) == expected
    assert set(ports.publish([text])[0]) == set(expected)


def test_the_same_port_twice() -> None:
    assert bound("1:80", "2:80") == {"80/tcp": ["|1", "|2"]}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("abc:80", "invalid hostPort: abc"),
        ("80:abc", "invalid containerPort: abc"),
        ("99999:80", "invalid hostPort: 99999"),
        ("1.2.3:80:80", "invalid IP address: 1.2.3"),
        ("", "no port specified: <empty>"),
        ("::", "no port specified: ::<empty>"),
        ("80-82:80-81", "invalid ranges specified for container and host Ports: 80-81 and 80-82"),
        ("80/foo", "invalid proto: foo"),
        ("82-80:80", "invalid hostPort: 82-80"),
        ("-1:80", "invalid hostPort: -1"),
        ("foo=1", "invalid field key foo"),
        ("published=80", "missing mandatory field: target"),
    ],
)
def test_errors(text: str, error: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        ports.publish([text])
    assert str(raised.value) == error


def test_expose() -> None:
    assert ports.expose(["80", "90-91/udp"]) == {"80/tcp": {}, "90/udp": {}, "91/udp": {}}
    with pytest.raises(
        InvalidArgument, match=r"invalid range format for --expose: abc, error: strconv\.ParseUint"
    ):
        ports.expose(["abc"])
    with pytest.raises(InvalidArgument, match="invalid port format for --expose: 1:2"):
        ports.expose(["1:2"])


def port(private: int, public: int = 0, address: str = "", kind: str = "tcp") -> dict[str, object]:
    found: dict[str, object] = {"PrivatePort": private, "Type": kind}
    return found | ({"PublicPort": public, "IP": address} if public else {})


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ([port(80)], "80/tcp"),
        ([port(80, 80, "0.0.0.0"), port(80, 80, "::")], "0.0.0.0:80->80/tcp, [::]:80->80/tcp"),
        ([port(80, 8080, "0.0.0.0")], "0.0.0.0:8080->80/tcp"),
        ([port(81), port(80), port(82), port(90)], "80-82/tcp, 90/tcp"),
        ([port(81, 81, "1.1.1.1"), port(80, 80, "1.1.1.1")], "1.1.1.1:80-81->80-81/tcp"),
        ([port(53, kind="udp"), port(53)], "53/tcp, 53/udp"),
        ([port(80), port(81, 99, "0.0.0.0"), port(82)], "80/tcp, 82/tcp, 0.0.0.0:99->81/tcp"),
    ],
)
def test_shown(found: list[dict[str, object]], text: str) -> None:
    assert ports.shown(found) == text
