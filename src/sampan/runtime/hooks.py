"""OCI hooks: programs that run at points of a container's life (runtime-spec, config.md, "Hooks").

*Lonely.* `posix_spawn` and nothing of Python in the new process: it works in the child, too, under the
container's seccomp filter, which may not know clone3.
"""

import json
import os
import select
import signal
from collections.abc import Sequence
from typing import Any, NamedTuple

from sampan.linux.process import pidfd_send_signal
from sampan.oci.runtime import VERSION
from sampan.runtime.failure import OciError, invalid

_OUTPUT = 4096  # bytes of what a failed hook wrote that go into the error
_RESET = (signal.SIGPIPE, signal.SIGXFSZ)  # what CPython ignores


class Hook(NamedTuple):
    path: str
    arguments: list[str]
    environment: Sequence[str]
    timeout: int | None  # seconds


class Hooks(NamedTuple):
    """In the order of their turns. Where they run, and with whose paths:

    the runtime's namespaces: prestart, create_runtime, poststart, poststop;
    the container's namespaces, the host's root still in place: create_container;
    the container itself, as its user: start_container.
    """

    prestart: Sequence[Hook] = ()
    create_runtime: Sequence[Hook] = ()
    create_container: Sequence[Hook] = ()
    start_container: Sequence[Hook] = ()
    poststart: Sequence[Hook] = ()
    poststop: Sequence[Hook] = ()

    @property
    def before_pivot(self) -> bool:
        return bool(self.prestart or self.create_runtime or self.create_container)


NONE = Hooks()
WORDS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")


def parse(spec: dict[str, Any]) -> Hooks:
    """Raises OciError."""
    if not (given := spec.get("hooks")):
        return NONE
    return Hooks(*(tuple(_hook(word, entry) for entry in given.get(word) or ()) for word in WORDS))


def _hook(word: str, entry: dict[str, Any]) -> Hook:
    path, timeout = entry.get("path") or "", entry.get("timeout")
    if not path.startswith("/"):
        raise invalid(f"{word} hook: path {path!r} is not absolute")
    if timeout is not None and (not isinstance(timeout, int) or timeout <= 0):
        raise invalid(f"{word} hook {path}: timeout must be greater than zero")
    return Hook(path, list(entry.get("args") or [path]), list(entry.get("env") or ()), timeout)


def state(identifier: str, status: str, pid: int, bundle: str, spec: dict[str, Any]) -> dict[str, Any]:
    """What a hook reads on its standard input (runtime-spec, runtime.md, "State")."""
    found: dict[str, Any] = {"ociVersion": spec.get("ociVersion") or VERSION, "id": identifier}
    found |= {"status": status, "pid": pid, "bundle": bundle}
    if annotations := spec.get("annotations"):
        found["annotations"] = annotations
    return found


def run(word: str, hooks: Sequence[Hook], about: dict[str, Any]) -> None:
    """One after the other; raises OciError with the first that fails, and what it said."""
    for number, hook in enumerate(hooks):
        try:
            _run(hook, json.dumps(about).encode())
        except OciError as error:
            raise OciError("Internal", f"error running {word} hook #{number}: {error}") from None


def _run(hook: Hook, about: bytes) -> None:
    files = [os.memfd_create(name, os.MFD_CLOEXEC) for name in ("state", "stdout", "stderr")]
    try:
        os.pwrite(files[0], about, 0)
        _wait(hook, _spawn(hook, files), files)
    finally:
        for fd in files:
            os.close(fd)


def _spawn(hook: Hook, files: Sequence[int]) -> int:
    environment = dict(entry.partition("=")[::2] for entry in hook.environment)
    actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(files)]
    try:
        return os.posix_spawn(
            hook.path, hook.arguments, environment, file_actions=actions, setsigmask=(), setsigdef=_RESET
        )
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise OciError("Internal", f"fork/exec {hook.path}: {reason}") from None


def _wait(hook: Hook, pid: int, files: Sequence[int]) -> None:
    late = hook.timeout is not None and _kill_after(hook.timeout, pid)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if late:
        raise OciError("Internal", f"hook ran past specified timeout of {hook.timeout}.0s")
    if status == 0:
        return
    reason = f"exit status {status}" if status > 0 else f"signal: {signal.strsignal(-status)}".lower()
    out, err = (_said(fd) for fd in files[1:])
    raise OciError("Internal", f"{reason}, stdout: {out}, stderr: {err}")


def _kill_after(seconds: int, pid: int) -> bool:
    """Whether our child, which is not reaped here, had to be killed."""
    pidfd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        if poll.poll(seconds * 1000):
            return False
        pidfd_send_signal(pidfd, signal.SIGKILL)
    finally:
        os.close(pidfd)
    return True


def _said(fd: int) -> str:
    return os.pread(fd, _OUTPUT, 0).decode("utf-8", "replace").strip()
