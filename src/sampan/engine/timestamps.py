"""Times as the Engine API spells them: RFC 3339 with nanoseconds, in UTC. Kept as integers of
nanoseconds since the epoch; 0 is Go's zero time."""

import time
from datetime import UTC, datetime

from sampan.errors import InvalidArgument

ZERO = "0001-01-01T00:00:00Z"
_NANO = 1_000_000_000
_END = 253_402_300_800 * _NANO  # of the year 9999: what comes after it cannot be written


def now() -> int:
    return time.time_ns()


def text(nanoseconds: int) -> str:
    """`2026-11-24T08:00:00.5Z`: trailing zeros of the fraction are dropped, as Go's RFC3339Nano does."""
    if nanoseconds == 0:
        return ZERO
    seconds, fraction = divmod(nanoseconds, _NANO)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{stamp}.{fraction:09d}".rstrip("0").rstrip(".") + "Z"


def parse(value: str) -> int:
    """The inverse of `text`, for any offset and up to nanoseconds. Raises ValueError."""
    if not value or value == ZERO:
        return 0
    head, dot, rest = value.partition(".")
    fraction = ""
    if dot:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        fraction, zone = rest[:digits], rest[digits:]
    else:
        zone = head[19:]
        head = head[:19]
    if head[4:5] + head[7:8] + head[10:11].upper() != "--T":
        raise ValueError(value)  # fromisoformat also takes forms that RFC 3339 does not know
    moment = datetime.fromisoformat(head + (zone or "Z"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * _NANO + int((fraction + "000000000")[:9])


def bound(value: str, name: str) -> int | None:
    """`since` and `until` of logs and events: seconds since the epoch with an optional fraction, or
    RFC 3339. "" and "0" mean no bound. Raises InvalidArgument."""
    if value in ("", "0"):
        return None
    try:
        if value.lstrip("-").replace(".", "", 1).isdigit() and len(value) < 32:
            seconds, _, fraction = value.partition(".")
            moment = int(seconds) * _NANO + int((fraction + "000000000")[:9])
        else:
            moment = parse(value)
    except (ValueError, OverflowError):
        raise InvalidArgument(f'invalid value for "{name}": {value[:64]}') from None
    if abs(moment) >= _END:
        raise InvalidArgument(f'invalid value for "{name}": {value[:64]}')
    return moment
