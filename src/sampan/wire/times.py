"""Times as the Engine API writes them: RFC 3339 with nanoseconds, and seconds since 1970 with a fraction."""

from __future__ import annotations

_DAYS = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


def parse(text: str) -> tuple[int, int, int]:
    """An RFC 3339 time: (seconds since 1970, nanoseconds, offset from UTC in seconds). Raises ValueError."""
    if len(text) < 20 or text[10] not in "Tt ":
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    year, month, day = _number(text[:4]), _number(text[5:7]), _number(text[8:10])
    hour, minute, second = _number(text[11:13]), _number(text[14:16]), _number(text[17:19])
    if text[4] + text[7] + text[13] + text[16] != "--::" or not (1 <= month <= 12 and 1 <= day <= 31):
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    rest = text[19:]
    nanoseconds = 0
    if rest[0] == ".":
        digits = rest[1:].rstrip("Zz").partition("+")[0].partition("-")[0]
        nanoseconds = _number(digits[:9].ljust(9, "0"))
        rest = rest[1 + len(digits) :]
    offset = _offset(rest, text)
    whole = days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset
    return whole, nanoseconds, offset


def days(year: int, month: int, day: int) -> int:
    """From 1970-01-01 to this date of the proleptic Gregorian calendar."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    before = year - 1
    years = before * 365 + before // 4 - before // 100 + before // 400
    return years + _DAYS[month - 1] + (leap and month > 2) + day - 719163


def to_unix(text: str) -> str:
    """A time of the command line for the API: `1136073600.000000001`. What is no time goes as it is; the
    daemon judges it.

    Without a zone the local one is meant; a time of day may be missing, or its seconds.
    """
    try:
        if text[-1:] in ("Z", "z") or ("T" in text and text[-6:-5] in ("+", "-")):
            whole, nanoseconds, _ = parse(_with_seconds(text))
        else:
            whole, nanoseconds, _ = parse(_with_seconds(text if "T" in text else f"{text}T00:00:00") + "Z")
            whole = _from_local(whole)
    except (ValueError, IndexError):
        return text
    return f"{whole}.{nanoseconds:09d}"


def text(seconds: int, nanoseconds: int = 0) -> str:
    """A local time as Go's RFC3339Nano with all nine digits: `2026-11-24T08:40:00.123456789+01:00`."""
    from time import gmtime, localtime, strftime

    local = localtime(seconds)
    offset = local.tm_gmtoff // 60
    zone = (
        "Z" if not offset else f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"
    )
    shown = strftime("%Y-%m-%dT%H:%M:%S", local if offset else gmtime(seconds))
    return f"{shown}.{nanoseconds:09d}{zone}"


def _with_seconds(text: str) -> str:
    date, separator, rest = text.partition("T")
    if not separator:
        return text
    cut = next((index for index, letter in enumerate(rest) if letter in "Zz+-."), len(rest))
    clock = rest[:cut] + ":00" * (2 - rest[:cut].count(":"))
    return f"{date}T{clock}{rest[cut:]}"


def _from_local(seconds: int) -> int:
    from time import gmtime, mktime

    return int(mktime((*gmtime(seconds)[:8], -1)))


def _offset(rest: str, text: str) -> int:
    if rest in ("Z", "z"):
        return 0
    if len(rest) != 6 or rest[0] not in "+-" or rest[3] != ":":
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    minutes = _number(rest[1:3]) * 60 + _number(rest[4:6])
    return minutes * (60 if rest[0] == "+" else -60)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"not a number: {text!r}")
    return int(text)
