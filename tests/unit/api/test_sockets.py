"""Where the API listens, and where it does not."""

import os
import socket
import stat
from pathlib import Path

import pytest

from sampan.api import sockets
from sampan.errors import Conflict, InvalidArgument

root = pytest.mark.skipif(os.geteuid() != 0, reason="the socket is given to root")


@root
def test_a_socket_for_its_group_alone(tmp_path: Path) -> None:
    path = tmp_path / "below" / "sock"
    listener, lock = sockets.bind(f"unix://{path}")
    assert lock is not None
    try:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o711
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    finally:
        listener.close()
        os.close(lock)


@root
def test_a_living_daemon_keeps_its_socket_and_a_dead_one_does_not(tmp_path: Path) -> None:
    host = f"unix://{tmp_path}/sock"
    listener, lock = sockets.bind(host)
    assert lock is not None
    with pytest.raises(Conflict, match="another daemon is listening"):
        sockets.bind(host)
    listener.close()
    os.close(lock)
    listener, lock = sockets.bind(host)
    listener.close()
    assert lock is not None
    os.close(lock)


@root
def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(Conflict, match="is not a socket"):
        sockets.bind(f"unix://{path}")
    assert path.read_text() == "data"


def test_tcp_on_loopback() -> None:
    listener, lock = sockets.bind("tcp://127.0.0.1:0")
    assert lock is None
    assert listener.getsockname()[0] == "127.0.0.1"
    listener.close()


@pytest.mark.parametrize(
    "host",
    [
        "tcp://0.0.0.0:2375",
        "tcp://192.168.1.1:2375",
        "tcp://:::2375",
        "tcp://x:y",
        "tcp://",
        "unix://",
        "fd://",
        "/x",
        "",
    ],
)
def test_hosts_that_are_refused(host: str) -> None:
    with pytest.raises(InvalidArgument):
        sockets.bind(host)
