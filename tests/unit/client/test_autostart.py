"""Starting the daemon."""

import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from sampan.client import autostart
from sampan.errors import Unavailable

SERVER = """
import os, socket, sys
with open(sys.argv[2], "a") as file: file.write("started\\n")
listener = socket.socket(socket.AF_UNIX); listener.bind(sys.argv[1]); listener.listen()
while True:
    connection, _ = listener.accept()
    if connection.recv(1): break
"""


@pytest.fixture(autouse=True)
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autostart.posix, "geteuid", lambda: 0)


def command(path: Path) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", SERVER, str(path), str(path.parent / "starts")]


def end(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.send(b"x")


def test_several_at_once_start_one(tmp_path: Path) -> None:
    path = tmp_path / "run" / "s"
    threads = [threading.Thread(target=autostart.ensure, args=(str(path), command(path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (path.parent / "starts").read_text() == "started\n"
    end(path)


def test_a_daemon_that_dies_is_told_with_its_last_words(tmp_path: Path) -> None:
    path = tmp_path / "s"
    dies = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        "import sys; print('first', flush=True); sys.exit('the last words')",
    ]
    with pytest.raises(Unavailable, match=r"the daemon did not start: the last words \(see .*daemon.log\)"):
        autostart.ensure(str(path), dies)
    with pytest.raises(Unavailable):
        autostart.ensure(str(path), dies)
    assert (tmp_path / "daemon.log.1").exists()


def test_the_daemon_is_detached(tmp_path: Path) -> None:
    path = tmp_path / "s"
    kept, leaked = os.pipe()
    os.set_inheritable(leaked, True)
    shows = (
        "import os; print(os.getsid(0) == os.getpid(), os.readlink('/proc/self/fd/0'), flush=True);" + SERVER
    )
    autostart.ensure(str(path), [sys.executable, "-I", "-c", shows, str(path), str(tmp_path / "starts")])
    assert (tmp_path / "daemon.log").read_text() == "True /dev/null\n"
    os.close(leaked)
    assert os.read(kept, 1) == b""  # the daemon does not hold the other end
    end(path)


def test_others_than_root_start_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autostart.posix, "geteuid", lambda: 1000)
    with pytest.raises(Unavailable, match="Is the docker daemon running"):
        autostart.ensure(str(tmp_path / "run" / "s"), ["/nonexistent"])
    assert not os.path.exists(tmp_path / "run")
