"""Query values in the forms that Docker's clients have written over the years."""

import pytest

from sampan.api.query import Query, parse_filters
from sampan.errors import InvalidArgument


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", True), ("true", True), ("True", True), ("yes", True), ("0", False), ("false", False), ("", False)],
)
def test_flags(value: str, expected: bool) -> None:
    assert Query(f"all={value}").flag("all") is expected


def test_an_absent_flag_has_its_default() -> None:
    assert Query("").flag("all", default=True) is True


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("{}", {}),
        ('{"name":["a","b"]}', {"name": ["a", "b"]}),
        ('{"name":{"a":true,"b":false}}', {"name": ["a"]}),
        ('{"name":[]}', {}),
    ],
)
def test_filters(text: str, expected: dict[str, list[str]]) -> None:
    assert parse_filters(text) == expected


@pytest.mark.parametrize("text", ["x", "[]", '{"name":"a"}', '{"name":[1]}', "[" * 100000])
def test_filters_that_are_none(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid filter"):
        parse_filters(text)


def test_an_unknown_filter_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="invalid filter 'bogus'"):
        parse_filters('{"bogus":["1"]}', frozenset(("name",)))


def test_numbers() -> None:
    assert Query("limit=5").number("limit") == 5
    assert Query("limit=").number("limit") is None
    with pytest.raises(InvalidArgument):
        Query("limit=abc").number("limit")
