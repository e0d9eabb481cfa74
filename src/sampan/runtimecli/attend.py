"""Stay with a process to its end: signals go on to it, and a terminal's bytes to and fro."""

import contextlib
import os
import select
import signal
import termios
import tty
from collections.abc import Iterator

from sampan.linux.process import pidfd_send_signal

_KEPT = (signal.SIGCHLD, signal.SIGURG, signal.SIGKILL, signal.SIGSTOP, signal.SIGWINCH)
_CHUNK = 32 * 1024


@contextlib.contextmanager
def signals() -> Iterator[int]:
    """A pipe with the numbers of the signals that come. Begin before the process does: none is lost then, and
    none ends us while it runs."""
    woken, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    before = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    numbers = [n for n in signal.valid_signals() if n not in _KEPT] + [signal.SIGWINCH]
    handlers = {number: signal.signal(number, lambda *_: None) for number in numbers}
    try:
        yield woken
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        signal.set_wakeup_fd(before)
        os.close(woken)
        os.close(wake)


def attend(pidfd: int, console: int | None, woken: int) -> int:
    """The exit code of our child; 128 and more for a death by signal. `woken`: of `signals`."""
    with _raw(console):
        poll = select.poll()
        for fd in (pidfd, woken, *(() if console is None else (0, console))):
            poll.register(fd, select.POLLIN)
        while True:
            ready = [fd for fd, _ in poll.poll()]
            if woken in ready:
                _pass_on(os.read(woken, 256), pidfd, console)
            if console is not None:
                _relay(poll, ready, console)
            if pidfd in ready:
                break
        if console is not None:
            _drain(console)
    result = os.waitid(os.P_PIDFD, pidfd, os.WEXITED)
    assert result is not None
    return result.si_status + (0 if result.si_code == os.CLD_EXITED else 128)


def _relay(poll: select.poll, ready: list[int], console: int) -> None:
    if 0 in ready:
        data = os.read(0, _CHUNK)
        if data:
            os.write(console, data)
        else:
            poll.unregister(0)
            os.write(console, b"\x04")  # what ends an input for who reads a terminal by lines
    if console in ready and not _copy(console):
        poll.unregister(console)


def _copy(console: int) -> bool:
    try:
        data = os.read(console, _CHUNK)
    except OSError:  # EIO: nobody holds the other end any more
        return False
    while data:
        data = data[os.write(1, data) :]
    return True


def _drain(console: int) -> None:
    os.set_blocking(console, False)
    while _copy(console):
        pass


def _pass_on(numbers: bytes, pidfd: int, console: int | None) -> None:
    for number in numbers:
        if number == signal.SIGWINCH:
            if console is not None:
                with contextlib.suppress(OSError):
                    termios.tcsetwinsize(console, termios.tcgetwinsize(0))
        else:
            with contextlib.suppress(ProcessLookupError):
                pidfd_send_signal(pidfd, number)


@contextlib.contextmanager
def _raw(console: int | None) -> Iterator[None]:
    if console is None or not os.isatty(0):
        yield
        return
    before = termios.tcgetattr(0)
    termios.tcsetwinsize(console, termios.tcgetwinsize(0))
    tty.setraw(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
