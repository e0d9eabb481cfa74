"""A new daemon finds what runs, and what has ended while none was there."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.clients import Client, clients
from harness.daemon import Daemon
from harness.waiting import until


@pytest.fixture
def own(registry: str, tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path / "d", registry)
    daemon.start()
    clients(daemon.environment())[0]("pull", "-q", "busybox")
    yield daemon
    sampan = clients(daemon.environment())[0]
    if found := sampan("ps", "-aq").out.split():
        sampan("rm", "-f", "-v", *found, check=False)
    daemon.remove()


@pytest.fixture
def sampan(own: Daemon) -> Client:
    return clients(own.environment())[0]


def _inspect(sampan: Client, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(sampan("inspect", name).out)[0]
    return found


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_running_containers_go_on(own: Daemon, sampan: Client, end: str) -> None:
    page = (
        "echo here >/index.html; httpd -p 80 -h /; i=0; while :; do echo $i; i=$((i+1)); usleep 20000; done"
    )
    sampan("run", "-d", "-p", "127.0.0.1::80", "--name", "web", "busybox", "sh", "-c", page)
    (port,) = [line.rpartition(":")[2] for line in sampan("port", "web").out.split("\n") if line]
    started = _inspect(sampan, "web")["State"]
    own.kill() if end == "kill" else own.stop()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
        assert answer.read() == b"here\n", "published ports serve without a daemon"
    own.start()
    assert _inspect(sampan, "web")["State"] == started
    assert sampan("exec", "web", "cat", "/index.html").out == "here\n"
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
        assert answer.read() == b"here\n"
    sampan("stop", "-t", "0", "web")
    lines = sampan("logs", "web").out.split()
    assert lines == [str(number) for number in range(len(lines))]


def test_what_ended_meanwhile_has_its_code_and_its_log(own: Daemon, sampan: Client) -> None:
    sampan("run", "-d", "--name", "short", "busybox", "sh", "-c", "sleep 1; echo last words; exit 33")
    own.kill()
    record = next((own.data / "containers").iterdir()) / "exit.json"
    until(record.exists)
    own.start()
    state = _inspect(sampan, "short")["State"]
    assert isinstance(state, dict)
    assert (state["Status"], state["ExitCode"]) == ("exited", 33)
    assert state["FinishedAt"] > state["StartedAt"]
    assert sampan("logs", "short").out == "last words\n"


def test_rm_is_done_for_what_ended_meanwhile(own: Daemon, sampan: Client) -> None:
    sampan("run", "-d", "--rm", "--name", "short", "busybox", "sleep", "1")
    own.kill()
    record = next((own.data / "containers").iterdir()) / "exit.json"
    until(record.exists)
    own.start()
    until(lambda: sampan("ps", "-aq").out == "")


def test_a_stop_goes_on_without_its_daemon(own: Daemon, sampan: Client) -> None:
    script = "trap 'echo deaf' TERM; echo up; while :; do sleep 0.1; done"
    sampan("run", "-d", "--name", "deaf", "busybox", "sh", "-c", script)
    until(lambda: sampan("logs", "deaf").out == "up\n")
    stopping = sampan.start("stop", "-t", "1", "deaf")
    until(lambda: "deaf" in sampan("logs", "deaf").out)
    own.kill()
    stopping.communicate()
    own.start()
    until(lambda: sampan("ps", "-q").out == "")
    state = _inspect(sampan, "deaf")["State"]
    assert isinstance(state, dict)
    assert state["ExitCode"] == 137
