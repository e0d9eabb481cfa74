"""Create, start, execute, destroy: what a monitor does with its one container.

Zone: lonely. The caller has one thread, has imported all it will ever need, and reaps its children.
"""

import contextlib
import errno
import json
import os
import select
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

from sampan.linux import process
from sampan.runtime import cgroup as cgroups
from sampan.runtime import cgroup_layout, command, hooks, link, netns, plan, rootfs, setup, userns
from sampan.runtime.cgroup import Cgroup
from sampan.runtime.failure import CREATE, EXEC, INIT, NO_START, OciError, of_system, unpack
from sampan.runtime.link import Link
from sampan.runtime.operations import EnterCgroups
from sampan.runtime.paths import own_file
from sampan.runtime.protocol import Launch, Rootfs
from sampan.runtime.setup import Join, Setup, Stdio
from sampan.runtime.userns import Helper

_SIGKILL = 9
_DYING = 200  # milliseconds between the end of a process's namespaces and its own, at most
_JOINED = (  # and the time namespace, where there is one
    process.CLONE_NEWNS
    | process.CLONE_NEWNET
    | process.CLONE_NEWUTS
    | process.CLONE_NEWIPC
    | process.CLONE_NEWCGROUP
)


class Container:
    """One created container. `pidfd` and `console` are the caller's to close; `warnings` are for the user."""

    def __init__(
        self,
        pid: int,
        pidfd: int,
        cgroup: Cgroup,
        spec: dict[str, Any],
        end: Link,
        *,
        about: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self.cgroup = cgroup
        self.spec = spec
        self.console: int | None = None
        self.warnings: list[str] = cgroup.warnings
        self.link = end
        self.names: list[int] = []  # of the resolver, inside: udp and tcp; the caller's to close
        self.about = about  # the state for hooks; empty without any


class Running(NamedTuple):
    """A container as `execute` sees it, in a process that did not create it."""

    pid: int
    pidfd: int
    cgroup: Cgroup
    spec: dict[str, Any]
    warnings: list[str]


class Executed(NamedTuple):
    pid: int
    pidfd: int
    console: int | None


def warm() -> None:
    """For the launcher, before it forks: what is the same for every container."""
    cgroup_layout.detect()


def load(path: str) -> dict[str, Any]:
    """A bundle's config.json. Raises OciError."""
    try:
        with open(path, "rb") as file:
            spec = json.loads(file.read())
    except (OSError, ValueError) as error:
        raise OciError("InvalidArgument", f"{CREATE}JSON specification file {path}: {error}") from None
    if not isinstance(spec, dict):
        raise OciError("InvalidArgument", f"{CREATE}JSON specification file {path}: not an object")
    return spec


def create(
    launch: Launch, spec: dict[str, Any], stdio: Stdio | None, *, gate: int = -1, preserved: int = 0
) -> Container:
    """Everything but execve: the process waits, for `start` or at its `gate` (a listening socket, which is
    borrowed). It gets `preserved` of our descriptors from 3 on. Raises OciError, with everything undone."""
    cgroup = None
    try:
        layout = cgroup_layout.detect()
        cgroup = cgroups.create(layout, cgroups_path(launch.id, spec))
        view = cgroups.view(cgroup, layout)
        steps = plan.build(spec, launch.rootfs, launch.bundle, view, launch.id)
        wanted = Setup(
            steps,
            command.parse(spec.get("process") or {}, _program(launch.seccomp)),
            launch.interfaces,
            launch.gateway,
            _last_capability(),
            gate,
            preserved,
            hooks.state(launch.id, "created", 0, launch.bundle, spec)
            if steps.hooks is not hooks.NONE
            else {},
            gateway6=launch.gateway6,
            names=bool(launch.resolver),
        )
        return _launch(wanted, launch.rootfs, spec, cgroup, stdio)
    except BaseException as error:
        if cgroup is not None:
            _undo(cgroup, error)
        if isinstance(error, OSError):
            raise of_system("creating the container", error).prefixed(CREATE) from None
        if isinstance(error, OciError):
            raise error.prefixed(CREATE) from None
        raise


def start(container: Container) -> None:
    """Let it execve; returns when it has. Raises OciError (then pid 1 has ended, or is about to)."""
    try:
        _released(container.link)
        if after := hooks.parse(container.spec).poststart:
            _poststart(container, after)
    except OciError as error:
        raise error.prefixed(CREATE + INIT) from None
    finally:
        container.link.close()


def _poststart(container: Container, after: Sequence[hooks.Hook]) -> None:
    """One that fails ends the container (runtime-spec, runtime.md, "Lifecycle")."""
    try:
        hooks.run("poststart", after, {**container.about, "status": "running", "pid": container.pid})
    except OciError:
        process.pidfd_send_signal(container.pidfd, _SIGKILL)
        raise


def execute(
    container: Container | Running,
    wanted: dict[str, Any],
    stdio: Stdio | None,
    seccomp: str | None,
    *,
    preserved: int = 0,
    watched: bool = False,
) -> Executed:
    """A further process in a running container; returns after its execve. Raises OciError. `watched`: there
    may be processes in its pid namespace that look at others, which the container's spec does not tell."""
    try:
        parsed = command.parse(wanted, _program(seccomp))
        console = plan.console_of(wanted) if parsed.terminal else None
        outside = [
            EnterCgroups(tuple(container.cgroup.directories.values())),
            *plan.personality(container.spec.get("linux") or {}),
            *plan.oom_score(wanted),
        ]
        joined = _JOINED | (process.CLONE_NEWTIME if _has(container.spec, "time") else 0)
        if _has(container.spec, "pid") and (watched or _watched(container.spec)):
            joined |= process.CLONE_NEWPID
        last = _last_capability()
        ids = userns.parse(container.spec["linux"]) if _has(container.spec, "user") else None
        joining = Join(container.pidfd, joined, parsed, last, console, outside, preserved, ids)
        return _execute(container, joining, stdio)
    except OSError as error:
        raise of_system("executing in the container", error).prefixed(EXEC) from None
    except OciError as error:
        raise error.prefixed(EXEC) from None


def destroy(container: Container) -> bool:
    """After pid 1 was reaped: nothing of it stays. Whether the OOM killer took any of its processes."""
    killed = cgroups.oom_kills(container.cgroup) > 0
    cgroups.destroy(container.cgroup)
    return killed


def _launch(
    wanted: Setup, root: Rootfs | None, spec: dict[str, Any], cgroup: Cgroup, stdio: Stdio | None
) -> Container:
    with contextlib.ExitStack() as stack:
        if root is not None and root.disk:
            wanted = wanted._replace(disk=rootfs.open_disk(root))
            stack.callback(os.close, wanted.disk)
        mapped, helper = {}, None
        for ids in wanted.plan.mappings():
            mapped[ids] = userns.open_mapped(ids)
            stack.callback(os.close, mapped[ids])
        if wanted.plan.ids is not None:
            helper = userns.make(wanted.plan.ids, wanted.plan.clone_flags & userns.OWNED)
            stack.callback(userns.drop, helper)
            mapped[wanted.plan.ids] = helper.files["user"]
            wanted = wanted._replace(user_namespace=helper.files["user"])
        return _launch_with(wanted._replace(mapped=mapped), spec, cgroup, stdio, helper)


def _launch_with(
    wanted: Setup, spec: dict[str, Any], cgroup: Cgroup, stdio: Stdio | None, helper: Helper | None
) -> Container:
    """`helper`: holds the namespaces that belong to the container's user namespace."""
    ours, theirs = link.pair()
    joins = _open_namespaces(wanted.plan.joins)
    flags = wanted.plan.clone_flags & ~(process.CLONE_NEWCGROUP | process.CLONE_NEWTIME)
    if helper is not None:
        flags &= ~(userns.OWNED | process.CLONE_NEWUSER)
        joins += userns.joins(helper)
    try:
        pid_namespace = [fd for fd, kind in joins if kind == process.CLONE_NEWPID]
        if wanted.plan.clone_flags & process.CLONE_NEWTIME:
            _new_clocks(wanted.plan.clocks)
        pid, pidfd = _clone(flags, cgroups.open_birthplace(cgroup), pid_namespace)
        if pid == 0:
            _child_create(wanted, theirs, stdio, joins)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
        for fd, _ in joins:
            os.close(fd)
    container = Container(pid, pidfd, cgroup, spec, ours, about=wanted.about)
    try:
        _provide(wanted, spec, cgroup, container, helper.pid if helper is not None else pid)
        container.console = _ready(
            ours, container.warnings, lambda: _create_hooks(wanted, container), container.names
        )
    except BaseException:
        _kill(container.pid, container.pidfd)
        ours.close()
        raise
    return container


def _child_create(
    wanted: Setup, end: Link, stdio: Stdio | None, joins: Sequence[tuple[int, int]]
) -> NoReturn:
    others = [(fd, kind) for fd, kind in joins if kind != process.CLONE_NEWPID]
    setup.create(wanted, end, stdio, others)


def _new_clocks(offsets: str) -> None:
    """For our next child: its offsets can be set only as long as nobody is in it (time_namespaces(7)). That
    this process's further children land there, too, is no matter: it makes one container and ends."""
    process.unshare(process.CLONE_NEWTIME)
    if offsets:
        fd = own_file("timens_offsets", os.O_WRONLY)
        try:
            os.write(fd, offsets.encode())
        finally:
            os.close(fd)


def _create_hooks(wanted: Setup, container: Container) -> None:
    about = {**wanted.about, "status": "creating", "pid": container.pid}
    hooks.run("prestart", wanted.plan.hooks.prestart, about)
    hooks.run("createRuntime", wanted.plan.hooks.create_runtime, about)
    container.link.send(link.HOOKED)
    container.link.send(link.GO)


def _provide(
    wanted: Setup, spec: dict[str, Any], cgroup: Cgroup, container: Container, neighbour: int
) -> None:
    """What only we can do for the child, while it builds its root. `neighbour`: a process in its network
    namespace."""
    try:
        cgroups.limit(cgroup, (spec.get("linux") or {}).get("resources") or {})
        with contextlib.suppress(ConnectionError):
            container.link.send(link.LIMITED)
        netns.plumb(wanted.interfaces, neighbour)
    except (OSError, OciError):
        if not _has_ended(container.pidfd):
            raise
        # What it says last is the error; ours come of it: its namespaces went with it.
    if not wanted.plan.hooks.before_pivot:
        with contextlib.suppress(ConnectionError):
            container.link.send(link.GO)


def _execute(container: Container | Running, joining: Join, stdio: Stdio | None) -> Executed:
    ours, theirs = link.pair()
    unseen = joining.namespaces & process.CLONE_NEWPID or not _has(container.spec, "pid")
    try:
        pid, pidfd = _clone_beside(container, [] if unseen else [container.pidfd])
        if pid == 0:
            setup.join(joining, theirs, stdio)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    try:
        console = _ready(ours, container.warnings, _no_hooks)
        born = _released(ours)
    except BaseException as error:
        _kill(pid, pidfd)
        if isinstance(error, (ConnectionError, ProcessLookupError)):
            raise OciError("Conflict", "the container has ended") from None
        raise
    finally:
        ours.close()
    if born < 0:
        return Executed(pid, pidfd, console)
    _kill(pid, pidfd)
    return Executed(_pid_of(born), born, console)


def _watched(spec: dict[str, Any]) -> bool:
    """Whether its processes may look at one that is not dumpable: then an exec takes the longer way of
    `runtime.crossing`, a further fork that costs a millisecond. Those of a namespace that another made may,
    for all that is known here."""
    entries = (spec.get("linux") or {}).get("namespaces") or ()
    own = [entry for entry in entries if entry.get("type") == "pid"]
    return bool(own) and (bool(own[0].get("path")) or traces(spec.get("process") or {}))


def traces(wanted: dict[str, Any]) -> bool:
    """Whether that process may look at others, dumpable or not."""
    return "CAP_SYS_PTRACE" in ((wanted.get("capabilities") or {}).get("bounding") or ())


def _pid_of(pidfd: int) -> int:
    """Of a child that nobody has reaped yet (proc(5), /proc/PID/fdinfo)."""
    with open(f"/proc/self/fdinfo/{pidfd}", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith("Pid:")).split()[1])


def _clone_beside(container: Container | Running, pid_namespace: Sequence[int]) -> tuple[int, int]:
    try:
        return _clone(0, cgroups.open_birthplace(container.cgroup), pid_namespace)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
    birthplace = cgroups.open_birthplace_beside(container.cgroup, container.pid)
    return _clone(0, birthplace, pid_namespace)


def _clone(flags: int, birthplace: int | None, pid_namespace: Sequence[int]) -> tuple[int, int]:
    """clone3 into the cgroup `birthplace`, which is closed; the child in the pid namespace behind
    `pid_namespace`, if any."""
    home = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC) if pid_namespace else -1
    try:
        for fd in pid_namespace:
            process.setns(fd, process.CLONE_NEWPID)
        pid, pidfd = process.clone3(flags, birthplace)
        if pid == 0:
            return pid, pidfd
        if home >= 0:
            process.setns(home, process.CLONE_NEWPID)  # our next children are none of the container's
    finally:
        if birthplace is not None:
            os.close(birthplace)
        if home >= 0:
            os.close(home)
    return pid, pidfd


def _open_namespaces(joins: Sequence[tuple[int, str]]) -> list[tuple[int, int]]:
    opened: list[tuple[int, int]] = []
    try:
        for kind, path in joins:
            opened.append((os.open(path, os.O_RDONLY | os.O_CLOEXEC), kind))
    except OSError:
        for fd, _ in opened:
            os.close(fd)
        raise
    return opened


def _ready(
    end: Link, warnings: list[str], hooked: Callable[[], None], names: list[int] | None = None
) -> int | None:
    """Wait for READY; the console's master if one came. `hooked`: what HOOKS asks for; `names` gets the
    resolver's sockets."""
    console = None
    while True:
        letter, payload, fd = end.receive()
        if letter == link.CONSOLE:
            console = fd
        elif letter == link.NAMES and names is not None:
            names.append(fd)
        elif letter == link.HOOKS:
            hooked()
        elif letter == link.WARNING:
            warnings.append(payload.decode(errors="replace"))
        elif letter == link.READY:
            return console
        else:
            if console is not None:
                os.close(console)
            raise _failed(letter, payload)


def _no_hooks() -> None:
    raise OciError("Internal", "an exec has no hooks")


def _released(end: Link) -> int:
    """Returns after its execve. A pidfd, if another process came to it, else -1."""
    with contextlib.suppress(ConnectionError):  # it died: what it says last is the error
        end.send(link.START)
    executing, born, failed = False, -1, None
    while True:
        letter, payload, fd = end.receive()
        if letter == link.BORN:
            born = fd
        elif letter == link.EXECUTING:
            executing = True
        elif letter == link.ERROR:
            failed = unpack(payload)
        elif executing and failed is None:
            return born
        else:
            if born >= 0:
                _kill(_pid_of(born), born)
            raise failed or _failed(letter, payload)


def _failed(letter: bytes, payload: bytes) -> OciError:
    if letter == link.ERROR:
        return unpack(payload)
    return OciError("Internal", "the process was killed while it was set up", NO_START)


def _kill(pid: int, pidfd: int) -> None:
    """SIGKILL and reap a child of ours that never ran."""
    with contextlib.suppress(ProcessLookupError):
        process.pidfd_send_signal(pidfd, _SIGKILL)
    os.waitpid(pid, 0)
    os.close(pidfd)


def _has_ended(pidfd: int) -> bool:
    """Its namespaces go a moment before that can be seen (kernel/exit.c, do_exit)."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(_DYING))


def _undo(cgroup: Cgroup, error: BaseException) -> None:
    try:
        cgroups.destroy(cgroup)
    except (OSError, OciError) as second:
        error.add_note(f"while undoing: {second}")


def cgroups_path(identifier: str, spec: dict[str, Any]) -> str:
    return (spec.get("linux") or {}).get("cgroupsPath") or f"{cgroups.PARENT}/{identifier}"


def _has(spec: dict[str, Any], namespace: str) -> bool:
    """Of its own, or another's: in any case not simply the host's."""
    entries = (spec.get("linux") or {}).get("namespaces") or ()
    return namespace in [entry.get("type") for entry in entries]


def _program(path: str | None) -> bytes | None:
    if path is None:
        return None
    with open(path, "rb") as file:
        return file.read()


def _last_capability() -> int:
    with open("/proc/sys/kernel/cap_last_cap", "rb") as file:
        return int(file.read())
