"""HEALTHCHECK as an instruction of `--change`: `--interval=30s CMD curl …`, or NONE."""

import re
from collections.abc import Callable

from sampan.errors import InvalidArgument
from sampan.oci.image import Health

_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)(ns|us|µs|ms|s|m|h)")
_LEAST = 10**6  # nanoseconds
_DURATIONS = {
    "interval": "Interval",
    "timeout": "Timeout",
    "start-period": "StartPeriod",
    "start-interval": "StartInterval",
}


def parse(text: str, command: Callable[[str], list[str]]) -> Health:
    """`command`: what CMD with this text stands for. Raises InvalidArgument in Docker's words."""
    health = Health()
    while text.startswith("--"):
        flag, _, text = text.partition(" ")
        _set(health, flag)
        text = text.strip()
    word, _, rest = text.partition(" ")
    if word.upper() == "NONE":
        if rest.strip():
            raise InvalidArgument("HEALTHCHECK NONE takes no arguments")
        health.Test = ["NONE"]
        return health
    if word.upper() != "CMD":
        raise InvalidArgument(f'Unknown type "{word.upper()}" in HEALTHCHECK (try CMD)')
    if not rest.strip():
        raise InvalidArgument("Missing command after HEALTHCHECK CMD")
    rest = rest.strip()
    listed = rest.startswith("[")
    health.Test = ["CMD", *command(rest)] if listed else ["CMD-SHELL", rest]
    return health


def _set(health: Health, flag: str) -> None:
    name, _, value = flag[2:].partition("=")
    if name == "retries":
        if not value.isdecimal() or len(value) > 9:
            raise InvalidArgument(f'strconv.ParseInt: parsing "{value}": invalid syntax')
        health.Retries = int(value)
    elif name in _DURATIONS:
        setattr(health, _DURATIONS[name], _duration(value, name))
    else:
        raise InvalidArgument(f"unknown flag: --{name}")


def _duration(text: str, flag: str) -> int | None:
    if text in ("", "0", "0s"):
        return None
    if not re.fullmatch(rf"({_PART.pattern})+", text):
        raise InvalidArgument(f'time: invalid duration "{text}"')
    total = sum(int(float(number) * _UNITS[unit]) for number, unit in _PART.findall(text))
    if total < _LEAST:
        raise InvalidArgument(f'Interval "{flag}" cannot be less than 1ms')
    return total
