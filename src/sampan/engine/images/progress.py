"""What a long operation says while it runs. The words are Docker's; clients draw bars from the numbers."""

from collections.abc import Callable
from typing import NamedTuple


class Progress(NamedTuple):
    id: str  # 12 hex digits of a layer, a tag, or "" for a line about the whole
    status: str
    current: int | None = None  # bytes
    total: int | None = None


Report = Callable[[Progress], None]


def nobody(_: Progress) -> None:
    """For who does not listen."""


class Meter:
    """Reports bytes of one thing, not more often than every `step` bytes: a client draws ten bars a
    second."""

    def __init__(self, report: Report, identity: str, status: str, total: int) -> None:
        self._report = report
        self._identity = identity
        self._status = status
        self._total = total
        self._step = max(total // 100, 256 << 10)
        self._next = 0
        self.current = 0

    def add(self, size: int) -> None:
        self.current += size
        if self.current >= self._next or self.current == self._total:
            self._next = self.current + self._step
            self._report(Progress(self._identity, self._status, self.current, self._total))
