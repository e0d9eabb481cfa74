"""run and exec, whole, against a daemon of prepared answers: what is asked in which order, and what comes
of it.
"""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import sampan
from sampan.wire.stdcopy import STDERR, STDOUT, frame

MAIN = Path(sampan.__file__).parent / "cli" / "main.py"
_FAKE = Path(__file__).parents[2] / "client" / "daemon.py"
_SPEC = importlib.util.spec_from_file_location("fake_daemon", _FAKE)
assert _SPEC is not None
assert _SPEC.loader is not None
fake = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fake)

ID = "c" * 64
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nUpgrade: tcp\r\n\r\n"


class Daemon:
    """Answers run and exec; `order` is what was asked, and `wait` ends when the container does."""

    def __init__(self, output: bytes = b"", status: int = 0, start: bytes = NO_CONTENT) -> None:
        self.order: list[str] = []
        self.bodies: dict[str, Any] = {}
        self.received = b""
        self._output, self._status, self._start = output, status, start
        self._started, self._ended = threading.Event(), threading.Event()

    def __call__(self, connection: socket.socket, request: bytes) -> bytes | None:
        head, _, body = request.partition(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        name = f"{method} {target}"
        self.order.append(name)
        self.bodies[name] = json.loads(body) if body else None
        return self._answer(target.partition("?")[0].rpartition("/")[2], target, connection)

    def _answer(self, verb: str, target: str, connection: socket.socket) -> bytes | None:
        if verb == "start" and target.startswith("/containers"):
            self._started.set()
            if self._start != NO_CONTENT:
                self._ended.set()
            return self._start
        if verb in ("attach", "start"):
            if target.startswith("/exec"):
                self._started.set()
            connection.sendall(UPGRADED)
            return self._stream(connection, stdin="stdin=1" in target)
        if verb == "wait":
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            self._ended.wait()
            text = json.dumps({"StatusCode": self._status}).encode()
            return b"%x\r\n%s\r\n0\r\n\r\n" % (len(text), text)
        if verb == "json":
            return bytes(fake.answer(json.dumps({"ExitCode": self._status, "Running": False}).encode()))
        return bytes(fake.answer(json.dumps({"Id": ID, "Warnings": []}).encode(), "201 Created"))

    def _stream(self, connection: socket.socket, *, stdin: bool) -> None:
        self._started.wait()
        while stdin and (piece := connection.recv(65536)):
            self.received += piece
        connection.sendall(self._output)
        connection.shutdown(socket.SHUT_WR)
        self._ended.set()


def run(path: Path, daemon: Daemon, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    with fake.fake_daemon(path / "s", daemon):
        return subprocess.run(
            [sys.executable, "-I", "-S", MAIN, "-H", f"unix://{path}/s", *words],
            input=stdin,
            capture_output=True,
            timeout=30,
            env={"HOME": str(path), "PATH": os.environ["PATH"]},
        )


def test_attached(tmp_path: Path) -> None:
    daemon = Daemon(frame(STDOUT, b"out\n") + frame(STDERR, b"err\n"), status=7)
    done = run(tmp_path, daemon, "run", "--rm", "img", "cmd")
    assert (done.stdout, done.stderr, done.returncode) == (b"out\n", b"err\n", 7)
    create, *others, start = daemon.order
    assert create == "POST /containers/create"
    assert sorted(others) == [
        f"POST /containers/{ID}/attach?stream=1&stdout=1&stderr=1",
        f"POST /containers/{ID}/wait?condition=removed",
    ]
    assert start == f"POST /containers/{ID}/start"


def test_stdin_is_sent_to_its_end(tmp_path: Path) -> None:
    daemon = Daemon()
    assert run(tmp_path, daemon, "run", "-i", "img", stdin=b"x" * 100_000).returncode == 0
    assert f"POST /containers/{ID}/attach?stream=1&stdin=1&stdout=1&stderr=1" in daemon.order
    assert f"POST /containers/{ID}/wait?condition=next-exit" in daemon.order
    assert daemon.bodies["POST /containers/create"]["StdinOnce"]
    assert daemon.received == b"x" * 100_000


def test_detached(tmp_path: Path) -> None:
    daemon = Daemon()
    done = run(tmp_path, daemon, "run", "-d", "--name", "n", "img")
    assert (done.stdout, done.returncode) == (f"{ID}\n".encode(), 0)
    assert daemon.order == ["POST /containers/create?name=n", f"POST /containers/{ID}/start"]
    assert daemon.bodies["POST /containers/create?name=n"]["AttachStdout"] is False


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ('exec: "x": executable file not found in $PATH', 127),
        ('exec: "/x": stat /x: no such file or directory', 127),
        ('exec: "/x": permission denied', 126),
        ('exec: "/x": is a directory', 126),
        ("something else", 125),
    ],
)
def test_a_start_that_fails(tmp_path: Path, text: str, status: int) -> None:
    start = fake.answer(json.dumps({"message": text}).encode(), "400 Bad Request")
    done = run(tmp_path, Daemon(start=start), "run", "--rm", "img", "x")
    assert done.returncode == status
    assert done.stderr.decode() == (
        f"sampan: Error response from daemon: {text}\n\nRun 'sampan run --help' for more information\n"
    )


def test_exec(tmp_path: Path) -> None:
    daemon = Daemon(frame(STDOUT, b"out\n") + frame(STDERR, b"err\n"), status=3)
    done = run(tmp_path, daemon, "exec", "-e", "A=b", "box", "cmd", "-x")
    assert (done.stdout, done.stderr, done.returncode) == (b"out\n", b"err\n", 3)
    assert daemon.order == ["POST /containers/box/exec", f"POST /exec/{ID}/start", f"GET /exec/{ID}/json"]
    assert daemon.bodies["POST /containers/box/exec"] == {
        "Cmd": ["cmd", "-x"],
        "AttachStdout": True,
        "AttachStderr": True,
        "Env": ["A=b"],
    }


def test_a_terminal_inside_needs_one_outside(tmp_path: Path) -> None:
    daemon = Daemon()
    done = run(tmp_path, daemon, "run", "-it", "img")
    assert (done.stderr, done.returncode, daemon.order) == (b"the input device is not a TTY\n", 1, [])
