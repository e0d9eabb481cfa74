"""The launcher: one thread, warm, the only process that forks.

*Lonely.* Everything that a monitor needs is imported and frozen (gc.freeze: the collector never writes to
what was there before the fork, so the pages stay shared). A launch is received, forked for, and
forgotten; its message is not even decoded here, which keeps this heap as it was. The launcher ends when
the daemon's end of the socket closes, and leaves the monitors alone.

It is a child subreaper: pid 1 of a container whose monitor was killed becomes its child, and the daemon
hears how that one ended (`Reaped`).
"""

import _signal
import contextlib
import gc
import os
import select
import sys
from _socket import socket
from typing import NamedTuple, NoReturn

from sampan.linux import task
from sampan.linux.process import close_range
from sampan.runtime import channel, monitor, plug, starter
from sampan.runtime.channel import Packet
from sampan.runtime.protocol import Failed, Format, Launch, Plug, Ps, Reaped, Resolve, Spawned, decode, encode

_OOM_SCORE = -500  # a monitor that is killed for memory takes its container with it
_REHEARSALS = 12  # more than the 8 calls after which code is specialised
_QUIET = 20  # milliseconds from a launch to the fork of the next spare, which would slow the first down
# How other messages begin: those of launches are not decoded here.
_PS, _FORMAT, _RESOLVE, _PLUG = (
    encode(one).partition(b",")[0] for one in (Ps([]), Format([]), Resolve([]), Plug("", (), None, None))
)
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
    _set_name(b"sampan-launch")
    task.set_child_subreaper(on=True)
    task.set_undumpable()  # and so are all whom we fork, until they execve
    task.set_oom_score_adjustment(_OOM_SCORE)
    task.reset_internal_signals()
    for number in _IGNORED:
        _signal.signal(number, _signal.SIG_IGN)
    _rehearse()
    Launcher(socket(fileno=control)).serve()


def _rehearse() -> None:
    """Do a few times what every monitor does before it sleeps. CPython 3.11 rewrites code while it is new
    (PEP 659), counts its calls and fills caches: all of that shall be done, and shared, before the fork."""
    for _ in range(_REHEARSALS):
        one, other = channel.pair()
        channel.transmit(one, starter.SAMPLE, [0, 1], wait=True)
        packet = channel.receive(other)
        starter.told(packet)
        if packet is not None:
            channel.close_all(packet.files)
        one.close()
        other.close()
        _set_name(b"sampan-launch")
        _forget_signals()


def _forget_signals() -> None:
    _signal.set_wakeup_fd(-1)
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)


class Launcher:
    def __init__(self, control: socket) -> None:
        self._control = control
        self._monitors: set[int] = set()
        self._spare: _Spare | None = None
        self._wake, self._woken = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def serve(self) -> None:
        _signal.signal(_signal.SIGCHLD, _ignore)
        _signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        gc.collect()
        gc.freeze()
        self._prepare()
        while True:
            ready = poll.poll(_QUIET if self._spare is None else None)
            if not ready:
                with contextlib.suppress(OSError):  # no process to be had now: the next launch tries again
                    self._prepare()
            for fd, _events in ready:
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
        except channel.Refused:
            return True
        if packet is None:
            return False
        with contextlib.suppress(ValueError, TypeError):  # no message of ours: nobody waits for an answer
            self._carry_out(packet)
        channel.close_all(packet.files)
        return True

    def _carry_out(self, packet: Packet) -> None:
        acts = ((_PS, self._ps), (_FORMAT, self._format), (_RESOLVE, self._resolve), (_PLUG, self._plug))
        for beginning, act in acts:
            if packet.data.startswith(beginning):
                act(packet)
                return
        try:
            self._hand_over(packet)
        except OSError as error:
            _refuse(packet, error)

    def _ps(self, packet: Packet) -> None:
        """For `docker top`, which has the host's ps say what its options say. It is run from here because the
        daemon does not fork, and it ends in `_reap` like whatever else is left to us."""
        self._run("ps", packet)

    def _format(self, packet: Packet) -> None:
        self._run("mkfs.ext4", packet)

    def _run(self, program: str, packet: Packet) -> None:
        request, sequence = decode(packet.data)
        output, errors = packet.files
        pid, error = 0, ""
        try:
            pid = os.posix_spawnp(
                program,
                [program, *request.arguments],
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, errors, 2)],
                setsigdef=_IGNORED,
            )
        except FileNotFoundError:
            error = f'exec: "{program}": executable file not found in $PATH'
        except OSError as failure:
            error = f"fork/exec {program}: {(failure.strerror or '').lower()}"
        with contextlib.suppress(OSError):
            channel.send(self._control, Spawned(pid, error), sequence=sequence, wait=False)

    def _resolve(self, packet: Packet) -> None:
        request, sequence = decode(packet.data)
        (ready,) = packet.files
        pid, error = 0, ""
        try:
            pid = os.posix_spawn(
                sys.executable,
                [sys.executable, *request.arguments],
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, ready, 0)],
                setsigdef=_IGNORED,
            )
        except OSError as failure:
            error = str(failure)
        with contextlib.suppress(OSError):
            channel.send(self._control, Spawned(pid, error), sequence=sequence, wait=False)

    def _plug(self, packet: Packet) -> None:
        request, sequence = decode(packet.data)
        pid, error = 0, ""
        try:
            pid = os.fork()
        except OSError as failure:
            error = str(failure)
        if pid == 0 and not error:
            plug.plug_and_exit(request, packet.files)
        with contextlib.suppress(OSError):
            channel.send(self._control, Spawned(pid, error), sequence=sequence, wait=False)

    def _hand_over(self, packet: Packet) -> None:
        if self._spare is None:
            self._prepare()
        assert self._spare is not None
        try:
            self._spare.launch(packet)
        except ConnectionError:  # somebody killed it while it waited
            self._spare.close()
            self._spare = None
            self._prepare()
            assert self._spare is not None
            self._spare.launch(packet)
        self._spare.close()
        self._spare = None

    def _prepare(self) -> None:
        """Fork a monitor, and it a starter, that wait for the next launch."""
        if self._spare is not None:
            return
        monitor_end, theirs = channel.pair()
        starter_end, starters = channel.pair()
        try:
            pid = os.fork()
            if pid == 0:
                self._become_monitor(theirs, starters)
        finally:
            theirs.close()
            starters.close()
        self._monitors.add(pid)
        self._spare = _Spare(monitor_end, starter_end)

    def _become_monitor(self, launcher: socket, for_starter: socket) -> NoReturn:
        """Little and cheap: what is written to here stays in memory as long as the container."""
        _forget_signals()
        _signal.signal(_signal.SIGTERM, _signal.SIG_IGN)
        keep = sorted((launcher.fileno(), for_starter.fileno()))
        os.closerange(3, keep[0])
        os.closerange(keep[0] + 1, keep[1])
        os.closerange(keep[1] + 1, 65536)
        os.dup2(0, 2)
        os.setsid()
        _set_name(b"sampan-monitor")
        monitor.run(launcher, for_starter)

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


class _Spare(NamedTuple):
    """A monitor and its starter that wait."""

    monitor: socket
    starter: socket

    def launch(self, packet: Packet) -> None:
        channel.transmit(self.starter, packet.data, packet.files[:1], wait=True)
        channel.transmit(self.monitor, packet.data, packet.files, wait=True)

    def close(self) -> None:
        self.starter.close()
        self.monitor.close()


def _set_name(name: bytes) -> None:
    """As prctl(PR_SET_NAME), and with less of ctypes than a string takes there."""
    fd = os.open("/proc/self/comm", os.O_WRONLY | os.O_CLOEXEC)
    os.write(fd, name)
    os.close(fd)


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
