"""A stand-in for `runtime.container`: processes without namespaces, to test the monitor alone."""

import os
import signal
import sys
from typing import Any, NamedTuple

sys.path.insert(0, sys.argv[1]) if __name__ == "__main__" else None
from sampan.errors import SampanError


class OciError(SampanError):
    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.kind = "InvalidArgument"
        self.exit_code = exit_code


class Stdio(NamedTuple):
    stdin: int
    stdout: int
    stderr: int


class Container(NamedTuple):
    pid: int
    pidfd: int
    console: int | None
    release: int
    failure: int


def _spawn(process: dict[str, Any], stdio: Stdio | None, gate: int) -> tuple[int, int, int | None, int]:
    console = peer = None
    if stdio is None:
        console, peer = os.openpty()
    error_read, error_write = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            if peer is not None:
                import fcntl
                import termios

                fcntl.ioctl(peer, termios.TIOCSCTTY, 0)
            for target, fd in enumerate(stdio or (peer, peer, peer)):
                os.dup2(fd, target)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            if gate >= 0:
                os.read(gate, 1)
            os.execvpe(process["args"][0], process["args"], dict(os.environ))
        except OSError as error:
            os.write(error_write, str(error.errno).encode())
        finally:
            os._exit(1)
    os.close(error_write)
    if peer is not None:
        os.close(peer)
    return pid, os.pidfd_open(pid), console, error_read


def create(launch: Any, spec: dict[str, Any], stdio: Stdio | None) -> Container:
    gate, release = os.pipe2(os.O_CLOEXEC)
    pid, pidfd, console, failure = _spawn(spec["process"], stdio, gate)
    os.close(gate)
    return Container(pid, pidfd, console, release, failure)


def start(container: Container) -> None:
    os.write(container.release, b"x")
    os.close(container.release)
    _check(container.failure)


def _check(failure: int) -> None:
    error = os.read(failure, 16)
    os.close(failure)
    if error:
        code = 127 if int(error) == 2 else 126
        raise OciError(f"cannot execute: {os.strerror(int(error))}", code)


def execute(
    container: Container, process: dict[str, Any], stdio: Stdio | None, seccomp: str | None
) -> tuple[int, int, int | None]:
    pid, pidfd, console, failure = _spawn(process, stdio, -1)
    _check(failure)
    return pid, pidfd, console


def destroy(container: Container) -> bool:
    return False


def sweep(spec: dict[str, Any]) -> bool:
    return False


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    sys.modules["sampan.runtime.container"] = sys.modules["__main__"]
    import sampan.runtime

    sampan.runtime.container = sys.modules["__main__"]  # type: ignore[attr-defined]
    from sampan.runtime.launcher import main

    main(int(sys.argv[2]))
