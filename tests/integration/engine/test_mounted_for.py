"""What is mounted on the machine for a container goes with it, also when no daemon sees its end."""

import json
import os
import signal
from pathlib import Path

from harness.clients import Client
from harness.daemon import Daemon
from harness.waiting import until


def mounted(daemon: Daemon) -> list[str]:
    """Mount points in the daemon's roots."""
    points = [line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return sorted(point for point in points if point.startswith((f"{daemon.data}/", f"{daemon.run}/")))


def test_after_the_death_of_daemon_and_container(own: Daemon, boat: Client) -> None:
    options = 'volume-opt=type=tmpfs,volume-opt=device=tmpfs,"volume-opt=o=size=1m"'
    mount = f"type=volume,source=vol,target=/v,{options}"
    flags = ("--ipc", "shareable", "--mount", mount)
    boat("run", "-d", "--name", "stays", *flags, "busybox", "sh", "-c", "touch /v/x; exec sleep 1000")
    boat("run", "-d", "--name", "ends", "--ipc", "shareable", "-v", "vol:/v", "busybox", "sleep", "1000")
    assert len(mounted(own)) == 3
    pid = int(boat("inspect", "-f", "{{.State.Pid}}", "ends").out)
    own.kill()
    os.kill(pid, signal.SIGKILL)
    own.start()
    until(lambda: boat("inspect", "-f", "{{.State.Status}}", "ends").out == "exited\n")
    until(lambda: len(mounted(own)) == 2)
    assert boat("exec", "stays", "ls", "/v").out == "x\n"
    own.kill()
    os.kill(running(own), signal.SIGKILL)
    own.start()
    until(lambda: mounted(own) == [])
    boat("rm", "stays", "ends")
    boat("volume", "rm", "vol")


def running(daemon: Daemon) -> int:
    """Process 1 of the only container that runs, as its monitor has noted it."""
    for record in sorted((daemon.run / "containers").glob("*/state.json")):
        pid = json.loads(record.read_text())["pid"]
        if os.path.exists(f"/proc/{pid}"):
            return int(pid)
    raise AssertionError("nothing runs")
