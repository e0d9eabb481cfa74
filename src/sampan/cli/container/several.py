"""Verbs that take several names: each is tried, what went well is echoed as it was given, any failure is
status 1.
"""

from __future__ import annotations

from sampan.cli import console
from sampan.errors import SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def each(names: Sequence[str], act: Callable[[str], object]) -> int:
    """Do it to each name: the exit status."""
    status = 0
    for name in names:
        try:
            act(name)
        except SampanError as error:
            console.error(str(error))
            status = 1
        else:
            console.out(name)
    return status
