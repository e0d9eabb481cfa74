"""Signals by number and by name, as Docker's clients write them."""

import signal

from sampan.errors import InvalidArgument

_NAMES = {member.name.removeprefix("SIG"): int(member) for member in signal.Signals}
_NAMES |= {f"RTMIN+{offset}": 34 + offset for offset in range(1, 16)}
_NAMES |= {f"RTMAX-{offset}": 64 - offset for offset in range(1, 15)}
_NAMES |= {"RTMIN": 34, "RTMAX": 64, "IOT": 6, "CLD": 17, "POLL": 29}


def number(text: str) -> int:
    """ "9", "KILL", "SIGKILL", "sigkill", "RTMIN+1". Raises InvalidArgument in Docker's words."""
    if text.isascii() and text.isdigit():
        value = int(text[:9])
        if 0 < value <= 64:
            return value
        raise InvalidArgument(f"invalid signal: {text}")
    value = _NAMES.get(text.upper().removeprefix("SIG"), 0)
    if not value:
        raise InvalidArgument(f"invalid signal: {text}")
    return value
