"""One container's monitor: parent of pid 1, from its start to the last byte of output.

*Lonely*: one thread, forked from the warm launcher, imports nothing after that. It outlives the daemon
and the launcher; who wants to talk to it connects to its socket in the run directory. What it does not
need while the container idles is done elsewhere (`runtime.starter`): its memory is what a container costs.
"""

import errno
import os
import select
from _socket import socket
from collections.abc import Callable
from typing import Any, NoReturn

from sampan.linux import task
from sampan.runtime import cgroup, channel, foreign, freezer, rundir, starter
from sampan.runtime.cgroup import Cgroup
from sampan.runtime.crash import report_crash
from sampan.runtime.failure import OciError
from sampan.runtime.forward import Forwarder
from sampan.runtime.logs import Clock, LogFile, LogStream
from sampan.runtime.monitor_control import Control
from sampan.runtime.monitor_control import Reply as Answer
from sampan.runtime.monitor_execs import Execs
from sampan.runtime.monitor_loop import Loop, Timer
from sampan.runtime.monitor_process import Process
from sampan.runtime.monitor_session import Session
from sampan.runtime.monitor_stdio import ours
from sampan.runtime.protocol import (
    MONITOR_SOCKET,
    Attach,
    ClearLog,
    Detached,
    Exec,
    Exited,
    Failed,
    Hello,
    Kill,
    Launch,
    Log,
    Publish,
    Reply,
    Resize,
    State,
    Stop,
    decode,
)
from sampan.runtime.relay import Ports
from sampan.runtime.rundir import RunDirectory
from sampan.runtime.starter import Born, Failure
from sampan.runtime.streams import STDERR, STDOUT

_SIZES = range(65536)  # struct winsize (ioctl_tty(2))
_SIGKILL = 9
_FAULTS = 100  # that are survived


def run(launcher: socket, for_starter: socket) -> NoReturn:
    """Wait for a launch, with a starter ready to carry it out, and watch the container to its end.

    The launch comes on `launcher`, with its files, and on `for_starter` without them.
    """
    run_dir = "/"
    try:
        task.set_child_subreaper(on=True)
        ours_end, theirs = channel.pair()
        own = os.getpid()
        pid = os.fork()
        if pid == 0:
            launcher.close()
            ours_end.close()
            starter.start_and_exit(for_starter, theirs, own)
        theirs.close()
        for_starter.close()
        packet = channel.receive(launcher)
        launcher.close()
        # Of a starter that was killed nobody knows how far it came. The daemon, finding no monitor any more,
        # takes away what there is, and tries another one.
        told = channel.receive(ours_end) if packet is not None else None
        if packet is not None and told is not None:
            ours_end.close()
            born = starter.told(told)
            if not isinstance(born, Born):
                assert isinstance(born, Failure)
                _refuse(packet, born)
            else:
                run_dir = born.run_dir
                _begin(born, told.files, packet.files, pid)
    except BaseException:
        report_crash(run_dir)
    finally:
        os._exit(0)


def _begin(born: Born, made: list[int], files: list[int], pid: int) -> None:
    """`made`: the starter's files; `files`: the launch's; `pid`: the starter, which is about to end."""
    os.waitid(os.P_PID, pid, os.WEXITED)  # now its child is ours
    task.set_child_subreaper(on=False)
    if not born.attaches:
        _sleep(born, made, files)
    _Monitor(born, made, files).run()


def _sleep(born: Born, made: list[int], files: list[int]) -> None:
    """Until anything happens at all. Many containers never say a word, nor are spoken to: for them nothing
    of the machinery below is made, which keeps some hundred pages shared. Nothing is read here."""
    poll = select.poll()
    stdin = made[5:] if not born.terminal else []
    relayed = [files[listener[0]] for listener in born.listeners if listener[-1]]
    for fd in (files[0], *made[1:], *relayed):
        if fd not in stdin:
            poll.register(fd, select.POLLIN)
    poll.poll()


def _refuse(packet: channel.Packet, failure: Failure) -> None:
    """The container never ran. First let go of its ports, then say so."""
    launch, _ = decode(packet.data)
    assert isinstance(launch, Launch)
    channel.close_all(packet.files[1:])
    if launch.runtime:
        foreign.abandon(launch)
    control = socket(fileno=packet.files[0])
    channel.send(control, Failed(launch.id, *failure), wait=False)


class _Monitor:
    def __init__(self, born: Born, made: list[int], files: list[int]) -> None:
        self._born = born
        self._loop = Loop()
        self._directory = RunDirectory(born.run_dir, made[0])
        self._control = Control(self._loop, self._answer)
        self._control.add(socket(fileno=files[0]))
        self._control.listen(socket(fileno=made[1]))
        self._ports = Ports(self._loop, born.ports(), files)
        self._log = _Log(born.logging(), self._loop, self._log_caught_up)
        self._process = Process(
            self._loop, None, close_stdin=born.stdin == "once", sink=self._log.sink, left=self._left
        )
        self._process.held = lambda: self._log.full
        self._process.begin(born.pid, made[2])
        if born.terminal:
            self._process.connect_console(made[3])
        else:
            self._process.connect(ours(made[3:5], made[5] if born.stdin != "none" else None))
        self._execs = Execs(self._loop, born, made[2], self._control.broadcast, self._left)
        self._exited: Exited | None = None
        self._stopping: Timer | None = None
        self._faults = 0
        self._process.watch(self._reap)
        for attach, stream in zip(born.clients(), files[len(files) - len(born.attaches) :], strict=True):
            self._process.attach(attach, stream)

    def run(self) -> None:
        while self._exited is None:
            self._step()
        self._control.stop_listening()
        self._directory.unlink(MONITOR_SOCKET)
        while self._process.draining or self._execs.draining:
            self._step()

    def _step(self) -> None:
        """A fault of ours costs a connection or a session, not the container: a monitor that ends takes it
        along. One that comes back for ever does."""
        try:
            self._loop.run_once()
        except Exception:
            report_crash(self._born.run_dir)
            self._faults += 1
            if self._faults > _FAULTS:
                raise

    # -- the end -----------------------------------------------------------------------------------

    def _reap(self, process: Process) -> None:
        if process.reap():
            self._finish()

    def _finish(self) -> None:
        """The order is part of the protocol: see its docstring."""
        assert self._process.exit_code is not None
        finished_at = self._log.clock()
        self._loop.cancel(self._stopping)
        oom_killed = self._clear_cgroup()
        self._execs.end()
        self._process.release_terminal()
        self._process.drain()
        self._log.close()
        self._ports.close()
        started = decode(self._born.started)[0]
        self._exited = Exited(
            started.id, self._process.exit_code, oom_killed, finished_at, started.started_at
        )
        try:
            rundir.write_exit(
                self._born.state_dir, self._born.run_dir, self._exited, sync=self._born.fsync_exit
            )
        except OSError:  # neither disk nor memory takes it: at least who listens shall know
            report_crash(self._born.run_dir)
        self._control.broadcast(self._exited)
        self._process.close_output()

    def _clear_cgroup(self) -> bool:
        group = Cgroup(*self._born.cgroup)
        oom_killed = cgroup.oom_kills(group) > 0
        try:
            if self._born.runtime:
                foreign.delete(self._born.runtime, self._born.run_dir, decode(self._born.started)[0].id)
        except (OSError, OciError):
            report_crash(self._born.run_dir)
        try:
            cgroup.destroy(group)
        except (OSError, OciError):  # something does not go away: the exit status must not wait for it
            report_crash(self._born.run_dir)
        return oom_killed

    # -- requests ----------------------------------------------------------------------------------

    def _answer(self, request: Any, files: list[int], reply: Answer) -> None:
        try:
            if isinstance(request, Exec):
                self._exec(request, files, reply)
            else:
                reply(self._respond(request, files))
        except KeyError:
            reply(Reply(errno.ENOENT, "no such exec"))
        except ProcessLookupError:
            reply(Reply(errno.ESRCH, "the process has ended"))
        except OSError as error:
            reply(Reply(error.errno or errno.EIO, str(error)))
        except ValueError as error:
            reply(Reply(errno.EINVAL, str(error)))
        except Exception as error:  # whatever it was, the container must not pay for it
            report_crash(self._born.run_dir)
            reply(Reply(errno.EINVAL, f"{type(error).__name__}: {error}"))
        finally:
            channel.close_all(files)  # a handler takes out what it keeps

    def _respond(self, request: Any, files: list[int]) -> Reply | State:
        match request:
            case Hello():
                started = decode(self._born.started)[0]
                return State(started, self._exited, self._execs.states(), self._ports.held())
            case Attach() if not files:
                raise ValueError("no stream came with it")
            case Attach():
                self._running(request.exec_id).attach(request, files.pop(0), spectator=True)
            case Kill():
                self._find(request.exec_id).kill(request.signal)
            case Stop():
                self._stop(request)
            case ClearLog():
                self._log.clear()
            case Publish():
                self._publish(request, files)
            case Resize() if request.height not in _SIZES or request.width not in _SIZES:
                raise ValueError("not the size of a terminal")
            case Resize():
                self._find(request.exec_id).resize(request.height, request.width)
            case _:
                return Reply(errno.ENOSYS, f"a monitor has no answer to {type(request).__name__}")
        return Reply()

    def _find(self, exec_id: str | None) -> Process:
        return self._process if exec_id is None else self._execs.find(exec_id)

    def _running(self, exec_id: str | None) -> Process:
        process = self._find(exec_id)
        if not process.running:
            raise ProcessLookupError
        return process

    def _exec(self, request: Exec, files: list[int], reply: Answer) -> None:
        self._running(None)
        self._execs.execute(request, files, reply)

    def _publish(self, request: Publish, files: list[int]) -> None:
        self._running(None)
        if sorted(one.descriptor for one in request.listeners) != list(range(len(files))):
            raise ValueError("not the files of these listeners")
        taken = list(files)
        files.clear()
        self._ports.replace(request.kept, request.listeners, taken)

    def _stop(self, request: Stop) -> None:
        """A second one, as from an impatient `docker stop -t 0`, replaces the deadline of the first."""
        self._process.kill(request.signal)
        self._loop.cancel(self._stopping)
        self._stopping = None
        if request.timeout >= 0:
            self._stopping = self._loop.after(request.timeout, self._stop_now)

    def _stop_now(self) -> None:
        if self._process.running:
            self._process.kill(_SIGKILL)
            freezer.release(Cgroup(*self._born.cgroup))  # paused again meanwhile

    def _log_caught_up(self) -> None:
        self._process.caught_up()

    def _left(self, session: Session, by_keys: bool) -> None:
        self._control.broadcast(Detached(session.attach.session, session.attach.exec_id, by_keys))


class _Log:
    """Where pid 1's output goes besides its clients."""

    def __init__(self, log: Log, loop: Loop, resumed: Callable[[], None]) -> None:
        self.clock = Clock()
        self._forwarder: Forwarder | None = None
        self._file: LogFile | None = None
        self._streams: dict[int, LogStream] = {}
        self.sink: Callable[[int, bytes], None] | None = None
        if log.driver == "json-file":
            self.sink = self._write
            self._file = LogFile(log.path, log.max_size, log.max_file, compress=log.compress)
            for stream, name in ((STDOUT, "stdout"), (STDERR, "stderr")):
                self._streams[stream] = LogStream(
                    name, self._file.append, self.clock, log.attributes.encode()
                )
        if log.forward is not None:
            self.sink = self._write
            self._forwarder = Forwarder(loop, log.forward, resumed)

    def close(self) -> None:
        for stream in self._streams.values():
            stream.close()
        if self._file is not None:
            self._file.close()
        if self._forwarder is not None:
            self._forwarder.close()

    def clear(self) -> None:
        if self._file is not None:
            self._file.clear()

    @property
    def full(self) -> bool:
        return self._forwarder is not None and self._forwarder.full

    def _write(self, stream: int, chunk: bytes) -> None:
        if self._forwarder is not None:
            self._forwarder.write(stream, chunk)
        if not self._streams:
            return
        if chunk:
            self._streams[stream].write(chunk)
        else:
            self._streams[stream].close()
