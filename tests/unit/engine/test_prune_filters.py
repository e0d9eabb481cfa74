"""What `prune --filter` lets go."""

import pytest

from sampan.engine.prune_filters import parse
from sampan.errors import InvalidArgument

NOW = 1_800_000_000 * 10**9
SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("24h", NOW - 86400 * SECOND),
        ("1h30m", NOW - 5400 * SECOND),
        ("1.5s", NOW - 3 * SECOND // 2),
        ("250ms", NOW - SECOND // 4),
        ("1700000000", 1_700_000_000 * SECOND),
        ("2023-11-14T22:13:20Z", 1_700_000_000 * SECOND),
        ("2023-11-14T23:13:20+01:00", 1_700_000_000 * SECOND),
    ],
)
def test_until(text: str, until: int) -> None:
    found = parse({"until": [text]}, NOW)
    assert found.until == until
    assert found.matches(until - 1, {})
    assert not found.matches(until, {})


@pytest.mark.parametrize("text", ["bogus", "", "5x", "h", "9" * 40, "2023-13-01", "1e9h"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(InvalidArgument, match="failed to parse value as time or duration"):
        parse({"until": [text]}, NOW)


def test_one_time_only() -> None:
    with pytest.raises(InvalidArgument, match="more than one until filter specified"):
        parse({"until": ["1h", "2h"]}, NOW)


def test_labels() -> None:
    both = parse({"label": ["a", "b=1"]}, NOW)
    assert both.matches(0, {"a": "x", "b": "1"})
    assert not both.matches(0, {"a": "x", "b": "2"})
    without = parse({"label!": ["keep"]}, NOW)
    assert without.matches(0, {})
    assert not without.matches(0, {"keep": ""})
