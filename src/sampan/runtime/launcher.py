"""The launcher: one thread, warm, the only process that forks.

*Lonely.* Everything that a monitor needs is imported and frozen (gc.freeze: the collector never writes to
what was there before the fork, so the pages stay shared). A launch is received, forked for, and
forgotten; its message is not even decoded here, which keeps this heap as it was. The launcher ends when
the daemon's end of the socket closes, and leaves the monitors alone.

It is a child subreaper: pid 1 of a container whose monitor was killed becomes its child, and the daemon
hears how that one ended (`Reaped`).
"""

import _signal  # type: ignore[import-not-found]
import contextlib
import gc
import os
import select
from _socket import socket
from typing import NoReturn

from sampan.linux import task
from sampan.linux.process import close_range
from sampan.runtime import channel, monitor
from sampan.runtime.channel import Packet
from sampan.runtime.protocol import Failed, Launch, Reaped, decode

_OOM_SCORE = -500  # a monitor that is killed for memory takes its container with it
_IGNORED = (_signal.SIGHUP, _signal.SIGINT, _signal.SIGPIPE)


def main(control: int) -> None:
    """Serve launches that arrive on the SOCK_SEQPACKET socket `control`."""
    os.setsid()
    os.chdir("/")
    os.umask(0o022)
    if control > 3:
        close_range(3, control - 1)
    close_range(control + 1)
    os.set_inheritable(control, False)
    task.set_name("sampan-launch")
    task.set_child_subreaper()
    task.set_oom_score_adjustment(_OOM_SCORE)
    for number in _IGNORED:
        _signal.signal(number, _signal.SIG_IGN)
    Launcher(socket(fileno=control)).serve()


class Launcher:
    def __init__(self, control: socket) -> None:
        self._control = control
        self._monitors: set[int] = set()
        self._wake, self._woken = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def serve(self) -> None:
        _signal.signal(_signal.SIGCHLD, _ignore)
        _signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        gc.collect()
        gc.freeze()
        while True:
            for fd, _events in poll.poll():
                if fd == self._wake:
                    self._reap()
                elif not self._launch():
                    return

    def _launch(self) -> bool:
        """False: the daemon is gone."""
        try:
            packet = channel.receive(self._control)
        except OSError:  # ECONNRESET: gone with something unread
            return False
        if packet is None:
            return False
        try:
            pid = os.fork()
        except OSError as error:
            _refuse(packet, error)
            pid = -1
        if pid == 0:
            self._become_monitor(packet)
        if pid > 0:
            self._monitors.add(pid)
        channel.close_all(packet.files)
        return True

    def _become_monitor(self, packet: Packet) -> NoReturn:
        _signal.set_wakeup_fd(-1)
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        _signal.signal(_signal.SIGTERM, _signal.SIG_IGN)
        os.close(self._wake)
        os.close(self._woken)
        self._control.close()
        os.setsid()
        task.set_name("sampan-monitor")
        task.set_undumpable()
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.close(null)
        monitor.run(packet)

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 4096)
        while True:
            try:
                result = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)
            except ChildProcessError:
                return
            if result is None:
                return
            if result.si_pid in self._monitors:
                self._monitors.discard(result.si_pid)
            else:
                died = result.si_code != os.CLD_EXITED
                self._report(Reaped(result.si_pid, result.si_status + (128 if died else 0)))

    def _report(self, reaped: Reaped) -> None:
        # Not read, or gone: then the daemon says what can be known without it.
        with contextlib.suppress(OSError):
            channel.send(self._control, reaped, wait=False)


def _refuse(packet: Packet, error: OSError) -> None:
    """No process to be had: say so in the monitor's place."""
    launch, _ = decode(packet.data)
    assert isinstance(launch, Launch)
    control = socket(fileno=os.dup(packet.files[0]))
    with contextlib.suppress(OSError):
        channel.send(control, Failed(launch.id, "Internal", f"fork: {error.strerror}", 128), wait=False)
    control.close()


def _ignore(_number: int, _frame: object) -> None:
    """A handler of its own, so that the wake-up descriptor is written to."""
