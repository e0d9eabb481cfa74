"""`pause` and `unpause`, and what every other verb does with a paused container."""

import json
import time
from collections.abc import Callable

import pytest

from harness.clients import Client
from harness.waiting import until

Run = Callable[..., str]
COUNTING = "i=0; while :; do i=$((i+1)); echo $i >/n; done"
TRAP = "trap 'exit 3' TERM; sleep 100 & wait"


def state(cli: Client, name: str) -> str:
    return str(json.loads(cli("inspect", name).out)[0]["State"]["Status"])


def test_nothing_moves_until_unpause(cli: Client, container: Run) -> None:
    name = container("busybox", "sh", "-c", COUNTING)
    until(lambda: cli("exec", name, "cat", "/n", check=False).out, 10, "the first number")
    assert cli("pause", name).out == f"{name}\n"
    found = json.loads(cli("inspect", name).out)[0]["State"]
    assert (found["Status"], found["Running"], found["Paused"]) == ("paused", True, True)
    assert cli("ps", "--filter", f"name={name}", "--format", "{{.Status}}").out.endswith(" (Paused)\n")
    assert cli("ps", "-q", "--filter", "status=paused", "--filter", f"name={name}").out.strip()
    with open(f"/proc/{found['Pid']}/stat") as file:
        before = file.read()
    time.sleep(0.2)  # nothing tells that nothing happens
    with open(f"/proc/{found['Pid']}/stat") as file:
        assert file.read() == before
    assert cli("unpause", name).out == f"{name}\n"
    assert state(cli, name) == "running"


def test_what_a_paused_one_refuses(cli: Client, container: Run) -> None:
    name = container("busybox", "sleep", "100")
    identity = cli("inspect", "-f", "{{.Id}}", name).out.strip()
    cli("pause", name)
    for words, sentence in (
        (["pause", name], f"Container {identity} is already paused"),
        (["exec", name, "true"], f"Container {name} is paused, unpause the container before exec"),
        (["start", name], "cannot start a paused container, try unpause instead"),
        (["attach", name], "annot attach to a paused container, unpause it first"),
        (["rm", name], "paused"),
    ):
        refused = cli(*words, check=False)
        assert sentence in refused.err
        assert refused.code == 1
    assert state(cli, name) == "paused"
    assert "sleep 100\n" in cli("top", name).out


def test_pause_of_what_does_not_run(cli: Client, container: Run) -> None:
    name = container("busybox", "true")
    cli("wait", name)
    identity = cli("inspect", "-f", "{{.Id}}", name).out.strip()
    refused = cli("pause", name, "absent", check=False)
    assert refused.code == 1
    assert f"Container {identity} is not running" in refused.err
    assert "No such container: absent" in refused.err
    assert f"Container {identity} is not paused" in cli("unpause", name, check=False).err


@pytest.mark.parametrize("words", [["stop", "-t", "0"], ["kill"], ["kill", "-s", "TERM"], ["rm", "-f"]])
def test_a_paused_one_can_be_ended(cli: Client, container: Run, words: list[str]) -> None:
    name = container(
        "--stop-signal", "SIGTERM", "busybox", "sh", "-c", "trap 'exit 3' TERM; sleep 100 & wait"
    )
    cli("pause", name)
    cli(*words, name)
    if words[0] != "rm":
        assert cli("wait", name).out.strip() in ("3", "137")
        assert state(cli, name) == "exited"


def test_another_signal_stays_pending(cli: Client, container: Run) -> None:
    name = container(
        "--stop-signal", "SIGTERM", "busybox", "sh", "-c", "trap 'exit 4' USR1; echo up; sleep 100 & wait"
    )
    until(lambda: "up" in cli("logs", name).out, 10, "the trap")
    cli("pause", name)
    cli("kill", "-s", "USR1", name)
    assert state(cli, name) == "paused"
    cli("unpause", name)
    assert cli("wait", name).out.strip() == "4"


def test_restart_of_a_paused_one(cli: Client, container: Run) -> None:
    name = container("busybox", "sleep", "100")
    cli("pause", name)
    cli("restart", "-t", "0", name)
    assert state(cli, name) == "running"


def test_events(cli: Client, container: Run) -> None:
    name = container("busybox", "sleep", "100")
    cli("pause", name)
    cli("unpause", name)
    now = int(time.time())
    told = cli(
        "events", "--since", str(now - 60), "--until", str(now + 1), "--filter", f"container={name}"
    ).out
    actions = [line.split()[2] for line in told.splitlines()]
    assert actions[-2:] == ["pause", "unpause"]
