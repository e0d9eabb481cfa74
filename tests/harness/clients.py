"""The two command lines, as functions: `docker("ps", "-a")`."""

import contextlib
import fcntl
import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from harness.waiting import FACTOR

SAMPAN = str(Path(__file__).parents[2] / "bin" / "sampan")


class Result(NamedTuple):
    code: int
    out: str
    err: str


class Client:
    """One spelling. `name`: "sampan" or "docker"; `program`: what is run for it."""

    def __init__(self, name: str, program: str, environment: Mapping[str, str]) -> None:
        self.name = name
        self.program = program
        self.environment = dict(environment)

    def __call__(
        self, *arguments: str, check: bool = True, stdin: bytes = b"", timeout: float = 60
    ) -> Result:
        """Run it to its end; with `check` a failure is one of the test."""
        done = subprocess.run(
            [self.program, *arguments],
            input=stdin,
            capture_output=True,
            env=self.environment,
            timeout=timeout * FACTOR,
            check=False,
        )
        result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert not check or result.code == 0, f"{self.name} {' '.join(arguments)}: {result}"
        return result

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Run it beside the test."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [self.program, *arguments], stdin=pipe, stdout=pipe, stderr=pipe, env=self.environment
        )

    def terminal(self, *arguments: str, size: tuple[int, int] = (24, 80)) -> "Terminal":
        return Terminal([self.program, *arguments], self.environment, size)


class Terminal:
    """A program under a real pseudo-terminal."""

    def __init__(self, command: list[str], environment: Mapping[str, str], size: tuple[int, int]) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(shutil.which(command[0]) or command[0], command, {**environment, "TERM": "xterm"})
        self.resize(*size)
        self.seen = ""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def expect(self, wanted: str, seconds: float = 10) -> str:
        """Read until `wanted` is on the screen; what stood before it, and it, are used up."""
        return self._read(lambda: wanted in self.seen, wanted, seconds)

    def _read(self, done: Callable[[], bool], wanted: str, seconds: float) -> str:
        deadline = time.monotonic() + seconds * FACTOR
        while not done():
            left = deadline - time.monotonic()
            assert left > 0, f"no {wanted!r} in {self.seen!r}"
            if select.select([self.fd], [], [], left)[0]:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:  # EIO: the other end is closed
                    data = b""
                assert data or done(), f"ended without {wanted!r}: {self.seen!r}"
                self.seen += data.decode(errors="replace")
        before, _, self.seen = self.seen.partition(wanted)
        return before + wanted

    def wait(self, seconds: float = 10) -> int:
        """Its exit code, once it has ended."""
        deadline = time.monotonic() + seconds * FACTOR
        pidfd = os.pidfd_open(self.pid)
        try:
            while not select.select([pidfd], [], [], 0.05)[0]:
                assert time.monotonic() < deadline, f"still runs: {self.seen!r}"
                if select.select([self.fd], [], [], 0)[0]:
                    with contextlib.suppress(OSError):
                        self.seen += os.read(self.fd, 65536).decode(errors="replace")
        finally:
            os.close(pidfd)
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def ours(environment: Mapping[str, str]) -> Client:
    return Client("sampan", SAMPAN, {**environment, "SAMPAN_PYTHON": sys.executable})


def stock(environment: Mapping[str, str]) -> Client:
    """Docker's own, the first on PATH; its absence fails the test that asks for it."""
    docker = shutil.which("docker", path="/usr/local/bin:/usr/bin:/bin")
    assert docker, "there is no docker client on PATH"
    return Client("docker", docker, environment)
