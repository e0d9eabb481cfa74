"""A daemon made of prepared answers, on a unix socket: what it was asked is kept."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Script = Callable[[socket.socket, bytes], bytes | None]


class FakeDaemon:
    """Each connection is served by a thread; `script` maps a request (head and body) to the bytes of the
    answer.

    None closes the connection. The script may also speak on the socket itself.
    """

    def __init__(self, path: Path, script: Script) -> None:
        self.path = path
        self.requests: list[bytes] = []
        self.connections = 0
        self._script = script
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while (request := _read_request(connection)) is not None:
                self.requests.append(request)
                answer = self._script(connection, request)
                if answer is None:
                    return
                connection.sendall(answer)


def _read_request(connection: socket.socket) -> bytes | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b": ")
        if name == b"Content-Length":
            while len(body) < int(value):
                body += connection.recv(65536)
        if name == b"Transfer-Encoding":
            while not body.endswith(b"0\r\n\r\n"):
                body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answer(body: bytes, status: str = "200 OK", kind: str = "application/json") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def fake_daemon(path: Path, script: Script) -> Iterator[FakeDaemon]:
    daemon = FakeDaemon(path, script)
    try:
        yield daemon
    finally:
        daemon.close()
