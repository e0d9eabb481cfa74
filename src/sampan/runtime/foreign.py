"""Another OCI runtime (runc, crun, …) under our monitor: create, start, exec, delete by its
command line.

*Lonely*: in the starter, but for `delete`, which the monitor calls at the end. Everything of it lies
below the container's run directory and goes with it:

```
RUN_DIR/foreign/config.json   ours, as that runtime wants it
               /rootfs        the overlay, in the starter's mount namespace only
               /state         its --root
               /log.json      its --log: what went wrong
```

The runtime's child is orphaned when its command ends, and so becomes the monitor's (child subreaper). What
the monitor does with a running container needs no runtime: signals go to the process, limits and the freezer
to the cgroup, whose place we choose.
"""

import contextlib
import errno
import json
import os
import re
import select
import signal
import socket
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from sampan.linux import process
from sampan.runtime import cgroup as cgroups
from sampan.runtime import cgroup_layout, container, netns, port53
from sampan.runtime.cgroup import Cgroup
from sampan.runtime.failure import CANNOT_RUN, NO_START, NOT_FOUND, OciError
from sampan.runtime.foreign_bundle import adapted, mount_root, resolved, with_sources
from sampan.runtime.monitor_stdio import set_size
from sampan.runtime.protocol import Launch
from sampan.runtime.setup import Stdio

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CREATE = "failed to create task for container: OCI runtime create failed: "
_EXEC = "OCI runtime exec failed: "
_NOT_IN_PATH = re.compile(r"executable file [`'](.*)[`'] not found in \$PATH.*")
_PATIENCE = 10.0  # seconds for a runtime's `delete`
_LOG_LIMIT = 64 * 1024  # bytes


class Made(NamedTuple):
    """As `container.Container`, for who has only to watch it."""

    pid: int
    pidfd: int
    cgroup: Cgroup
    console: int | None
    warnings: tuple[str, ...] = ()


def start(launch: Launch, spec: dict[str, Any], stdio: Stdio | None) -> Made:
    """Create the container, connect it, let it begin. Raises OciError, with nothing left."""
    place = f"{launch.bundle}/foreign"
    layout = cgroup_layout.detect()
    group = cgroups.find(layout, container.cgroups_path(launch.id, spec))
    try:
        root = mount_root(launch.rootfs, place)
        _write(f"{place}/config.json", with_sources(adapted(launch, spec, root), place))
        os.chdir(place)  # a socket's name has 108 bytes (unix(7)): the console's is a relative one
        flags = ["create", "--bundle", place, "--pid-file", f"{place}/init.pid"]
        pid, console = _call(launch.runtime, launch.bundle, (flags, [launch.id]), spec["process"], stdio)
        _connect(launch, pid)
        _command(launch.runtime, launch.bundle, ["start", launch.id])
        return Made(pid, os.pidfd_open(pid), group, console)
    except BaseException as error:
        with contextlib.suppress(OSError, OciError):
            delete(launch.runtime, launch.bundle, launch.id)
            cgroups.destroy(group)
        if isinstance(error, OciError):
            raise error.prefixed(_CREATE) from None
        raise


def execute(
    runtime: Sequence[str], run_dir: str, pid: int, wanted: dict[str, Any], stdio: Stdio | None
) -> container.Executed:
    """A further process in the container of `pid`. Raises OciError."""
    place, name = f"{run_dir}/foreign", f"exec-{os.getpid()}"
    root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    files = [f"{place}/{name}{suffix}" for suffix in (".json", ".pid")]
    try:
        os.chdir(place)
        _write(files[0], resolved(wanted, root))
        words = ["exec", "--detach", "--process", files[0], "--pid-file", files[1]]
        made, console = _call(runtime, run_dir, (words, [os.path.basename(run_dir)]), wanted, stdio)
        return container.Executed(made, os.pidfd_open(made), console)
    except OciError as error:
        raise error.prefixed(_EXEC) from None
    finally:
        os.close(root)
        for file in files:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(file)


def delete(runtime: Sequence[str], run_dir: str, identifier: str) -> None:
    """What the runtime keeps of a container, and its processes. Raises OciError, OSError."""
    if os.path.isdir(f"{run_dir}/foreign"):
        _command(runtime, run_dir, ["delete", "--force", identifier])


def abandon(launch: Launch) -> None:
    """Whoever was to start it was killed."""
    with contextlib.suppress(OSError, OciError):
        spec = container.load(f"{launch.bundle}/config.json")
        delete(launch.runtime, launch.bundle, launch.id)
        cgroups.destroy(cgroups.find(cgroup_layout.detect(), container.cgroups_path(launch.id, spec)))


def _connect(launch: Launch, pid: int) -> None:
    """The network, from both sides, while the container waits for its start."""
    if not launch.interfaces:
        return
    netns.plumb(launch.interfaces, pid)
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    inside = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        process.setns(inside, process.CLONE_NEWNET)
        try:
            netns.configure(launch.interfaces, launch.gateway, launch.gateway6)
            sockets = port53.open_resolver() if launch.resolver else ()
        finally:
            process.setns(home, process.CLONE_NEWNET)
        if sockets:
            _name(launch, pid, sockets)
    finally:
        os.close(home)
        os.close(inside)


def _name(launch: Launch, pid: int, sockets: Sequence[int]) -> None:
    pidfd = os.pidfd_open(pid)
    with contextlib.suppress(OSError):  # it was killed: the daemon sees to it, with sockets anew
        netns.hand_over(launch.resolver, launch.id, [*sockets, pidfd])
    for fd in (*sockets, pidfd):
        os.close(fd)


# -- the command -----------------------------------------------------------------------------------


def _call(
    runtime: Sequence[str],
    run_dir: str,
    words: tuple[list[str], list[str]],
    wanted: dict[str, Any],
    stdio: Stdio | None,
) -> tuple[int, int | None]:
    """create or exec, as flags and operands: (pid, the terminal's master)."""
    flags, operands = words
    pid_file = flags[flags.index("--pid-file") + 1]
    if stdio is not None:
        _command(runtime, run_dir, [*flags, *operands], stdio)
        return _read_pid(pid_file), None
    path = os.path.basename(pid_file) + ".tty"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        try:
            _command(runtime, run_dir, [*flags, "--console-socket", path, *operands])
            listener.setblocking(False)  # it has connected, sent the master and left
            connection, _ = listener.accept()
            with connection:
                _, files, _, _ = socket.recv_fds(connection, 4096, 1)
        finally:
            os.unlink(path)
    os.set_inheritable(files[0], False)
    size = wanted.get("consoleSize") or {}
    set_size(files[0], size.get("height") or 24, size.get("width") or 80)
    return _read_pid(pid_file), files[0]


def _command(runtime: Sequence[str], run_dir: str, words: Sequence[str], stdio: Stdio | None = None) -> None:
    """Run it to its end. Raises OciError with the last error of its log."""
    place = f"{run_dir}/foreign"
    log = f"{place}/log.json"
    with contextlib.suppress(FileNotFoundError):
        os.truncate(log, 0)
    arguments = [*runtime, "--root", f"{place}/state", "--log", log, "--log-format", "json", *words]
    code = _run(arguments, stdio)
    if code != 0:
        said = last_error(log) or f"{runtime[0]} {words[0]}: exit status {code}"
        number = exit_code(said)
        raise OciError("Internal" if number == NO_START else "InvalidArgument", said, number)


def _run(arguments: Sequence[str], stdio: Stdio | None) -> int:
    """Its exit status. It dies with us: whoever clears up after us must not race with it."""
    path, words = os.fsencode(arguments[0]), [os.fsencode(word) for word in arguments]
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    parent = os.getpid()
    pid, pidfd = process.clone3(0)
    if pid == 0:
        _become(path, words, stdio or Stdio(null, null, null), parent)
    os.close(null)
    try:
        if "delete" in arguments:
            _bounded(pidfd)
    finally:
        os.close(pidfd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _become(path: bytes, words: list[bytes], stdio: Stdio, parent: int) -> NoReturn:
    try:
        process.prctl(process.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            for number, fd in enumerate([os.dup(fd) for fd in stdio]):
                os.dup2(fd, number)
            process.close_range(3)
            process.reset_signals()
            process.execve(path, words, [f"PATH={_PATH}".encode()])
    finally:
        os._exit(NOT_FOUND)


def _bounded(pidfd: int) -> None:
    """The end of a container must not wait for ever for a runtime that hangs."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    if not poll.poll(_PATIENCE * 1000):
        process.pidfd_send_signal(pidfd, signal.SIGKILL)


def last_error(log: str) -> str:
    """The message of the last line of level error; "" without."""
    try:
        with open(log, "rb") as file:
            lines = file.read(_LOG_LIMIT).decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return ""
    for line in reversed(lines):
        with contextlib.suppress(ValueError, AttributeError):
            entry = json.loads(line)
            if entry.get("level") in ("error", "fatal"):
                return as_go_says(str(entry.get("msg", "")).strip())
    return ""


def as_go_says(said: str) -> str:
    """Docker's client has nothing but these words, in Go's spelling, to choose 126 and 127 by
    (docker/cli cli/command/container/run.go, toStatusError); crun has strerror(3)'s.
    """
    for number in (errno.ENOENT, errno.EACCES, errno.EISDIR):
        said = said.replace(os.strerror(number), os.strerror(number).lower())
    return _NOT_IN_PATH.sub(r'exec: "\1": executable file not found in $PATH', said)


def exit_code(said: str) -> int:
    """A runtime tells it in its sentence and nowhere else; Docker reads them, too (moby daemon/errors.go)."""
    text = said.lower()
    if any(words in text for words in ("executable file not found", "no such file", "not found in $path")):
        return NOT_FOUND
    if any(words in text for words in ("permission denied", "not a directory", "is a directory")):
        return CANNOT_RUN
    return NO_START


def _read_pid(path: str) -> int:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        raise OciError("Internal", "the runtime has written no process id") from None


def _write(path: str, document: dict[str, Any]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)
