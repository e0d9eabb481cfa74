"""RFC 3339 and back."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampan.wire import times


@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31), timezones=st.just(UTC)))
def test_parse_is_what_datetime_says(moment: datetime) -> None:
    seconds, nanoseconds, offset = times.parse(moment.isoformat().replace("+00:00", "Z"))
    assert seconds == (moment.replace(microsecond=0) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    assert nanoseconds == moment.microsecond * 1000
    assert offset == 0


def test_offsets_and_nanoseconds() -> None:
    assert times.parse("1970-01-01T01:00:00.000000001+01:00") == (0, 1, 3600)
    assert times.parse("1969-12-31T18:30:00.5-05:30") == (0, 500_000_000, -19800)
    assert times.parse("0001-01-01T00:00:00Z")[0] == -62135596800


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2024-13-01T00:00:00Z", "2024-01-01T00:00:00", "2024-01-01"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        times.parse(text)


def test_to_unix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert times.to_unix("2013-01-02T13:23:37Z") == "1357133017.000000000"
    assert times.to_unix("2013-01-02T13:23:37.5+01:00") == "1357129417.500000000"
    assert times.to_unix("2013-01-02T13:23:37") == "1357133017.000000000"
    assert times.to_unix("2013-01-02T13:23") == "1357132980.000000000"
    assert times.to_unix("2013-01-02") == "1357084800.000000000"
    assert times.to_unix("1357133017") == "1357133017"
    assert times.to_unix("nonsense") == "nonsense"


def test_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert times.text(0, 5) == "1970-01-01T00:00:00.000000005Z"
    monkeypatch.setenv("TZ", "UTC-5:30")
    time.tzset()
    assert times.text(0) == "1970-01-01T05:30:00.000000000+05:30"
    monkeypatch.undo()
    time.tzset()
