"""Verbs that take several names: each is tried, what went well is echoed as it was given, and any failure is
status 1.
"""

from __future__ import annotations

from sampan.cli import console
from sampan.errors import SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sampan.client.connection import Exchange

_AT_ONCE = 50  # requests in flight, as Docker's client has them


def each(names: Sequence[str], act: Callable[[str], object]) -> int:
    """Do it to each name, one after another: the exit status."""
    status = 0
    for name in names:
        if _failure(name, lambda name=name: act(name)):  # type: ignore[misc]
            status = 1
    return status


def together(
    names: Sequence[str],
    begin: Callable[[str], Exchange],
    forgive: Callable[[SampanError], bool] = lambda error: False,
) -> int:
    """Do it to all names at once; the answers are told in the order of the names. `forgive`: no failure
    after all.
    """
    status = 0
    for first in range(0, len(names), _AT_ONCE):
        group = names[first : first + _AT_ONCE]
        for name, begun in [(name, _begun(begin, name)) for name in group]:
            error = begun if isinstance(begun, SampanError) else _failure(name, begun.result)
            if isinstance(begun, SampanError):
                console.error(str(begun))
            if error is not None and not forgive(error):
                status = 1
    return status


def _begun(begin: Callable[[str], Exchange], name: str) -> Exchange | SampanError:
    try:
        return begin(name)
    except SampanError as error:
        return error


def _failure(name: str, act: Callable[[], object]) -> SampanError | None:
    """Do it, and tell how it went."""
    try:
        act()
    except SampanError as error:
        console.error(str(error))
        return error
    console.out(name)
    return None
