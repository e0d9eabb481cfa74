"""Go's durations, as HEALTHCHECK has them: `1m30s`, `500ms`."""

import re

from sampan.build.source import DockerfileError

_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = re.compile(r"(\d{1,18}(?:\.\d{1,18})?)(ns|us|µs|ms|s|m|h)")
_LEAST = 10**6  # container.MinimumDuration


def parse(text: str, flag: str) -> int:
    """Nanoseconds; 0 where nothing or "0" is given."""
    if text in ("", "0", "0s"):
        return 0
    if not re.fullmatch(rf"({_PART.pattern})+", text):
        raise DockerfileError(f'time: invalid duration "{text}"', offending=text)
    total = sum(int(float(number) * _UNITS[unit]) for number, unit in _PART.findall(text))
    if total < _LEAST:
        raise DockerfileError(f'Interval "{flag}" cannot be less than 1ms', offending=text)
    return total
