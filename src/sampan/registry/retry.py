"""When to try again, and for how long: back-off with jitter, Retry-After, a budget that progress refills."""

import random
import threading
import time
from dataclasses import dataclass

from sampan.errors import Cancelled, Unavailable


class Transient(Exception):
    """Something that may work when it is tried again; `cause` is what to tell if it does not."""

    def __init__(self, cause: Unavailable, after: float | None = None, *, throttled: bool = False) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.after = after  # seconds, from Retry-After
        self.throttled = throttled  # 429: more requests make it worse


@dataclass(frozen=True)
class Patience:
    tries: int = 6  # without progress in between
    first: float = 0.5  # seconds; doubles
    longest: float = 20.0
    asked: float = 60.0  # the longest Retry-After that is honoured
    connect: float = 15.0
    silence: float = 30.0  # seconds without a byte


class Budget:
    """One operation's tries."""

    def __init__(self, patience: Patience, cancelled: threading.Event) -> None:
        self._patience = patience
        self._cancelled = cancelled
        self._failures = 0

    def progress(self) -> None:
        self._failures = 0

    def spend(self, failure: Transient) -> None:
        """Wait for the next try; raises the failure's cause when there were enough."""
        self._failures += 1
        if self._failures >= self._patience.tries or (failure.after or 0) > self._patience.asked:
            raise failure.cause
        pause(self._delay(failure), self._cancelled)

    def _delay(self, failure: Transient) -> float:
        if failure.after is not None:
            return failure.after
        longest: float = min(self._patience.first * 2 ** (self._failures - 1), self._patience.longest)
        return longest * random.uniform(0.5, 1.0)


class Gate:
    """While a host throttles, its requests pass one at a time and a second apart, from all threads
    together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0.0
        self._throttled = False

    def throttle(self, delay: float) -> None:
        with self._lock:
            self._throttled = True
            self._next = max(self._next, time.monotonic() + delay)

    def open(self) -> None:
        with self._lock:
            self._throttled = False

    def wait(self, cancelled: threading.Event) -> None:
        with self._lock:
            if not self._throttled:
                return
            now = time.monotonic()
            turn = max(self._next, now)
            self._next = turn + 1.0
        pause(turn - now, cancelled)


def pause(seconds: float, cancelled: threading.Event) -> None:
    if cancelled.wait(max(seconds, 0)):
        raise Cancelled("context canceled")
