"""One container's monitor: parent of pid 1, from the launch to the last byte of output.

*Lonely*: one thread, forked from the warm launcher, imports nothing after that. It outlives the daemon
and the launcher; who wants to talk to it connects to its socket in the run directory.
"""

import contextlib
import errno
import os
import sys
from _socket import socket
from collections.abc import Callable
from typing import Any, NoReturn

from sampan.errors import Conflict, SampanError
from sampan.linux.task import start_time
from sampan.runtime import channel, container, rundir
from sampan.runtime.channel import Packet
from sampan.runtime.logs import Clock, LogFile, LogStream
from sampan.runtime.monitor_control import Control
from sampan.runtime.monitor_execs import Execs, kind_of
from sampan.runtime.monitor_loop import Loop, Timer
from sampan.runtime.monitor_process import Process
from sampan.runtime.monitor_session import Session
from sampan.runtime.monitor_stdio import pipes, set_size
from sampan.runtime.protocol import (
    MONITOR_SOCKET,
    Attach,
    Detached,
    Exec,
    Exited,
    Failed,
    Hello,
    Kill,
    Launch,
    Log,
    Message,
    Reply,
    Resize,
    Started,
    State,
    Stop,
    decode,
)
from sampan.runtime.relay import Ports
from sampan.runtime.rundir import RunDirectory
from sampan.runtime.setup import Stdio
from sampan.runtime.streams import STDERR, STDOUT

_SIGKILL = 9
_CRASH_FILE = "monitor.err"


def run(packet: Packet) -> NoReturn:
    """Launch the container that the packet describes and watch it to its end. Owns the files."""
    status = 1
    run_dir = "/"
    try:
        launch, _ = decode(packet.data)
        run_dir = launch.bundle
        _Monitor(launch, packet.files).run()
        status = 0
    except BaseException:
        _report_crash(run_dir)
    finally:
        os._exit(status)


def _report_crash(run_dir: str) -> None:
    """A traceback is never lost, and needs no module that is not loaded."""
    with open(f"{run_dir}/{_CRASH_FILE}", "a", encoding="utf-8") as sys.stderr:
        sys.__excepthook__(*sys.exc_info())


class _Monitor:
    _container: container.Container  # from `_create` on

    def __init__(self, launch: Launch, files: list[int]) -> None:
        self._launch = launch
        self._loop = Loop()
        self._control = Control(self._loop, self._answer)
        self._control.add(socket(fileno=files[0]))
        self._ports = Ports(self._loop, launch.listeners, files)
        self._streams = files[len(files) - len(launch.attaches) :]
        self._clock = Clock()
        self._log = _Log(launch.log, self._clock)
        self._execs = Execs(self._loop, self._control.broadcast, self._left)
        self._process = Process(
            self._loop, None, close_stdin=launch.stdin == "once", sink=self._log.sink, left=self._left
        )
        self._started: Started | None = None
        self._exited: Exited | None = None
        self._stopping: Timer | None = None
        self._handlers: dict[type, Callable[[Any, list[int]], Message]] = {
            Hello: self._hello,
            Attach: self._attach,
            Exec: self._exec,
            Kill: self._kill,
            Stop: self._stop,
            Resize: self._resize,
        }

    def run(self) -> None:
        with RunDirectory(self._launch.bundle) as directory:
            try:
                if not directory.lock():
                    raise Conflict(f"container {self._launch.id} has a monitor already")
                self._control.listen(directory.listen())
                self._begin()
            except (SampanError, OSError) as error:
                self._fail(directory, error)
                return
            while self._exited is None:
                self._loop.run_once()
            self._control.stop_listening()
            directory.unlink(MONITOR_SOCKET)
            while self._process.draining or self._execs.draining:
                self._loop.run_once()

    # -- the beginning -----------------------------------------------------------------------------

    def _begin(self) -> None:
        spec = container.load(f"{self._launch.bundle}/config.json")
        self._log.open()
        self._create(spec)
        try:
            for attach, stream in zip(self._launch.attaches, self._streams, strict=True):
                self._process.attach(attach, stream)
            container.start(self._container)
        except (SampanError, OSError):
            self._bury()
            raise
        self._started = Started(
            self._launch.id,
            self._container.pid,
            start_time(self._container.pid),
            self._clock(),
            os.getpid(),
            self._container.warnings,
        )
        rundir.write_state(self._launch.bundle, self._started)
        self._process.watch(self._container.pid, self._container.pidfd, self._reap)
        self._control.broadcast(self._started)

    def _create(self, spec: dict[str, Any]) -> None:
        process = spec["process"]
        process.setdefault("oomScoreAdj", 0)  # and not the launcher's
        if process.get("terminal"):
            self._container = container.create(self._launch, spec, None)
            console = self._container.console
            assert console is not None
            self._process.connect_console(console)
            if size := process.get("consoleSize"):
                set_size(console, size["height"], size["width"])
            return
        ends = pipes(stdin=self._launch.stdin != "none", output=True)
        try:
            self._container = container.create(self._launch, spec, Stdio(*ends.theirs))
        finally:
            channel.close_all(ends.theirs)
        self._process.connect(ends.stdin, ends.outputs)

    def _bury(self) -> None:
        """pid 1 never came to its program."""
        self._process.watch(self._container.pid, self._container.pidfd, lambda _process: None)
        with contextlib.suppress(ProcessLookupError):
            self._process.kill(_SIGKILL)
        os.waitid(os.P_PIDFD, self._container.pidfd, os.WEXITED)
        container.destroy(self._container)

    def _fail(self, directory: RunDirectory, error: SampanError | OSError) -> None:
        self._ports.close()
        self._log.close()
        self._control.stop_listening()
        self._control.broadcast(
            Failed(self._launch.id, kind_of(error), str(error), getattr(error, "exit_code", 128))
        )

    # -- the end -----------------------------------------------------------------------------------

    def _reap(self, process: Process) -> None:
        if process.reap():
            self._finish()

    def _finish(self) -> None:
        """The order is part of the protocol: see its docstring."""
        assert self._started is not None
        assert self._process.exit_code is not None
        finished_at = self._clock()
        self._loop.cancel(self._stopping)
        oom_killed = container.destroy(self._container)
        self._execs.end()
        self._process.release_terminal()
        self._process.drain()
        self._log.close()
        self._ports.close()
        self._exited = Exited(
            self._launch.id, self._process.exit_code, oom_killed, finished_at, self._started.started_at
        )
        rundir.write_exit(
            self._launch.state_dir, self._launch.bundle, self._exited, sync=self._launch.fsync_exit
        )
        self._control.broadcast(self._exited)
        self._process.close_output()

    # -- requests ----------------------------------------------------------------------------------

    def _answer(self, request: Any, files: list[int]) -> Message:
        handler = self._handlers.get(type(request))
        try:
            if handler is None:
                return Reply(errno.ENOSYS, f"a monitor has no answer to {type(request).__name__}")
            return handler(request, files)
        except KeyError:
            return Reply(errno.ENOENT, "no such exec")
        except ProcessLookupError:
            return Reply(errno.ESRCH, "the process has ended")
        except OSError as error:
            return Reply(error.errno or errno.EIO, str(error))
        except ValueError as error:
            return Reply(errno.EINVAL, str(error))
        finally:
            channel.close_all(files)  # a handler takes out what it keeps

    def _find(self, exec_id: str | None) -> Process:
        return self._process if exec_id is None else self._execs.find(exec_id)

    def _hello(self, _request: Hello, _files: list[int]) -> State:
        assert self._started is not None  # requests are read after the start only
        return State(self._started, self._exited, self._execs.states())

    def _attach(self, request: Attach, files: list[int]) -> Reply:
        process = self._find(request.exec_id)
        if not process.running:
            raise ProcessLookupError
        process.attach(request, files.pop(0))
        return Reply()

    def _exec(self, request: Exec, files: list[int]) -> Message:
        if not self._process.running:
            raise ProcessLookupError
        return self._execs.execute(self._container, request, files)

    def _kill(self, request: Kill, _files: list[int]) -> Reply:
        self._find(request.exec_id).kill(request.signal)
        return Reply()

    def _stop(self, request: Stop, _files: list[int]) -> Reply:
        """A second one, as from an impatient `docker stop -t 0`, replaces the deadline of the first."""
        self._process.kill(request.signal)
        self._loop.cancel(self._stopping)
        self._stopping = None
        if request.timeout >= 0:
            self._stopping = self._loop.after(request.timeout, self._stop_now)
        return Reply()

    def _stop_now(self) -> None:
        if self._process.running:
            self._process.kill(_SIGKILL)

    def _resize(self, request: Resize, _files: list[int]) -> Reply:
        self._find(request.exec_id).resize(request.height, request.width)
        return Reply()

    def _left(self, session: Session, by_keys: bool) -> None:
        self._control.broadcast(Detached(session.attach.session, session.attach.exec_id, by_keys))


class _Log:
    """Where pid 1's output goes besides its clients."""

    def __init__(self, log: Log, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._file: LogFile | None = None
        self._streams: dict[int, LogStream] = {}
        self.sink = self._write if log.driver == "json-file" else None

    def open(self) -> None:
        if self._log.driver != "json-file":
            return
        self._file = LogFile(self._log.path, self._log.max_size, self._log.max_file)
        self._streams = {
            stream: LogStream(name, self._file.append, self._clock)
            for stream, name in ((STDOUT, "stdout"), (STDERR, "stderr"))
        }

    def close(self) -> None:
        for stream in self._streams.values():
            stream.close()
        if self._file is not None:
            self._file.close()

    def _write(self, stream: int, chunk: bytes) -> None:
        if chunk:
            self._streams[stream].write(chunk)
        else:
            self._streams[stream].close()
