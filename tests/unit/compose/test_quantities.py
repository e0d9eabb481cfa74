"""Sizes and durations."""

import pytest
from hypothesis import given, strategies

from sampan.compose import quantities


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", 1), ("1k", 1024), ("1kb", 1024), ("1.5GiB", 3 << 29), ("2 m", 2 << 20), ("-1", -1), ("10B", 10)],
)
def test_sizes(text: str, expected: int) -> None:
    assert quantities.size(text) == expected


@pytest.mark.parametrize("text", ["", "m", "1x", "-2", "1.k", "1e3"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        quantities.size(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("90s", "1m30s"), ("1.5s", "1.5s"), ("500ms", "500ms"), ("1h", "1h0m0s"), ("0", "0s"), ("1us", "1µs")],
)
def test_durations(text: str, shown: str) -> None:
    assert quantities.duration_text(quantities.duration(text)) == shown


@given(strategies.integers(-(10**18), 10**18))
def test_what_is_printed_is_read_back(nanoseconds: int) -> None:
    assert abs(quantities.duration(quantities.duration_text(nanoseconds)) - nanoseconds) <= 200


@pytest.mark.parametrize("text", ["", "10", "s", "1 s", "1s x"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        quantities.duration(text)
