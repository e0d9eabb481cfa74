"""One thread's event loop: epoll(7) and a handful of timers.

*Lonely.* Level-triggered, every fd non-blocking or only touched when ready: a stale event (its fd was
closed and its number used again within one batch) costs one EAGAIN and nothing else.
"""

import select
import time
from collections.abc import Callable

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
GONE = select.EPOLLHUP | select.EPOLLERR
HALF_CLOSED = select.EPOLLRDHUP
_LONGEST = 3600.0  # seconds of one wait: epoll_wait(2) takes an int of milliseconds, 24 days

Handler = Callable[[int], None]


class Timer:
    """Call `Loop.cancel` with it, or let it fire once."""

    __slots__ = ("callback", "when")

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback


class Loop:
    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._timers: list[Timer] = []

    def watch(self, fd: int, events: int, handler: Handler) -> None:
        """Begin, or change what is waited for."""
        if fd in self._handlers:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._handlers[fd] = handler

    def forget(self, fd: int) -> None:
        """Also the way to pause: a registered fd reports EPOLLHUP whatever its mask (epoll_ctl(2))."""
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def after(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """On CLOCK_MONOTONIC: a clock that is set does not move it."""
        timer = Timer(time.monotonic() + seconds, callback)
        self._timers.append(timer)
        return timer

    def cancel(self, timer: Timer | None) -> None:
        if timer is not None and timer in self._timers:
            self._timers.remove(timer)

    def run_once(self) -> None:
        """Wait for the next event or timer and handle it."""
        for fd, events in self._epoll.poll(self._patience()):
            handler = self._handlers.get(fd)
            if handler is not None:
                handler(events)
        if self._timers:
            self._fire()

    def _patience(self) -> float:
        if not self._timers:
            return -1
        left = min(timer.when for timer in self._timers) - time.monotonic()
        return min(max(0.0, left), _LONGEST)

    def _fire(self) -> None:
        now = time.monotonic()
        for timer in [timer for timer in self._timers if timer.when <= now]:
            if timer in self._timers:  # an earlier one may have cancelled it
                self._timers.remove(timer)
                timer.callback()

    def close(self) -> None:
        self._epoll.close()
