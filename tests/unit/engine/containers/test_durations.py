"""docker/go-units' own table (duration_test.go)."""

import pytest

from sampan.engine.containers import durations

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.45, "Less than a second"),
        (1, "1 second"),
        (45, "45 seconds"),
        (46, "46 seconds"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (62, "About a minute"),
        (3 * _MINUTE, "3 minutes"),
        (45 * _MINUTE, "45 minutes"),
        (59 * _MINUTE + 59, "59 minutes"),
        (60 * _MINUTE, "About an hour"),
        (89 * _MINUTE + 59, "About an hour"),
        (3 * _HOUR, "3 hours"),
        (3 * _HOUR + 29 * _MINUTE, "3 hours"),
        (3 * _HOUR + 31 * _MINUTE, "4 hours"),
        (24 * _HOUR, "24 hours"),
        (36 * _HOUR, "36 hours"),
        (48 * _HOUR, "2 days"),
        (7 * _DAY, "7 days"),
        (13 * _DAY + 5 * _HOUR, "13 days"),
        (2 * 7 * _DAY, "2 weeks"),
        (2 * 7 * _DAY + 4 * _DAY, "2 weeks"),
        (3 * 7 * _DAY, "3 weeks"),
        (4 * 30 * _DAY, "4 months"),
        (13 * 30 * _DAY, "13 months"),
        (23 * 30 * _DAY, "23 months"),
        (24 * 30 * _DAY, "24 months"),
        (24 * 30 * _DAY + 2 * 7 * _DAY, "2 years"),
        (3 * 365 * _DAY + 2 * 30 * _DAY, "3 years"),
    ],
)
def test_human(seconds: float, text: str) -> None:
    assert durations.human(seconds) == text
