"""Become the process of the spec: user, capabilities, limits, filter, execve. In the child, for good.

The order is runc's (finalizeNamespace): bounding set while we may still shrink it, groups, gid, uid with the
capabilities kept, then the filter (without no_new_privs it needs CAP_SYS_ADMIN), then the final sets.
"""

import errno
import os
import resource
import stat

from sampan.linux import capability, process, seccomp
from sampan.runtime.command import Command, variable
from sampan.runtime.failure import CANNOT_RUN, NOT_FOUND, OciError, invalid
from sampan.runtime.paths import open_target
from sampan.runtime.users import User, look_up, look_up_groups, read

_NULL = os.makedev(1, 3)


def resolve_user(command: Command, root: int) -> User:
    """A number without a name still gets its home and, as Docker, its groups from the files."""
    further = command.groups
    if command.group_names:
        further = (*further, *look_up_groups(command.group_names, read(root, "/etc/group")))
    if command.username is not None:
        user = look_up(command.username, read(root, "/etc/passwd"), read(root, "/etc/group"))
        return user._replace(groups=tuple(dict.fromkeys((*user.groups, *further))))
    known = look_up(str(command.uid), read(root, "/etc/passwd"), "")
    groups = tuple(dict.fromkeys((command.gid, *further)))
    return User(command.uid, command.gid, groups, known.home)


def environment(command: Command, user: User) -> list[bytes]:
    entries = command.environment
    if not variable(entries, "HOME"):
        entries = [*(e for e in entries if not e.startswith("HOME=")), f"HOME={user.home}"]
    return [os.fsencode(entry) for entry in entries]


def enter_directory(command: Command, root: int) -> None:
    """Made if absent. Not through a magic link, and inside the root (CVE-2024-21626)."""
    try:
        fd = open_target(root, command.cwd, directory=True)
        os.fchdir(fd)
        os.close(fd)
        inside = os.getcwd().startswith("/")
    except OSError as error:
        raise OciError(
            "Internal", f'chdir to cwd ("{command.cwd}") set in config.json failed: {error.strerror}'
        ) from None
    if not inside:
        raise invalid("current working directory is outside of container mount namespace root")


def find_executable(command: Command) -> str:
    """As Go's exec.LookPath, with its sentences; 126 or 127 by errno."""
    name = command.arguments[0]
    if "/" in name:
        if (error := _why_not(name)) is not None:
            raise _cannot(name, error, detail=f"stat {name}: ")
        return name
    for directory in (variable(command.environment, "PATH") or "").split(":"):
        candidate = f"{directory or '.'}/{name}"
        if name and _why_not(candidate) is None:
            return candidate if candidate.startswith("/") else "./" + candidate
    raise OciError("InvalidArgument", f'exec: "{name}": executable file not found in $PATH', NOT_FOUND)


def _why_not(path: str) -> int | None:
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):
            return errno.EISDIR
    except OSError as error:
        return error.errno
    return None if os.access(path, os.X_OK, effective_ids=True) else errno.EACCES


def _cannot(name: str, number: int, *, detail: str) -> OciError:
    reason = os.strerror(number).lower()
    if number in (errno.EISDIR, errno.EACCES):
        return OciError("InvalidArgument", f'exec: "{name}": {reason}', CANNOT_RUN)
    code = NOT_FOUND if number in (errno.ENOENT, errno.ENOTDIR) else CANNOT_RUN
    return OciError("InvalidArgument", f'exec: "{name}": {detail}{reason}', code)


def set_limits(command: Command) -> None:
    for limit in command.rlimits:
        try:
            resource.setrlimit(limit.number, (limit.soft, limit.hard))
        except (OSError, ValueError) as error:
            # CPython says ValueError for EPERM and EINVAL.
            reason = error.strerror if isinstance(error, OSError) else "operation not permitted"
            wanted = f"{limit.name} to {limit.soft}:{limit.hard}"
            raise OciError(
                "Internal", f"error setting rlimit {wanted}: {reason} (CAP_SYS_RESOURCE?)"
            ) from None


def own_stdio(uid: int) -> None:
    """So that the user can open /dev/stdout anew. Not the null device, which all share."""
    for fd in (0, 1, 2):
        status = os.fstat(fd)
        if status.st_uid == uid or (stat.S_ISCHR(status.st_mode) and status.st_rdev == _NULL):
            continue
        try:
            os.fchown(fd, uid, -1)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EROFS, errno.EINVAL):
                raise


def become(command: Command, user: User, last_capability: int) -> None:
    capabilities = command.capabilities
    supported = (1 << (last_capability + 1)) - 1
    if command.no_new_privileges:
        process.prctl(process.PR_SET_NO_NEW_PRIVS, 1)
    capability.drop_bounding(capabilities.bounding, last_capability)
    process.prctl(process.PR_SET_KEEPCAPS, 1)
    os.setgroups(user.groups)
    process.setresgid(user.gid)
    process.setresuid(user.uid)
    # A change of ids sets this to fs.suid_dumpable (kernel/cred.c, commit_creds).
    process.prctl(process.PR_SET_DUMPABLE, 0)
    process.prctl(process.PR_SET_KEEPCAPS, 0)
    _, permitted, _ = capability.capget()
    final = [wanted & supported & permitted for wanted in capabilities[1:4]]
    if command.seccomp is not None and not command.no_new_privileges:
        capability.capset(permitted, permitted, 0)  # the effective set went with uid 0
        seccomp.load(command.seccomp, seccomp.SECCOMP_FILTER_FLAG_SPEC_ALLOW)
    capability.capset(*final)
    if capabilities.ambient:
        capability.set_ambient(capabilities.ambient & supported)
    if command.seccomp is not None and command.no_new_privileges:
        seccomp.load(command.seccomp, seccomp.SECCOMP_FILTER_FLAG_SPEC_ALLOW)


def execute(path: str, command: Command, environment_: list[bytes]) -> OciError:
    """Returns only when it failed."""
    try:
        process.execve(os.fsencode(path), [os.fsencode(a) for a in command.arguments], environment_)
    except OSError as error:
        failed = error
    return not_executed(path, failed)


def not_executed(path: str, error: OSError) -> OciError:
    number = error.errno or 0
    code = NOT_FOUND if number in (errno.ENOENT, errno.ENOTDIR) else CANNOT_RUN
    return OciError("InvalidArgument", f"exec {path}: {os.strerror(number).lower()}", code)
