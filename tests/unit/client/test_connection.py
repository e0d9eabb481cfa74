"""The client against prepared answers."""

import importlib.util
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from sampan.client import connection, hosts
from sampan.client.connection import Client
from sampan.errors import Conflict, Forbidden, InvalidArgument, NotFound, Unavailable


def _load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


fake = _load("daemon")
answer, fake_daemon = fake.answer, fake.fake_daemon


def client(path: Path, **options: Any) -> Client:
    return Client(hosts.parse(f"unix://{path}"), **options)


def test_one_connection_serves_many_requests(tmp_path: Path) -> None:
    with fake_daemon(tmp_path / "s", lambda _, request: answer(b'{"a":1}')) as daemon:
        spoken = client(daemon.path)
        assert [spoken.call("GET", "/x") for _ in range(3)] == [{"a": 1}] * 3
        assert daemon.connections == 1


def test_two_requests_at_once_take_two_connections(tmp_path: Path) -> None:
    with fake_daemon(tmp_path / "s", lambda _, request: answer(b"1")) as daemon:
        spoken = client(daemon.path)
        first, second = spoken.send("GET", "/a"), spoken.send("GET", "/b")
        assert (second.result(), first.result()) == (1, 1)
        assert daemon.connections == 2


def test_a_connection_that_the_daemon_closed_is_not_used_again(tmp_path: Path) -> None:
    def script(connection: socket.socket, request: bytes) -> None:
        connection.sendall(answer(b"1"))

    with fake_daemon(tmp_path / "s", script) as daemon:
        spoken = client(daemon.path)
        assert spoken.call("GET", "/a") == 1
        while connection._still_open(spoken._idle):  # the daemon's thread closes it in its own time
            pass
        assert spoken.call("GET", "/a") == 1


def test_the_body_is_json_and_the_version_is_a_prefix(tmp_path: Path) -> None:
    with fake_daemon(tmp_path / "s", lambda _, request: answer(b"null")) as daemon:
        client(daemon.path, version="1.41").call("POST", "/x", {"A": "é"})
        [request] = daemon.requests
        assert request.startswith(b"POST /v1.41/x HTTP/1.1\r\n")
        assert b"Content-Type: application/json\r\n" in request
        assert request.endswith('{"A":"é"}'.encode())


@pytest.mark.parametrize(
    ("status", "kind"),
    [("404 Not Found", NotFound), ("409 Conflict", Conflict), ("400 Bad Request", InvalidArgument)],
)
def test_errors(tmp_path: Path, status: str, kind: type[Exception]) -> None:
    with fake_daemon(tmp_path / "s", lambda _, request: answer(b'{"message":"so and so"}', status)) as daemon:
        spoken = client(daemon.path)
        for _ in range(2):
            with pytest.raises(kind, match=r"^Error response from daemon: so and so$"):
                spoken.call("GET", "/x")
        assert daemon.connections == 1


def test_no_answer_at_all(tmp_path: Path) -> None:
    with (
        fake_daemon(tmp_path / "s", lambda _, request: None) as daemon,
        pytest.raises(Unavailable, match="without an answer"),
    ):
        client(daemon.path).call("GET", "/x")


def test_an_answer_cut_short(tmp_path: Path) -> None:
    def script(connection: socket.socket, request: bytes) -> None:
        connection.sendall(answer(b'{"a":1}')[:-3])

    with fake_daemon(tmp_path / "s", script) as daemon, pytest.raises(Unavailable, match="unexpected EOF"):
        client(daemon.path).call("GET", "/x")


def test_hijack_keeps_what_came_with_the_head(tmp_path: Path) -> None:
    def script(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nfirst ")
        connection.sendall(connection.recv(100))

    with fake_daemon(tmp_path / "s", script) as daemon:
        stream, first = client(daemon.path).upgrade("/x").hijack()
        assert b"Connection: Upgrade\r\nUpgrade: tcp" in daemon.requests[0]
        stream.sendall(b"echo")
        received = first
        while piece := stream.recv(100):
            received += piece
        assert received == b"first echo"


def test_hijack_of_old_daemons(tmp_path: Path) -> None:
    def script(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nfirst")

    with fake_daemon(tmp_path / "s", script) as daemon:
        stream, first = client(daemon.path).upgrade("/x").hijack()
        assert first + stream.recv(100) == b"first"


def test_an_upload_is_chunked(tmp_path: Path) -> None:
    with fake_daemon(tmp_path / "s", lambda _, request: answer(b"1")) as daemon:
        assert client(daemon.path).upload("POST", "/x", [b"abc", b"", b"defg"]).result() == 1
        assert daemon.requests[0].endswith(b"\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")


def test_an_upload_that_the_daemon_refuses_gets_its_answer(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()

    def pieces() -> Any:
        yield b"x"
        connection, _ = listener.accept()
        connection.recv(10)
        connection.sendall(answer(b'{"message":"no space"}', "500 Internal Server Error"))
        connection.shutdown(socket.SHUT_RDWR)
        for _ in range(100):
            yield b"x" * 65536

    with pytest.raises(Exception, match=r"no space|Connection reset|without an answer"):
        client(tmp_path / "s").upload("POST", "/x", pieces()).result()
    listener.close()


def test_nobody_listens(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with pytest.raises(
        Unavailable, match=f"^Cannot connect to the Docker daemon at unix://{path}. Is the docker"
    ):
        client(path).call("GET", "/x")


def test_the_daemon_is_started_once_and_only_when_nobody_listens(tmp_path: Path) -> None:
    started = []

    def start() -> None:
        started.append(fake.FakeDaemon(tmp_path / "s", lambda _, request: answer(b"1")))

    spoken = client(tmp_path / "s", start=start)
    assert spoken.call("GET", "/x") == 1
    assert spoken.call("GET", "/x") == 1
    assert len(started) == 1
    started[0].close()


def test_no_permission() -> None:
    error = connection._no_daemon(hosts.parse("unix:///x"), PermissionError(13, "Permission denied"))
    assert isinstance(error, Forbidden)
    assert str(error).startswith(
        "permission denied while trying to connect to the Docker daemon socket at unix:///x"
    )


def test_names_in_paths() -> None:
    assert connection.name("image", "localhost:5000/a@sha256:0") == "localhost:5000/a@sha256:0"
    assert connection.name("container", "a b?") == "a%20b%3F"
    with pytest.raises(InvalidArgument, match=r"^invalid container name or ID: value is empty$"):
        connection.name("container", " ")
