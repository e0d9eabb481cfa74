"""How long, in words: docker/go-units' HumanDuration."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def human(seconds: float) -> str:
    whole = int(seconds)
    minutes, hours = int(seconds / _MINUTE), int(seconds / _HOUR + 0.5)
    if whole < 1:
        return "Less than a second"
    if whole < 120:
        return "1 second" if whole == 1 else f"{whole} seconds" if whole < 60 else "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    return _long(hours)


def _long(hours: int) -> str:
    if hours == 1:
        return "About an hour"
    for limit, size, unit in ((48, 1, "hours"), (24 * 14, 24, "days"), (24 * 60, 24 * 7, "weeks")):
        if hours < limit:
            return f"{hours // size} {unit}"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{hours // 24 // 365} years"
