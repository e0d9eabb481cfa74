import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.registry.auth import Credentials, parse_challenge


@pytest.mark.parametrize(
    ("header", "scheme", "parameters"),
    [
        ('Bearer realm="https://a/t",service="s",scope="r:x:pull,push"', "bearer",
         {"realm": "https://a/t", "service": "s", "scope": "r:x:pull,push"}),
        ("basic realm=x", "basic", {"realm": "x"}),
        ('Bearer realm="a\\"b", error="e"', "bearer", {"realm": 'a"b', "error": "e"}),
        ("Bearer", "bearer", {}),
        ("", "", {}),
        ('Bearer realm="first",realm="second"', "bearer", {"realm": "first"}),
    ],
)  # fmt: skip
def test_challenges(header: str, scheme: str, parameters: dict[str, str]) -> None:
    assert parse_challenge(header) == (scheme, parameters)


@given(st.text(max_size=200))
def test_any_header_ends(header: str) -> None:
    parse_challenge(header)


def test_basic() -> None:
    assert Credentials("u", "p").basic() == "Basic dTpw"
    assert Credentials().basic() is None
