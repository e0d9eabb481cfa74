"""The filters that every prune has: `until`, `label`, `label!`. Pure."""

import re
from datetime import datetime
from typing import NamedTuple

from sampan.engine.events import has_label
from sampan.errors import InvalidArgument

FILTERS = frozenset(("label", "label!", "until"))
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_DURATION = re.compile(r"(?:[0-9]{1,12}(?:\.[0-9]{0,9})?(?:ns|us|µs|ms|s|m|h))+")
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?)([a-zµ]+)")
_LATEST = 253_402_300_800 * 10**9  # the year 10000, in nanoseconds


class Pruned(NamedTuple):
    """What may go: made before `until` (nanoseconds since the epoch; None: whenever), with these labels."""

    until: int | None
    wanted: list[str]
    unwanted: list[str]

    def matches(self, created: int, labels: dict[str, str]) -> bool:
        if self.until is not None and created >= self.until:
            return False
        if not all(has_label(labels, value) for value in self.wanted):
            return False
        return not self.unwanted or not all(has_label(labels, value) for value in self.unwanted)


def parse(filters: dict[str, list[str]], now: int) -> Pruned:
    """Raises InvalidArgument in Docker's words."""
    until = filters.get("until", [])
    if len(until) > 1:
        raise InvalidArgument("more than one until filter specified")
    moment = _moment(until[0], now) if until else None
    return Pruned(moment, filters.get("label", []), filters.get("label!", []))


def _moment(text: str, now: int) -> int:
    """A Go duration before now, seconds since the epoch, or a date and time, without a zone the local one."""
    if _DURATION.fullmatch(text):
        return now - int(sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text)))
    try:
        if text.replace(".", "", 1).isdecimal() and len(text) < 32:
            moment = int(float(text) * 10**9)
        else:
            moment = int(datetime.fromisoformat(text).timestamp() * 10**6) * 1000
    except (ValueError, OverflowError):
        raise _invalid(text) from None
    if abs(moment) >= _LATEST:
        raise _invalid(text)
    return moment


def _invalid(text: str) -> InvalidArgument:
    return InvalidArgument(f'failed to parse value as time or duration: "{text[:64]}"')
