"""GET /containers/{id}/attach/ws, by a client of forty lines."""

import base64
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import NamedTuple

import pytest

from harness.clients import Client
from harness.daemon import Daemon
from harness.waiting import FACTOR, until

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Frame(NamedTuple):
    opcode: int
    payload: bytes


class Socket:
    """The client's end, after a handshake."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._file = stream.makefile("rb")

    def handshake(self, path: str, **headers: str) -> int:
        """The status."""
        lines = {
            "Host": "x",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        head = f"GET {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._stream.sendall(head.encode() + b"\r\n")
        status = int(self._file.readline().split()[1])
        if status == 101:
            while self._file.readline().strip():
                pass
        return status

    def send(self, opcode: int, payload: bytes) -> None:
        mask = os.urandom(4)
        body = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        assert len(payload) < 126
        self._stream.sendall(bytes((0x80 | opcode, 0x80 | len(payload))) + mask + body)

    def read(self) -> Frame:
        first, size = self._file.read(2)
        if size == 126:
            (size,) = struct.unpack(">H", self._file.read(2))
        return Frame(first & 0x0F, self._file.read(size))

    def until(self, wanted: bytes) -> bytes:
        seen = b""
        while wanted not in seen:
            frame = self.read()
            assert frame.opcode == BINARY
            seen += frame.payload
        return seen


Connect = Callable[[], AbstractContextManager[Socket]]


@pytest.fixture
def connect(daemon: Daemon) -> Connect:
    @contextmanager
    def connected() -> Iterator[Socket]:
        with closing(socket.socket(socket.AF_UNIX)) as stream:
            stream.settimeout(10 * FACTOR)
            stream.connect(str(daemon.socket))
            yield Socket(stream)

    return connected


@pytest.fixture
def cat(sampan: Client) -> Iterator[str]:
    name = f"t{os.urandom(4).hex()}"
    sampan("run", "-d", "-i", "--name", name, "busybox", "sh", "-c", "echo before; cat; echo end >&2")
    until(lambda: sampan("logs", name).out == "before\n", 10, "what it says first")
    yield name
    sampan("rm", "-f", name, check=False)


ALL = "stream=1&stdin=1&stdout=1&stderr=1"


def test_to_and_fro(connect: Connect, cat: str) -> None:
    with connect() as ws:
        assert ws.handshake(f"/v1.51/containers/{cat}/attach/ws?{ALL}&logs=1") == 101
        ws.send(BINARY, b"one\n")
        assert ws.until(b"one\n") == b"before\none\n"
        ws.send(TEXT, b"two\n")
        assert ws.until(b"two\n") == b"two\n"
        ws.send(PING, b"there?")
        assert ws.read() == Frame(PONG, b"there?")
        ws.send(CLOSE, struct.pack(">H", 1000))
        assert ws.read() == Frame(CLOSE, struct.pack(">H", 1000))


def test_the_end_of_the_container_closes(connect: Connect, sampan: Client, cat: str) -> None:
    with connect() as ws:
        assert ws.handshake(f"/containers/{cat}/attach/ws?{ALL}") == 101
        ws.send(BINARY, b"x\n")
        ws.until(b"x\n")
        sampan("kill", cat)
        assert ws.read().opcode == CLOSE


def test_before_the_start(connect: Connect, sampan: Client) -> None:
    name = sampan("create", "busybox", "echo", "hello").out.strip()
    try:
        with connect() as ws:
            assert ws.handshake(f"/containers/{name}/attach/ws?stream=1&stdout=1") == 101
            sampan("start", name)
            assert ws.until(b"hello\n") == b"hello\n"
            assert ws.read().opcode == CLOSE
        with connect() as gone:  # and one that goes before the start
            assert gone.handshake(f"/containers/{name}/attach/ws?stream=1&stdout=1") == 101
        sampan("start", name)
        sampan("wait", name)
    finally:
        sampan("rm", "-f", name)


@pytest.mark.parametrize(
    "headers",
    [{"Upgrade": "tcp"}, {"Sec_WebSocket_Version": "8"}, {"Sec_WebSocket_Key": "x"}, {"Connection": "close"}],
)
def test_what_is_no_handshake(connect: Connect, cat: str, headers: dict[str, str]) -> None:
    with connect() as ws:
        assert ws.handshake(f"/containers/{cat}/attach/ws?{ALL}", **headers) == 400


def test_what_cannot_be_attached_to(connect: Connect, sampan: Client, cat: str) -> None:
    with connect() as ws:
        assert ws.handshake(f"/containers/absent/attach/ws?{ALL}") == 404
    sampan("pause", cat)
    with connect() as ws:
        assert ws.handshake(f"/containers/{cat}/attach/ws?{ALL}") == 409
