"""What is done once in a container's life, in a process of its own: set it up and start it, or exec in it.

*Lonely.* A monitor lives as long as its container, so every page that it writes to counts for as long.
Setting a container up writes to two megabytes of interpreter; a *starter* does it, tells the monitor
what came of it, and ends. The monitor is a child subreaper meanwhile (prctl(2)), so that the process that
the starter cloned becomes the monitor's own child.

What the starter tells is plain data in `marshal` form: both ends are forked from one interpreter, and
reading it touches no Python code.
"""

import contextlib
import json
import marshal
import os
from _socket import socket
from typing import Any, NamedTuple, NoReturn

from sampan.errors import Conflict, Internal, SampanError
from sampan.linux import task
from sampan.linux.process import pidfd_send_signal
from sampan.runtime import cgroup, cgroup_layout, channel, container, foreign, netns, plan, rundir
from sampan.runtime.cgroup import Cgroup
from sampan.runtime.crash import report_crash
from sampan.runtime.logs import LogFile, now
from sampan.runtime.monitor_stdio import Ends, pipes, set_size
from sampan.runtime.protocol import (
    EXIT_FILE,
    MONITOR_SOCKET,
    STATE_FILE,
    Attach,
    Forward,
    Launch,
    Listener,
    Log,
    Rootfs,
    Started,
    decode,
    document,
    encode,
)
from sampan.runtime.rundir import RunDirectory
from sampan.runtime.setup import Stdio

_SIGKILL = 9
_NO_START = 128
_SPEC = b"""{"root": {"path": "/"}, "process": {"args": ["x"], "cwd": "/", "terminal": false},
"mounts": [{"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "ro"]},
{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]}],
"linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "cgroup"}],
"maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"]}}"""
_CANNOT_RUN = 126


class Failure(NamedTuple):
    kind: str
    message: str
    exit_code: int


class Born(NamedTuple):
    """A container that runs: what its monitor needs to know, and nothing else of the launch.

    The files beside it: [run directory (locked), listening socket, pidfd, terminal] with a terminal,
    else [run directory, listening socket, pidfd, stdout, stderr] and, with a stdin, that.
    """

    run_dir: str
    state_dir: str
    pid: int
    started_at: str
    started: bytes  # `Started`, encoded
    cgroup: tuple[Any, ...]
    terminal: bool
    stdin: str
    log: tuple[Any, ...]
    listeners: list[tuple[Any, ...]]
    attaches: list[tuple[Any, ...]]
    fsync_exit: bool
    runtime: tuple[str, ...] = ()

    def logging(self) -> Log:
        log = Log(*self.log)
        return log if log.forward is None else log._replace(forward=Forward(*log.forward))

    def ports(self) -> list[Listener]:
        return [Listener(*fields) for fields in self.listeners]

    def clients(self) -> list[Attach]:
        return [Attach(*fields) for fields in self.attaches]


class Executing(NamedTuple):
    """A process that was exec'ed; files: [pidfd, terminal], or of [pidfd, stdout, stderr, stdin] what was
    asked for."""

    pid: int
    terminal: bool
    outputs: int
    stdin: bool


def start_and_exit(launcher: socket, monitor: socket, parent: int) -> NoReturn:
    """Wait for a launch, carry it out, tell the monitor, whose pid `parent` is."""
    run_dir = "/"
    try:
        task.set_parent_death_signal(_SIGKILL)
        _warm_up()
        packet = channel.receive(launcher)
        # A monitor that died before the death signal was set will not be told, and nobody else would be.
        if packet is not None and os.getppid() == parent:
            launch, _ = decode(packet.data)
            run_dir = launch.bundle
            outcome, files = _start(launch)
            _tell(monitor, outcome, files)
            if isinstance(outcome, Born):
                _announce(packet.files[0], outcome.started)
    except BaseException as error:
        report_crash(run_dir)
        _tell(monitor, Failure("Internal", f"{type(error).__name__}: {error}", _NO_START), [])
    finally:
        os._exit(0)


def _warm_up() -> None:
    """Touch what the launch will need: each first write to a page that is shared with the launcher costs a
    fault, and there is time now."""
    decode(encode(Launch("", "", "", Rootfs([], "", ""), Log("none", ""))))
    document(decode(encode(Started("", 0, 0, now(), 0)))[0])
    marshal.dumps(marshal.loads(SAMPLE))
    RunDirectory("/").close()
    channel.pair()[0].close()
    _check_log(Log("json-file", os.devnull))
    ends = pipes(stdin=True, output=True)
    channel.close_all([*ends.theirs, *_files(ends)])
    task.start_time(os.getpid())
    layout = cgroup_layout.detect()
    plan.build(json.loads(_SPEC), None, "", cgroup.view(cgroup.find(layout, "/"), layout))


def _announce(control: int, started: bytes) -> None:
    """`Started`, without waiting for the monitor to wake up: what the daemon asks it meanwhile, it will find.
    The daemon may be gone: the container does not mind."""
    with contextlib.suppress(OSError):
        os.write(control, started)


def _start(launch: Launch) -> tuple[Born | Failure, list[int]]:
    directory = RunDirectory(launch.bundle)
    if not directory.lock():
        return Failure("Conflict", f"container {launch.id} has a monitor already", _NO_START), []
    directory.unlink(STATE_FILE)  # of an earlier run, like
    directory.unlink(EXIT_FILE)
    try:
        listener = directory.listen()
        _check_log(launch.log)
        spec = container.load(f"{launch.bundle}/config.json")
        made, files = _create(launch, spec)
        return _born(launch, spec, made), [directory.fd, listener.detach(), made.pidfd, *files]
    except (SampanError, OSError) as error:
        directory.unlink(MONITOR_SOCKET)
        return Failure(kind_of(error), str(error), getattr(error, "exit_code", _NO_START)), []


def _plain_log(log: Log) -> tuple[Any, ...]:
    return (*log[:-1], None if log.forward is None else tuple(log.forward))


def _check_log(log: Log) -> None:
    """A log that cannot be written is a reason not to start, and later none to end."""
    if log.driver == "json-file":
        try:
            LogFile(log.path).close()
        except OSError as error:
            raise Internal(
                f"failed to create task for container: failed to initialize logging driver: "
                f"open {log.path}: {os.strerror(error.errno or 0).lower()}"
            ) from None


def _create(launch: Launch, spec: dict[str, Any]) -> tuple[container.Container | foreign.Made, list[int]]:
    process = spec.get("process") or {}
    process.setdefault("oomScoreAdj", 0)  # and not the launcher's
    if launch.runtime:
        return _create_foreign(launch, spec)
    if process.get("terminal"):
        made = container.create(launch, spec, None)
        assert made.console is not None
        if size := process.get("consoleSize"):
            set_size(made.console, size["height"], size["width"])
        _release(made, launch)
        return made, [made.console]
    ends = pipes(stdin=launch.stdin != "none", output=True)
    made = container.create(launch, spec, Stdio(*ends.theirs))
    _release(made, launch)
    return made, _files(ends)


def _create_foreign(launch: Launch, spec: dict[str, Any]) -> tuple[foreign.Made, list[int]]:
    if spec["process"].get("terminal"):
        made = foreign.start(launch, spec, None)
        assert made.console is not None
        return made, [made.console]
    ends = pipes(stdin=launch.stdin != "none", output=True)
    return foreign.start(launch, spec, Stdio(*ends.theirs)), _files(ends)


def _release(made: container.Container, launch: Launch) -> None:
    try:
        if made.names:
            with contextlib.suppress(OSError):  # it was killed: the daemon sees to it, with sockets anew
                netns.hand_over(launch.resolver, launch.id, [*made.names, made.pidfd])
            channel.close_all(made.names)
        container.start(made)
    except (SampanError, OSError):
        _bury(made)
        raise


def _bury(made: container.Container) -> None:
    """pid 1 never came to its program."""
    pidfd_send_signal(made.pidfd, _SIGKILL)
    os.waitid(os.P_PIDFD, made.pidfd, os.WEXITED)
    container.destroy(made)


def _born(launch: Launch, spec: dict[str, Any], made: container.Container | foreign.Made) -> Born:
    started = Started(
        launch.id, made.pid, task.start_time(made.pid), now(), os.getppid(), tuple(made.warnings)
    )
    rundir.write_state(launch.bundle, started)
    return Born(
        launch.bundle,
        launch.state_dir,
        made.pid,
        started.started_at,
        encode(started),
        _plain(made.cgroup),
        bool(spec["process"].get("terminal")),
        launch.stdin,
        _plain_log(launch.log),
        [tuple(listener) for listener in launch.listeners],
        [tuple(attach) for attach in launch.attaches],
        launch.fsync_exit,
        tuple(launch.runtime),
    )


def _plain(group: Cgroup) -> tuple[Any, ...]:
    return (group.unified, group.pure, dict(group.directories), dict(group.controllers), [])


def _files(ends: Ends) -> list[int]:
    return [*ends.outputs, *([] if ends.stdin is None else [ends.stdin])]


# -- exec ------------------------------------------------------------------------------------------


def execute_and_exit(
    monitor: socket,
    born: Born,
    pidfd: int,
    process: dict[str, Any],
    *,
    seccomp: str | None,
    stdio: tuple[bool, bool],
) -> NoReturn:
    """`stdio`: whether stdin and whether the outputs are connected."""
    try:
        task.set_parent_death_signal(_SIGKILL)
        spec = container.load(f"{born.run_dir}/config.json")
        running = container.Running(born.pid, pidfd, Cgroup(*born.cgroup), spec, [])
        _tell(monitor, *_execute(running, born, process, seccomp, stdio))
    except BaseException as error:
        report_crash(born.run_dir)
        _tell(monitor, Failure("Internal", f"{type(error).__name__}: {error}", _CANNOT_RUN), [])
    finally:
        os._exit(0)


def _execute(
    running: container.Running,
    born: Born,
    process: dict[str, Any],
    seccomp: str | None,
    stdio: tuple[bool, bool],
) -> tuple[Executing | Failure, list[int]]:
    stdin, output = stdio
    terminal = bool(process.get("terminal"))
    try:
        ends = None if terminal else pipes(stdin=stdin, output=output)
        theirs = Stdio(*ends.theirs) if ends else None
        if born.runtime:
            done = foreign.execute(born.runtime, born.run_dir, born.pid, process, theirs)
        else:
            watched = rundir.watched(born.run_dir)
            if not watched and container.traces(process):
                rundir.watch(born.run_dir)  # the next one's matter: nobody looks at this one yet
            done = container.execute(running, process, theirs, seccomp, watched=watched)
    except (SampanError, OSError) as error:
        return Failure(kind_of(error), str(error), getattr(error, "exit_code", _CANNOT_RUN)), []
    if ends is None:
        assert done.console is not None
        return Executing(done.pid, True, 1, True), [done.pidfd, done.console]
    return Executing(done.pid, False, len(ends.outputs), stdin), [done.pidfd, *_files(ends)]


# -- telling ---------------------------------------------------------------------------------------


def _tell(monitor: socket, what: Born | Executing | Failure, files: list[int]) -> None:
    channel.transmit(monitor, marshal.dumps((type(what).__name__, tuple(what))), files, wait=True)


_TOLD: dict[str, type[Born | Executing | Failure]] = {
    kind.__name__: kind for kind in (Born, Executing, Failure)
}


def told(packet: channel.Packet | None) -> Born | Executing | Failure:
    """What a starter said, or that it died before it could."""
    if packet is None:
        return Failure("Internal", "the process that was to start it was killed", _NO_START)
    try:
        name, fields = marshal.loads(packet.data)
        return _TOLD[name](*fields)
    except (EOFError, KeyError, TypeError, ValueError) as error:
        return Failure(
            "Internal", f"the process that was to start it said nothing of use: {error}", _NO_START
        )


# What `told` reads, for a rehearsal.
SAMPLE = marshal.dumps(("Born", ("", "", 0, "", b"", (), False, "none", (), [], [], True, ())))


def kind_of(error: BaseException) -> str:
    """The name of the class of `sampan.errors` that an error is."""
    if isinstance(name := getattr(error, "kind", None), str):  # runtime.failure.OciError
        return name
    for kind in type(error).__mro__:
        if kind.__module__ == Conflict.__module__:
            return kind.__name__
    return Internal.__name__
