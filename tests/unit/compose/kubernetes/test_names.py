"""Names and quantities of Kubernetes."""

import pytest

from sampan.compose.kubernetes import names


@pytest.mark.parametrize(
    ("text", "name"),
    [("web", "web"), ("My_App.1", "my-app-1"), ("--x--", "x"), ("___", "x"), ("/etc/x.conf", "etc-x-conf")],
)
def test_dns(text: str, name: str) -> None:
    assert names.dns(text) == name


def test_long_names_stay_different() -> None:
    first, second = names.dns("a" * 80 + "1"), names.dns("a" * 80 + "2")
    assert first != second
    assert len(first) <= 63


@pytest.mark.parametrize(
    ("text", "literal"),
    [("$(X)", "$$(X)"), ("$$(X)", "$$$$(X)"), ("a$b", "a$b"), ("$$", "$$$"), ("$", "$"), ("5$$", "5$$$")],
)
def test_nothing_is_expanded(text: str, literal: str) -> None:
    assert names.literal(text) == literal
    assert expanded(literal) == text


def expanded(text: str) -> str:
    """What Kubernetes makes of it: `$$` is `$` (Define Environment Variables, third_party/forked/golang)."""
    found, at = "", 0
    while at < len(text):
        assert text[at : at + 2] != "$(", "a variable"
        found += text[at]
        at += 2 if text[at : at + 2] == "$$" else 1
    return found


@pytest.mark.parametrize(("number", "text"), [(1, "1"), (1.5, "1500m"), (0.25, "250m"), (0, "0")])
def test_cpus(number: float, text: str) -> None:
    assert names.cpus(number) == text


@pytest.mark.parametrize(
    ("amount", "text"), [(1 << 30, "1Gi"), (3 << 20, "3Mi"), (1 << 10, "1Ki"), (1000, "1000"), (0, "0")]
)
def test_size(amount: int, text: str) -> None:
    assert names.size(amount) == text
