"""Sizes and durations as compose files write them, and as Go prints them. All raise ValueError."""

from __future__ import annotations

import re

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d|w)")
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
    "w": 7 * 86400 * 10**9,
}


def size(text: str) -> int:
    """Bytes; -1 stands for no limit (docker/go-units, RAMInBytes)."""
    if text == "-1":
        return -1
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise ValueError(text)
    return int(float(match[1]) * 1024 ** _POWERS[match[2].lower()])


def duration(text: str) -> int:
    """Nanoseconds (Go's time.ParseDuration, with days and weeks)."""
    if text == "0":
        return 0
    negative, rest = text.startswith("-"), text.lstrip("+-")
    total, at = 0, 0
    while at < len(rest):
        match = _PART.match(rest, at)
        if not match:
            raise ValueError(text)
        total += round(float(match[1]) * _NANOSECONDS[match[2]])
        at = match.end()
    if not at:
        raise ValueError(text)
    return -total if negative else total


def duration_text(nanoseconds: int) -> str:
    """`1m30s`, `500ms`, `1h0m0s` (Go's Duration.String)."""
    if nanoseconds == 0:
        return "0s"
    sign, left = ("-" if nanoseconds < 0 else ""), abs(nanoseconds)
    for unit, size_of in (("ns", 1), ("µs", 10**3), ("ms", 10**6)):
        if left < size_of * 1000:
            return f"{sign}{_fraction(left, size_of)}{unit}"
    minutes, seconds = divmod(left, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    text = f"{_fraction(seconds, 10**9)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else sign + text


def _fraction(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    digits = str(rest).rjust(len(str(unit)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if rest else str(whole)
