"""A new daemon finds what runs, and what has ended while none was there."""

import contextlib
import json
import os
import signal
import sqlite3
from datetime import datetime
from pathlib import Path

import pytest

from harness.clients import Client
from harness.daemon import Daemon
from harness.looking import inspect, page
from harness.waiting import until

COUNT = "i=0; while :; do echo $i; i=$((i+1)); usleep 20000; done"


def end(daemon: Daemon, how: str) -> None:
    daemon.kill() if how == "kill" else daemon.stop()


def ended(daemon: Daemon) -> Path:
    """Once the only container has ended: what its monitor wrote about it."""
    record = next((daemon.data / "containers").iterdir()) / "exit.json"
    until(record.exists, what="the end of the container")
    return record


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_running_containers_go_on(own: Daemon, boat: Client, how: str) -> None:
    script = f"echo here >/index.html; httpd -p 80 -h /; {COUNT}"
    boat("run", "-d", "-p", "127.0.0.1::80", "--name", "web", "busybox", "sh", "-c", script)
    port = int(boat("port", "web", "80").out.rpartition(":")[2])
    until(lambda: page(port) == "here\n")
    before = inspect(boat, "web")
    end(own, how)
    assert page(port) == "here\n", "published ports serve without a daemon"
    own.start()
    after = inspect(boat, "web")
    assert after["State"] == before["State"]
    assert after["NetworkSettings"] == before["NetworkSettings"]
    assert boat("exec", "web", "cat", "/index.html").out == "here\n"
    assert page(port) == "here\n"
    boat("stop", "-t", "0", "web")
    lines = boat("logs", "web").out.split()
    assert lines == [str(number) for number in range(len(lines))]
    assert inspect(boat, "web")["State"]["ExitCode"] == 137


def test_the_logs_of_an_adopted_container_are_followed_to_their_end(own: Daemon, boat: Client) -> None:
    script = "trap 'echo last; exit 4' TERM; echo up; while :; do sleep 0.05; done"
    boat("run", "-d", "--name", "talker", "busybox", "sh", "-c", script)
    until(lambda: boat("logs", "talker").out == "up\n")
    own.restart()
    following = boat.start("logs", "-f", "talker")
    assert following.stdout is not None
    assert following.stdout.readline() == b"up\n"
    boat("stop", "talker")
    assert following.communicate(timeout=10)[0] == b"last\n"
    assert following.returncode == 0
    assert inspect(boat, "talker")["State"]["ExitCode"] == 4


def test_who_waits_for_an_adopted_container_hears_its_code(own: Daemon, boat: Client) -> None:
    script = "trap 'exit 6' TERM; echo up; while :; do sleep 0.05; done"
    boat("run", "-d", "--name", "waited", "busybox", "sh", "-c", script)
    until(lambda: boat("logs", "waited").out == "up\n")
    own.restart()
    waiting = boat.start("wait", "waited")
    boat("kill", "-s", "TERM", "waited")
    assert waiting.communicate(timeout=10)[0] == b"6\n"


def test_a_terminal_of_an_adopted_container_is_attached_again(own: Daemon, boat: Client) -> None:
    boat("run", "-dit", "--name", "shell", "busybox", "sh")
    own.restart()
    screen = boat.terminal("attach", "shell", size=(31, 91))
    screen.type("until [ \"$(stty size)\" = '31 91' ]; do :; done; echo si''zed\n")
    screen.expect("sized")
    screen.type("exit 9\n")
    assert screen.wait() == 9


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_what_ended_meanwhile_has_its_code_its_time_and_its_log(own: Daemon, boat: Client, how: str) -> None:
    boat("run", "-d", "--name", "short", "busybox", "sh", "-c", "sleep 0.7; echo last words; exit 33")
    end(own, how)
    written = ended(own).stat().st_mtime
    own.start()
    state = inspect(boat, "short")["State"]
    assert (state["Status"], state["ExitCode"], state["Running"]) == ("exited", 33, False)
    finished = datetime.fromisoformat(state["FinishedAt"]).timestamp()
    assert abs(finished - written) < 0.5, "when it ended, not when that was noticed"
    assert boat("logs", "short").out == "last words\n"
    assert boat("ps", "-a", "--format", "{{.Status}}").out.startswith("Exited (33) ")


def test_rm_is_done_for_what_ended_meanwhile(own: Daemon, boat: Client) -> None:
    boat("run", "-d", "--rm", "-v", "/anonymous", "--name", "short", "busybox", "sleep", "0.7")
    own.kill()
    ended(own)
    own.start()
    until(lambda: boat("ps", "-aq").out == "")
    assert boat("volume", "ls", "-q").out == ""


def test_what_shall_always_run_does_so_again(own: Daemon, boat: Client) -> None:
    script = "echo up; sleep 0.7; exit 1"
    boat("run", "-d", "--restart", "always", "--name", "ever", "busybox", "sh", "-c", script)
    own.kill()
    ended(own)
    own.start()
    until(lambda: boat("logs", "ever").out.count("up") >= 2)
    assert inspect(boat, "ever")["RestartCount"] >= 1


def test_a_stop_goes_on_without_its_daemon(own: Daemon, boat: Client) -> None:
    script = "trap 'echo deaf' TERM; echo up; while :; do sleep 0.1; done"
    boat("run", "-d", "--name", "deaf", "busybox", "sh", "-c", script)
    until(lambda: boat("logs", "deaf").out == "up\n")
    stopping = boat.start("stop", "-t", "1", "deaf")
    until(lambda: "deaf" in boat("logs", "deaf").out)
    own.kill()
    stopping.communicate()
    ended(own)
    own.start()
    assert inspect(boat, "deaf")["State"]["ExitCode"] == 137


def test_a_second_daemon_on_the_same_roots_goes_away_with_a_message(own: Daemon, boat: Client) -> None:
    boat("run", "-d", "--name", "held", "busybox", "sleep", "1000")
    second = own.rival()
    assert second.returncode == 1
    assert b"another daemon is running on" in second.stderr
    assert boat("exec", "held", "echo", "untouched").out == "untouched\n"


def test_paused_stays_paused(own: Daemon, boat: Client) -> None:
    """Also what was frozen when the daemon was killed before it could write that down."""
    boat("run", "-d", "--name", "cold", "busybox", "sleep", "100")
    boat("pause", "cold")
    own.restart()
    assert boat("inspect", "-f", "{{.State.Status}}", "cold").out == "paused\n"
    boat("unpause", "cold")
    own.restart()
    assert boat("inspect", "-f", "{{.State.Status}}", "cold").out == "running\n"
    boat("pause", "cold")
    boat("stop", "-t", "0", "cold")
    assert boat("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "cold").out == "exited 137\n"


def test_a_paused_one_whose_monitor_dies(own: Daemon, boat: Client) -> None:
    identity = boat("run", "-d", "--name", "cold", "busybox", "sleep", "100").out.strip()
    boat("pause", "cold")
    state = json.loads((own.run / "containers" / identity / "state.json").read_text())
    os.kill(state["monitor_pid"], signal.SIGKILL)
    assert boat("wait", "cold").out == "137\n"
    assert not os.path.exists(f"/proc/{state['pid']}")


def test_volumes_that_were_made_for_nobody_go(own: Daemon, boat: Client) -> None:
    """A daemon was killed before the container of an anonymous volume was there. What `rm` leaves stays."""
    boat("run", "-v", "/data", "--name", "gone", "busybox", "true")
    boat("rm", "gone")
    (kept,) = boat("volume", "ls", "-q").out.split()
    own.kill()
    stray = "f" * 64
    (own.data / "volumes" / stray / "_data").mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(own.data / "sampan.db")) as database, database:
        ((body,),) = database.execute("SELECT body FROM volumes")
        told = {**json.loads(body), "name": stray, "unclaimed": True}
        database.execute("INSERT INTO volumes (name, body) VALUES (?, ?)", (stray, json.dumps(told).encode()))
    own.start()
    assert boat("volume", "ls", "-q").out.split() == [kept]
    until(lambda: not (own.data / "volumes" / stray).exists())
    boat("volume", "rm", kept)
