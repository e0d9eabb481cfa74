"""RFC 3339 both ways."""

import pytest

from sampan.engine import timestamps
from sampan.errors import InvalidArgument


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (0, "0001-01-01T00:00:00Z"),
        (1_700_000_000_000_000_000, "2023-11-14T22:13:20Z"),
        (1_700_000_000_500_000_000, "2023-11-14T22:13:20.5Z"),
        (1_700_000_000_000_000_001, "2023-11-14T22:13:20.000000001Z"),
    ],
)
def test_both_ways(moment: int, text: str) -> None:
    assert timestamps.text(moment) == text
    assert timestamps.parse(text) == moment


def test_other_zones() -> None:
    assert timestamps.parse("2023-11-14T23:13:20.25+01:00") == 1_700_000_000_250_000_000


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", None),
        ("0", None),
        ("12", 12_000_000_000),
        ("1.5", 1_500_000_000),
        ("2023-11-14T22:13:20Z", 17 * 10**17),
    ],
)
def test_bounds(text: str, moment: int | None) -> None:
    assert timestamps.bound(text, "since") == moment


@pytest.mark.parametrize("text", ["yesterday", "1" * 40, "1" + "0" * 30, "2023-99-99T00:00:00Z", "1.2.3"])
def test_what_is_no_bound(text: str) -> None:
    with pytest.raises(InvalidArgument, match='invalid value for "since"'):
        timestamps.bound(text, "since")
