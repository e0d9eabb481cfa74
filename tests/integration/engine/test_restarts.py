"""Restart policies over the deaths of the daemon and of the machine."""

import json
import os
import shutil
import signal
import threading
from contextlib import suppress
from typing import Any

from harness.clients import Client
from harness.daemon import Daemon
from harness.waiting import until
from sampan.linux.task import start_time

FOREVER = ("busybox", "sleep", "600")


def container(boat: Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(boat("inspect", name).out)[0]
    return found


def state(boat: Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = container(boat, name)["State"]
    return found


def reboot(daemon: Daemon) -> None:
    """What a power cut leaves: the disk. No process, no run root."""
    pids = []
    for record in (daemon.run / "containers").glob("*/state.json"):
        started = json.loads(record.read_text())
        if _is(started["pid"], started["start_time"]):  # else the numbers may be somebody else's by now
            pids += [started["monitor_pid"], started["pid"]]
    daemon.kill()
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not any(_lives(pid) for pid in pids), what="the end of everything")
    shutil.rmtree(daemon.run)
    _remove_cgroups(daemon)
    daemon.start()


def _is(pid: int, start: int) -> bool:
    try:
        return start_time(pid) == start
    except (FileNotFoundError, ProcessLookupError):
        return False


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


def _remove_cgroups(daemon: Daemon) -> None:
    """Every directory that is named after a container; a killed process leaves it a moment later."""
    for identity in os.listdir(daemon.data / "containers"):
        for base, names, _ in os.walk("/sys/fs/cgroup"):
            for name in names:
                if identity in name:
                    with suppress(OSError):
                        os.rmdir(f"{base}/{name}")


def start_all(boat: Client) -> None:
    for policy in ("no", "on-failure", "unless-stopped", "always"):
        boat("run", "-d", "--restart", policy, "--name", f"runs-{policy}", *FOREVER)
        boat("run", "-d", "--restart", policy, "--name", f"stopped-{policy}", *FOREVER)
    boat(
        "stop",
        "-t",
        "0",
        *(f"stopped-{policy}" for policy in ("no", "on-failure", "unless-stopped", "always")),
    )


def test_after_a_reboot_every_policy_is_honoured(own: Daemon, boat: Client) -> None:
    start_all(boat)
    boat("run", "-d", "--rm", "--name", "fleeting", *FOREVER)
    boat("create", "--restart", "always", "--name", "made-only", *FOREVER)
    boat("run", "-d", "--restart", "on-failure:3", "--name", "done", "busybox", "true")
    until(lambda: state(boat, "done")["Status"] == "exited")
    reboot(own)
    for name in ("runs-on-failure", "runs-unless-stopped", "runs-always", "stopped-always"):
        until(lambda name=name: state(boat, name)["Status"] == "running", what=name)  # type: ignore[misc]
        assert boat("exec", name, "true").code == 0
    assert (state(boat, "runs-no")["Status"], state(boat, "runs-no")["ExitCode"]) == ("exited", 255)
    for policy in ("no", "on-failure", "unless-stopped"):
        assert state(boat, f"stopped-{policy}")["Status"] == "exited"
        assert state(boat, f"stopped-{policy}")["ExitCode"] == 137
    assert state(boat, "made-only")["Status"] == "created"
    assert state(boat, "done")["Status"] == "exited"
    until(lambda: "fleeting" not in boat("ps", "-a", "--format", "{{.Names}}").out)


def test_after_a_restart_of_the_daemon_what_runs_goes_on_and_always_is_always(
    own: Daemon, boat: Client
) -> None:
    start_all(boat)
    before = {name: state(boat, name)["Pid"] for name in ("runs-no", "runs-always")}
    own.restart()
    until(lambda: state(boat, "stopped-always")["Status"] == "running")
    assert {name: state(boat, name)["Pid"] for name in before} == before
    for policy in ("no", "on-failure", "unless-stopped"):
        assert state(boat, f"stopped-{policy}")["Status"] == "exited"


def test_what_ended_while_no_daemon_was_there_starts_again(own: Daemon, boat: Client) -> None:
    script = "test -e /again && exec sleep 600; touch /again; echo up; exec sleep 2"
    boat("run", "-d", "--restart", "unless-stopped", "--name", "live", "busybox", "sh", "-c", script)
    until(lambda: boat("logs", "live").out == "up\n")
    pid = state(boat, "live")["Pid"]
    own.kill()
    until(lambda: not _lives(pid))
    own.start()
    until(lambda: state(boat, "live")["Status"] == "running")
    assert container(boat, "live")["RestartCount"] == 1


def test_probes_go_on_after_the_daemons_death(own: Daemon, boat: Client) -> None:
    check = ("--health-cmd", "test ! -e /ill", "--health-interval", "300ms", "--health-retries", "1")
    boat("run", "-d", "--name", "watched", *check, *FOREVER)
    until(lambda: state(boat, "watched")["Health"]["Status"] == "healthy")
    own.restart()
    until(lambda: state(boat, "watched")["Health"]["Status"] == "healthy")
    boat("exec", "watched", "touch", "/ill")
    until(lambda: state(boat, "watched")["Health"]["Status"] == "unhealthy")


def test_a_probe_that_hangs_ends_without_a_daemon(own: Daemon, boat: Client) -> None:
    check = ("--health-cmd", "sleep 97", "--health-interval", "100ms", "--health-timeout", "2s")
    boat("run", "-d", "--name", "hung", *check, *FOREVER)

    def probing() -> bool:
        return "sleep 97" in boat("exec", "hung", "ps").out

    until(probing)
    pid = state(boat, "hung")["Pid"]
    own.kill()

    def running() -> list[str]:
        found = []
        for process in os.listdir("/proc"):
            with suppress(OSError):
                if process.isdigit() and os.readlink(f"/proc/{process}/ns/pid") == os.readlink(
                    f"/proc/{pid}/ns/pid"
                ):
                    with open(f"/proc/{process}/cmdline") as file:
                        found.append(file.read())
        return [line for line in found if "97" in line]

    until(lambda: running() == [], what="the end of the probe")
    own.start()


def test_rm_force_comes_in_the_middle_of_a_restart(boat: Client) -> None:
    """Whether the restart is due, on its way or just done: the container goes, and stays away."""
    for number in range(12):
        boat("run", "-d", "--restart", "always", "--name", f"r{number}", "busybox", "false")
        threading.Event().wait(0.02 * number)
        boat("rm", "-f", f"r{number}")
    assert boat("ps", "-aq").out == ""
