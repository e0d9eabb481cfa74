"""What running operations need, so that nobody collects it; and one worker at a time for one piece of
content.

A lease lives in the memory of the process that does the work, so it ends with it, however that ends: what was
leased then is collected at the next start.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sampan.errors import Cancelled

_LOOK = 0.25  # seconds


class Leases:
    def __init__(self) -> None:
        self.lock = (
            threading.RLock()
        )  # held by whoever decides what to collect, and to look up and hold at once
        self._counts: Counter[str] = Counter()
        self.passed_over = False  # something unneeded was not collected for their sake

    def open(self) -> "Lease":
        return Lease(self)

    def holds(self, key: str) -> bool:
        return self._counts[key] > 0

    def change(self, key: str, by: int) -> int:
        """The number of holders of `key` afterwards."""
        with self.lock:
            self._counts[key] += by
            left = self._counts[key]
            if not left:
                del self._counts[key]
            return left


class Lease:
    """Keys are `layer:DIFF_ID` and `blob:DIGEST`. `at_end` runs when nobody holds a key any more."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._keys: dict[str, Callable[[], None] | None] = {}

    def hold(self, key: str, at_end: Callable[[], None] | None = None) -> None:
        with self._leases.lock:
            if key not in self._keys:
                self._leases.change(key, 1)
                self._keys[key] = at_end

    def close(self) -> None:
        with self._leases.lock:
            for key, at_end in self._keys.items():
                if not self._leases.change(key, -1) and at_end is not None:
                    at_end()
            self._keys.clear()

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class EitherEvent(threading.Event):
    """Set when it is set itself, and when another event is."""

    def __init__(self, other: threading.Event) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        return super().is_set() or self._other.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """A thread cannot wait for two events at once: it looks at the other one now and then."""
        end = time.monotonic() + (threading.TIMEOUT_MAX if timeout is None else timeout)
        while not self.is_set() and (left := end - time.monotonic()) > 0:
            super().wait(min(left, _LOOK))
        return self.is_set()


class Deadline(threading.Event):
    """Set by itself when so many seconds are over."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._end = time.monotonic() + seconds

    def is_set(self) -> bool:
        return super().is_set() or time.monotonic() >= self._end


class Flights:
    """Two pulls of the same layer: the second waits for the first, and then finds the layer, or tries
    itself."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._active: set[str] = set()

    @contextmanager
    def alone(self, key: str, cancelled: threading.Event) -> Iterator[None]:
        with self._condition:
            while key in self._active:
                # A thread cannot wait for a condition and an event at once: look at the event now and then.
                self._condition.wait(_LOOK)
                if cancelled.is_set():
                    raise Cancelled("context canceled")
            self._active.add(key)
        try:
            yield
        finally:
            with self._condition:
                self._active.discard(key)
                self._condition.notify_all()
