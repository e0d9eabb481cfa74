"""`create`: everything but the program itself, which waits at the gate for `start`."""

import json
import os
import socket
from typing import Any

from sampan.errors import InvalidArgument
from sampan.linux.process import pidfd_send_signal
from sampan.linux.task import start_time
from sampan.oci import runtime as defaults
from sampan.runtime import container, seccomp
from sampan.runtime.failure import OciError
from sampan.runtime.logs import now
from sampan.runtime.protocol import Launch, Log
from sampan.runtime.setup import Stdio
from sampan.runtimecli import entry as entries
from sampan.runtimecli.entry import Entry, Record
from sampan.runtimecli.flags import Flag, switch, value
from sampan.runtimecli.invocation import Invocation, one_operand, preserved, write_pid_file

FLAGS: list[Flag] = [
    value("bundle b", "directory of the bundle (default: the current one)"),
    value("console-socket", "socket that gets the terminal's master"),
    value("pid-file", "file that the process id is written to"),
    switch("no-pivot", "accepted; the root is always pivoted"),
    switch("no-new-keyring", "accepted; every container has a session keyring of its own"),
    value("preserve-fds", "descriptors from 3 on that the process gets"),
]
_SIGKILL = 9


def run(invocation: Invocation) -> int:
    identifier = one_operand(invocation, "create")
    given = invocation.given
    bundle = os.path.abspath(given["bundle"] or ".")
    spec = load(bundle)
    check_console(spec["process"], given["console-socket"], detached=True)
    with entries.create(invocation.root, identifier) as entry:
        made = create(entry, bundle, spec, kept=preserved(given["preserve-fds"], spec["process"]))
        try:
            if made.console is not None:
                send_console(given["console-socket"], made.console)
            write_pid_file(given["pid-file"], made.pid)
        except BaseException:
            abandon(entry, made)
            raise
        for warning in made.warnings:
            invocation.log.warn(warning)
    return 0


def check_console(process: dict[str, Any], path: str | None, *, detached: bool) -> None:
    """Raises InvalidArgument in runc's words."""
    terminal = bool(process.get("terminal"))
    if detached and terminal and not path:
        raise InvalidArgument("cannot allocate tty if runc will detach without setting console socket")
    if path and not (detached and terminal):
        raise InvalidArgument("cannot use console socket if runc will not detach or allocate tty")


def load(bundle: str) -> dict[str, Any]:
    spec = container.load(f"{bundle}/config.json")
    if not spec.get("process"):
        raise InvalidArgument("process property must not be empty")
    version = str(spec.get("ociVersion") or "")
    if not version.startswith("1."):
        raise InvalidArgument(f"unsupported spec version {version!r}: it must be 1.x")
    spec["process"].setdefault("capabilities", {})
    return spec


def create(entry: Entry, bundle: str, spec: dict[str, Any], *, kept: int = 0) -> container.Container:
    """With the record written. Raises, with nothing left."""
    try:
        entry.lock()
        linux = spec.setdefault("linux", {})
        linux["cgroupsPath"] = "/" + (linux.get("cgroupsPath") or f"sampan/{entry.id}").strip("/")
        entry.write(entries.CONFIG, spec)
        gate = entry.gate()
        launch = Launch(entry.id, bundle, bundle, None, Log("none", ""), seccomp=filter_of(entry, spec))
        stdio = None if spec["process"].get("terminal") else Stdio(0, 1, 2)
        made = container.create(launch, spec, stdio, gate=gate.fileno(), preserved=kept)
        gate.close()
    except BaseException:
        entry.remove()
        raise
    try:
        record = Record(made.pid, start_time(made.pid), bundle, now())
        entry.write(entries.STATE, record._asdict())
    except BaseException:
        abandon(entry, made)
        raise
    return made


def filter_of(entry: Entry, spec: dict[str, Any]) -> str | None:
    """The file with the compiled seccomp filter, beside the state; None: unconfined."""
    profile = spec["linux"].get("seccomp")
    if not profile:
        return None
    bounding = spec["process"]["capabilities"].get("bounding") or ()
    return seccomp.compiled(profile, bounding, entry.path)


def abandon(entry: Entry, made: container.Container) -> None:
    """Nothing of it ever ran."""
    pidfd_send_signal(made.pidfd, _SIGKILL)
    os.waitid(os.P_PIDFD, made.pidfd, os.WEXITED)
    container.destroy(made)
    entry.remove()


def send_console(path: str, console: int) -> None:
    """The master, with its slave's name as the message (runc, docs/terminals.md)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as receiver:
        try:
            receiver.connect(path)
            socket.send_fds(receiver, [b"/dev/ptmx"], [console])
        except OSError as error:
            raise OciError("Internal", f"console socket {path}: {error.strerror}") from None


def example() -> str:
    """For `spec`: a bundle's config.json that runs a shell."""
    capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
    document = {
        "ociVersion": defaults.VERSION,
        "process": {
            "terminal": True,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh"],
            "env": [f"PATH={defaults.PATH}", "TERM=xterm"],
            "cwd": "/",
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), capabilities),
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "sampan",
        "mounts": list(defaults.MOUNTS),
        "linux": {
            "resources": {"devices": [defaults.DENY_ALL_DEVICES]},
            "namespaces": defaults.namespaces(cgroup_private=True),
            "maskedPaths": list(defaults.MASKED_PATHS),
            "readonlyPaths": list(defaults.READONLY_PATHS),
        },
    }
    return json.dumps(document, indent=1)
