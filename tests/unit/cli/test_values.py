"""Sizes, durations, limits."""

import pytest

from sampan.cli import values


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("100", 100),
        ("1b", 1),
        ("1k", 1024),
        ("1KB", 1024),
        ("1kib", 1024),
        ("64m", 64 * 1024**2),
        ("1.5g", 3 * 1024**3 // 2),
        ("1 GiB", 1024**3),
        ("2t", 2 * 1024**4),
        ("1p", 1024**5),
    ],
)
def test_bytes(text: str, size: int) -> None:
    assert values.parse_bytes(text) == size


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("x", "invalid size: 'x'"),
        ("", "invalid size: ''"),
        ("-1", "invalid size: '-1'"),
        ("1x", "invalid suffix: 'x'"),
        ("1ib", "invalid suffix: 'ib'"),
        ("1_0", "invalid size: '1_0'"),
        ("1..2m", "invalid size: '1..2m'"),
    ],
)
def test_wrong_bytes(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=f"^{error}$".replace("..", r"\.\.")):
        values.parse_bytes(text)


def test_swap() -> None:
    assert values.parse_swap("-1") == -1
    assert values.parse_swap("1k") == 1024


@pytest.mark.parametrize(
    ("text", "nano"), [("1", 10**9), ("0.5", 5 * 10**8), (".25", 25 * 10**7), ("1e-9", 1)]
)
def test_cpus(text: str, nano: int) -> None:
    assert values.parse_cpus(text) == nano


def test_wrong_cpus() -> None:
    with pytest.raises(ValueError, match="failed to parse x as a rational number"):
        values.parse_cpus("x")
    with pytest.raises(ValueError, match="value is too precise"):
        values.parse_cpus("1.0000000001")


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("0", 0),
        ("1s", 10**9),
        ("1h30m", 5400 * 10**9),
        ("1.5s", 15 * 10**8),
        ("-2ms", -2 * 10**6),
        ("+3us", 3000),
        ("3µs", 3000),
        ("1h1m1s1ms1us1ns", 3661001001001),
    ],
)
def test_durations(text: str, nano: int) -> None:
    assert values.parse_duration(text) == nano


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", 'invalid duration ""'),
        ("5", 'missing unit in duration "5"'),
        ("x", 'invalid duration "x"'),
        ("5x", 'unknown unit "x" in duration "5x"'),
        (".s", 'invalid duration ".s"'),
        ("1s2", 'missing unit in duration "1s2"'),
    ],
)
def test_wrong_durations(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=f"^time: {error}$"):
        values.parse_duration(text)


def test_ulimits() -> None:
    assert values.parse_ulimit("nofile=1:2") == {"Name": "nofile", "Soft": 1, "Hard": 2}
    assert values.parse_ulimit("core=-1") == {"Name": "core", "Soft": -1, "Hard": -1}
    for text, error in (
        ("x", "invalid ulimit argument: x"),
        ("x=1", "invalid ulimit type: x"),
        ("nofile=5:3", "ulimit soft limit must be less than or equal to hard limit: 5 > 3"),
        ("nofile=1:2:3", "too many limit value arguments"),
        ("nofile=a", 'strconv.ParseInt: parsing "a": invalid syntax'),
    ):
        with pytest.raises(ValueError, match=error):
            values.parse_ulimit(text)


def test_sysctls() -> None:
    assert values.parse_sysctl("net.ipv4.ip_forward=1") == ("net.ipv4.ip_forward", "1")
    for text in ("kernel.panic=1", "net.x"):
        with pytest.raises(ValueError, match="is not allowed"):
            values.parse_sysctl(text)


def test_hosts_and_addresses() -> None:
    assert values.check_host("a:1.2.3.4") == "a:1.2.3.4"
    assert values.check_host("a=::1") == "a:::1"
    assert values.check_host("a=[::1]") == "a:::1"
    assert values.check_host("a:host-gateway") == "a:host-gateway"
    for text in ("x", ":1.2.3.4", "a:b"):
        with pytest.raises(ValueError, match="add-host"):
            values.check_host(text)
    with pytest.raises(ValueError, match="IP address is not correctly formatted: x"):
        values.check_address("x")


def test_domains() -> None:
    for text in (".", "example.com", "a-b.c_d"):
        assert values.check_domain(text) == text
    for text in ("", "-a.b", "a..b", "a b", "1.2"):
        with pytest.raises(ValueError, match="is not a valid domain"):
            values.check_domain(text)


def test_seconds() -> None:
    assert values.seconds("10m", 1000.0) == "400.000000000"
    assert values.seconds("2013-01-02T13:23:37Z", 0) == "1357133017.000000000"
    assert values.seconds("1357133017", 0) == "1357133017"
