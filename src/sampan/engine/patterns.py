"""Names that a filter is to match. Docker's are regular expressions, in a linear engine; ours backtracks, so
only a pattern that cannot explode is one, and anything else is looked for as it stands."""

import re
from collections.abc import Callable

_LIMIT = 256


def matcher(value: str) -> Callable[[str], bool]:
    if len(value) <= _LIMIT and _cannot_explode(value):
        return lambda name, search=re.compile(value).search: search(name) is not None  # type: ignore[misc]
    return lambda name: value in name


def _cannot_explode(value: str) -> bool:
    """At most two repetitions, and no groups with any: quadratic at worst on names of 255 characters."""
    repetitions = len(re.findall(r"[*+?{}]", value))
    if repetitions and ("(" in value or repetitions > 2):
        return False
    try:
        re.compile(value)
    except re.error:
        return False
    return True
