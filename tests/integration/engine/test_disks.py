"""Disks of limited size, when somebody is killed. The leak audit looks for loop devices and mounts."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from harness.clients import Client
from harness.daemon import Daemon
from harness.waiting import until

pytestmark = pytest.mark.skipif(
    not Path("/dev/loop-control").exists() or shutil.which("mkfs.ext4") is None,
    reason="needs loop devices and mkfs.ext4",
)
FULL = "dd if=/dev/zero of={} bs=1M count=40 2>&1 | head -1"
SAID = "dd: error writing '{}': No space left on device\n"


def status(boat: Client, name: str) -> str:
    return boat("inspect", "-f", "{{.State.Status}}", name).out.strip()


def test_the_daemon_is_killed(own: Daemon, boat: Client) -> None:
    boat("volume", "create", "-o", "size=20m", "vol")
    boat(
        "run",
        "-d",
        "--name",
        "box",
        "--disk",
        "20m",
        "-v",
        "vol:/v",
        "busybox",
        "sh",
        "-c",
        "echo a >/a; sleep 1000",
    )
    boat(
        "run",
        "-d",
        "--name",
        "ends",
        "--disk",
        "20m",
        "-v",
        "vol:/v",
        "busybox",
        "sh",
        "-c",
        "echo e >/e; cat /v/go; sleep 1000",
    )
    pid = int(boat("inspect", "-f", "{{.State.Pid}}", "ends").out)
    own.kill()
    os.kill(pid, signal.SIGKILL)
    own.start()
    assert (status(boat, "box"), status(boat, "ends")) == ("running", "exited")
    for path in ("/big", "/v/big"):
        assert boat("exec", "box", "sh", "-c", FULL.format(path)).out == SAID.format(path)
    assert "A /a" in boat("diff", "box").out.splitlines()
    assert "A /e" in boat("diff", "ends").out.splitlines()
    assert boat("start", "ends").code == 0
    assert boat("exec", "ends", "cat", "/e").out == "e\n"
    boat("rm", "-f", "box", "ends")
    boat("volume", "rm", "vol")


def test_everything_is_killed(own: Daemon, boat: Client) -> None:
    """As at a power cut, but that the disk had its time: what was written is there."""
    boat("run", "-d", "--name", "box", "--disk", "20m", "busybox", "sh", "-c", "echo a >>/a; sleep 1000")
    until(lambda: boat("exec", "box", "cat", "/a", check=False).out == "a\n", 10, "what it writes")
    state = json.loads(boat("inspect", "box").out)[0]
    record = json.loads((own.run / "containers" / state["Id"] / "state.json").read_text())
    own.kill()
    os.kill(record["monitor_pid"], signal.SIGKILL)
    os.kill(state["State"]["Pid"], signal.SIGKILL)
    own.start()
    assert status(boat, "box") == "exited"
    boat("start", "box")
    until(lambda: boat("exec", "box", "cat", "/a").out == "a\na\n", 10, "both lines")
    boat("rm", "-f", "box")


def test_what_a_killed_daemon_had_mounted_is_taken_away(own: Daemon, boat: Client) -> None:
    """`cp` out of a stopped container mounts its disk for a moment: here, for longer."""
    boat("run", "--name", "box", "--disk", "20m", "busybox", "touch", "/here")
    own.stop()
    directory = next((own.data / "containers").iterdir())
    from sampan.engine import disks

    attached = disks.attached(str(directory))
    assert os.listdir(f"{attached.__enter__()}/diff") != []
    assert os.path.ismount(directory / "disk")
    own.start()
    assert not os.path.ismount(directory / "disk")
    with pytest.raises(OSError):
        attached.__exit__(None, None, None)
    boat("rm", "box")


def test_a_volume_that_was_being_filled(own: Daemon, boat: Client) -> None:
    boat("volume", "create", "vol")
    own.kill()
    home = own.data / "volumes/vol"
    (home / "filling").touch()
    (home / "_data/half").mkdir()
    own.start()
    assert sorted(path.name for path in home.iterdir()) == ["_data"]
    assert boat("run", "--rm", "-v", "vol:/etc", "busybox", "cat", "/etc/hostname", check=False).code == 0
    boat("volume", "rm", "vol")
