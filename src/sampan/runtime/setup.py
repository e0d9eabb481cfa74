"""The child: from clone3 to execve. It imports nothing, reads no module, and never returns.

Everything that could be decided before the fork has been (`runtime.plan`, `runtime.command`).
"""

import contextlib
import fcntl
import os
import termios
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

from sampan.linux import keyctl, process, schedule
from sampan.linux.openat2 import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV, openat2
from sampan.runtime import (
    crossing,
    devices,
    hooks,
    identity,
    labels,
    link,
    mounts,
    netns,
    ownership,
    port53,
    rootfs,
    scheduling,
    sysctls,
)
from sampan.runtime import operations as op
from sampan.runtime.command import Command
from sampan.runtime.failure import OciError, of_system, pack
from sampan.runtime.hooks import Hook
from sampan.runtime.link import Link
from sampan.runtime.paths import own_file
from sampan.runtime.plan import Plan
from sampan.runtime.protocol import Interface
from sampan.runtime.stage import Stage
from sampan.runtime.userns import Ids
from sampan.runtime.users import User

_FIRST_FREE = 3


class Stdio(NamedTuple):
    """Borrowed descriptors that become 0, 1 and 2 of the process."""

    stdin: int
    stdout: int
    stderr: int


class Setup(NamedTuple):
    plan: Plan
    command: Command
    interfaces: Sequence[Interface]
    gateway: str | None
    last_capability: int
    gate: int = -1  # `runtime.link`; -1: none
    preserved: int = 0  # descriptors from 3 on that the process gets
    about: Mapping[str, Any] = MappingProxyType({})  # the state for startContainer hooks
    user_namespace: int = -1  # joined last; -1: the machine's
    gateway6: str | None = None
    names: bool = False  # sockets for a resolver are wanted
    mapped: Mapping[Ids, int] = MappingProxyType({})  # open user namespaces for mounts
    disk: int = -1  # a detached mount of the root's own file system; -1: none


class Join(NamedTuple):
    """For exec: the namespaces of a running container."""

    pidfd: int
    namespaces: int  # CLONE_NEW*
    command: Command
    last_capability: int
    console: op.MakeConsole | None
    outside: Sequence[op.Operation]  # before it enters: cgroups, OOM score, personality
    preserved: int = 0
    ids: Ids | None = None  # of its user namespace


def create(setup: Setup, end: Link, stdio: Stdio | None, joins: Sequence[tuple[int, int]]) -> NoReturn:
    """`joins`: open namespace files with their CLONE_NEW*."""
    _guard(end, lambda: _create(setup, end, stdio, joins))


def join(wanted: Join, end: Link, stdio: Stdio | None) -> NoReturn:
    _guard(end, lambda: _join(wanted, end, stdio))


def _guard(end: Link, body: Callable[[], OciError]) -> NoReturn:
    """Whatever happens, it ends in this process: above us is a copy of the monitor's stack."""
    try:
        try:
            error = body()
        except OciError as raised:
            error = raised
        except OSError as raised:
            error = of_system("setting up the container", raised)
        except BaseException as raised:
            error = OciError("Internal", f"unexpected {type(raised).__name__}: {raised}")
        end.send(link.ERROR, pack(error))
    finally:
        os._exit(1)


def _create(setup: Setup, end: Link, stdio: Stdio | None, joins: Sequence[tuple[int, int]]) -> OciError:
    process.prctl(process.PR_SET_DUMPABLE, 0)
    process.prctl(process.PR_SET_PDEATHSIG, 9)  # until it is set up: nobody else would undo it
    for fd, kind in joins:
        process.setns(fd, kind)
    kept = (end.fileno(), setup.gate, setup.user_namespace, setup.disk, *setup.mapped.values())
    _keep_only(kept, setup.preserved, stdio)
    os.umask(0)
    os.setsid()
    stage = Stage()
    stage.user_namespace = setup.user_namespace
    stage.mapped = setup.mapped
    stage.disk = setup.disk
    stage.owner = lambda: identity.resolve_user(setup.command, stage.root)[:2]
    _apply(setup.plan.operations, stage, end)
    end.expect(link.GO)
    if setup.plan.clone_flags & process.CLONE_NEWNET:
        netns.configure(setup.interfaces, setup.gateway, setup.gateway6)
        if setup.names:
            for fd in port53.open_resolver():
                end.send_file(link.NAMES, fd)
    after = setup.plan.hooks.start_container
    beginning = _Beginning(setup.preserved, setup.gate, after, setup.about, setup.plan.ids)
    return _finish(setup.command, stage, end, setup.last_capability, beginning)


def _apply(steps: Sequence[op.Operation], stage: Stage, end: Link) -> None:
    """Devices wait for the limits: the device rules of cgroup v1 are written one by one, after a rule that
    denies all, and mknod(2) in between would fail."""
    limited = False
    for step in steps:
        if not limited and type(step) in (op.MakeDevice, op.CreateHooks):
            end.expect(link.LIMITED)
            limited = True
        if type(step) is op.CreateHooks:
            _create_hooks(step, end)
        else:
            _DO[type(step)](step, stage)
    if not limited:
        end.expect(link.LIMITED)


def _create_hooks(step: op.CreateHooks, end: Link) -> None:
    end.send(link.HOOKS)
    end.expect(link.HOOKED)
    about = hooks.state(step.identifier, "creating", os.getpid(), step.bundle, {})
    hooks.run("createContainer", step.hooks, about)


def _join(wanted: Join, end: Link, stdio: Stdio | None) -> OciError:
    process.prctl(process.PR_SET_DUMPABLE, 0)
    process.prctl(process.PR_SET_PDEATHSIG, 9)
    stage = Stage()
    for step in wanted.outside:
        _DO[type(step)](step, stage)
    process.setns(wanted.pidfd, wanted.namespaces)
    if wanted.ids is not None:
        stage.user_namespace = wanted.pidfd
    _keep_only((end.fileno(), stage.user_namespace), wanted.preserved, stdio)
    stage.root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    new_keyring(op.NewKeyring("_ses.exec"), stage)
    if wanted.console is not None:
        slave = devices.open_terminal(stage, wanted.console)
        for fd in (0, 1, 2):
            os.dup2(slave, fd)
        os.close(slave)
    first = bool(wanted.namespaces & process.CLONE_NEWPID) and crossing.can_become_first(wanted.command)
    now = crossing.with_room(wanted.command) if first else wanted.command
    ready = _prepare(now, stage, end, _Beginning(wanted.preserved, ids=wanted.ids))
    return _cross(wanted, ready, stage, end, first=first)


def _cross(wanted: Join, ready: "_Ready", stage: Stage, end: Link, *, first: bool) -> OciError:
    """Into the pid namespace as late as can be: `runtime.crossing` says why. `first`: it becomes what it
    shall be before that."""
    if first:
        _become(wanted.command, ready.user, wanted.last_capability, stage)
    if wanted.namespaces & process.CLONE_NEWPID:
        try:
            crossing.cross(end)
        except OSError as error:
            return identity.not_executed(ready.path, error)
    if first:
        crossing.set_exactly(wanted.command)
    os.setsid()
    _own_terminal(wanted.command)
    if not first:
        _become(wanted.command, ready.user, wanted.last_capability, stage)
    end.send(link.EXECUTING)
    return identity.execute(ready.path, wanted.command, ready.environment)


class _Beginning(NamedTuple):
    """What create adds to what it shares with exec."""

    preserved: int
    gate: int = -1
    hooks: Sequence[Hook] = ()
    about: Mapping[str, Any] = MappingProxyType({})
    ids: Ids | None = None


class _Ready(NamedTuple):
    user: User
    environment: list[bytes]
    path: str


def _become(command: Command, user: User, last_capability: int, stage: Stage) -> None:
    """In a user namespace of its own the process has power over that alone from here on."""
    if stage.user_namespace >= 0:
        process.setns(stage.user_namespace, process.CLONE_NEWUSER)
        os.close(stage.user_namespace)
    identity.become(command, user, last_capability)


def _own_terminal(command: Command) -> None:
    if command.terminal:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _finish(
    command: Command, stage: Stage, end: Link, last_capability: int, beginning: _Beginning
) -> OciError:
    """Of create. The order is explained in `runtime.identity`."""
    _own_terminal(command)
    ready = _prepare(command, stage, end, beginning)
    _become(command, ready.user, last_capability, stage)
    if beginning.hooks:
        about = {**beginning.about, "pid": os.getpid()}
        hooks.run("startContainer", beginning.hooks, about)
    end.send(link.EXECUTING)
    return identity.execute(ready.path, command, ready.environment)


def _prepare(command: Command, stage: Stage, end: Link, beginning: _Beginning) -> _Ready:
    """The part that create and exec share, with all power still: up to START."""
    if command.terminal:
        end.send_file(link.CONSOLE, stage.console)
    os.umask(command.umask)
    user = identity.resolve_user(command, stage.root)
    environment = identity.environment(command, user)
    identity.enter_directory(command, stage.root)
    identity.set_limits(command)
    identity.own_stdio(user.uid if beginning.ids is None else beginning.ids.uid(user.uid))
    path = identity.find_executable(command)
    if command.apparmor:
        labels.change_on_exec(command.apparmor, stage)
    for warning in stage.warnings:
        end.send(link.WARNING, warning.encode())
    _close_but((end.fileno(), beginning.gate, stage.user_namespace), beginning.preserved)
    process.prctl(process.PR_SET_PDEATHSIG, 0)
    end.send(link.READY)
    if beginning.gate >= 0:
        end.accept(beginning.gate)
    end.expect(link.START)
    process.reset_signals()
    if command.scheduling is not None:
        scheduling.apply(command.scheduling)
    return _Ready(user, environment, path)


def _keep_only(ends: Sequence[int], preserved: int, stdio: Stdio | None) -> None:
    """0, 1, 2 and our ends; nothing that the monitor has open (CVE-2024-21626)."""
    if stdio is not None:
        copies = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE) for fd in stdio]
        for number, fd in enumerate(copies):
            os.dup2(fd, number)
    _close_but(ends, preserved)


def _close_but(kept: Sequence[int], preserved: int) -> None:
    """Everything from 3 on, but the first `preserved` and those."""
    first = _FIRST_FREE + preserved
    for fd in sorted(kept):
        if fd > first:
            process.close_range(first, fd - 1)
        first = max(first, fd + 1)
    process.close_range(first)


def enter_cgroups(step: op.EnterCgroups, _stage: Stage) -> None:
    """By ourselves, and only this thread: that takes no lock of all forks, whose price is an RCU grace
    period of 10 ms (kernel/cgroup/cgroup.c, cgroup_procs_write_start; since Linux 5.4)."""
    for directory in step.directories:
        fd = os.open(f"{directory}/tasks", os.O_WRONLY | os.O_CLOEXEC)
        os.write(fd, b"0")
        os.close(fd)


def new_cgroup_namespace(_step: op.NewCgroupNamespace, _stage: Stage) -> None:
    """Only now: clone(2) would take the parent's cgroup for the root, not the one of CLONE_INTO_CGROUP
    (kernel/cgroup/namespace.c, copy_cgroup_ns)."""
    process.unshare(process.CLONE_NEWCGROUP)


def new_keyring(step: op.NewKeyring, _stage: Stage) -> None:
    """Ours is better than the daemon's, but a full quota must not stop a container (as runc)."""
    with contextlib.suppress(OSError):
        keyctl.join_session_keyring(step.name)


def set_oom_score(step: op.SetOomScore, stage: Stage) -> None:
    """Still the host's procfs: `self` names us there too. Lowering it needs CAP_SYS_RESOURCE."""
    fd = own_file("oom_score_adj", os.O_RDWR)
    try:
        if int(os.read(fd, 16)) != step.value:
            os.pwrite(fd, str(step.value).encode(), 0)
    except PermissionError:
        stage.warnings.append(f"oom_score_adj cannot be lowered to {step.value} here. Setting discarded.")
    finally:
        os.close(fd)


def set_personality(step: op.SetPersonality, _stage: Stage) -> None:
    schedule.personality(step.value)


def set_hostname(step: op.SetHostname, _stage: Stage) -> None:
    process.sethostname(step.name)


def set_domainname(step: op.SetDomainname, _stage: Stage) -> None:
    process.setdomainname(step.name)


def set_sysctl(step: op.SetSysctl, stage: Stage) -> None:
    resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV
    path = "sys/" + sysctls.path_of(step.key)
    try:
        fd = openat2(stage.procfs(), os.fsencode(path), os.O_WRONLY, resolve)
        try:
            os.write(fd, step.value.encode())
        finally:
            os.close(fd)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise OciError("InvalidArgument", f"open /proc/{path}: {reason}") from None


_DO: dict[type[Any], Callable[[Any, Stage], None]] = {
    op.EnterCgroups: enter_cgroups,
    op.NewCgroupNamespace: new_cgroup_namespace,
    op.OpenSource: rootfs.open_source,
    op.ChownSource: ownership.chown_source,
    op.AttachDisk: rootfs.attach_disk,
    op.OpenLayers: rootfs.open_layers,
    op.MakePrivate: rootfs.make_private,
    op.MountOverlay: rootfs.mount_overlay,
    op.BindRoot: rootfs.bind_root,
    op.Pivot: rootfs.pivot,
    op.ReadonlyRoot: rootfs.readonly_root,
    op.RootPropagation: rootfs.root_propagation,
    op.MountFilesystem: mounts.mount_filesystem,
    op.AttachSource: mounts.attach_source,
    op.MountCgroups: mounts.mount_cgroups,
    op.Remount: mounts.remount,
    op.Symlink: mounts.symlink,
    op.ReadonlyPath: mounts.readonly_path,
    op.MaskPath: mounts.mask_path,
    op.MaskTree: mounts.mask_tree,
    op.MakeDevice: devices.make_device,
    op.MakeConsole: devices.make_console,
    op.NewKeyring: new_keyring,
    op.SetOomScore: set_oom_score,
    op.SetPersonality: set_personality,
    op.SetHostname: set_hostname,
    op.SetDomainname: set_domainname,
    op.SetSysctl: set_sysctl,
}
