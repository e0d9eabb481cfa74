"""Health checks, in both spellings."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from harness.clients import Client
from harness.waiting import until

Run = Callable[..., str]
FAST = ("--health-interval", "200ms")


def health(cli: Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cli("inspect", name).out)[0]["State"]["Health"]
    return found


def becomes(cli: Client, name: str, status: str) -> dict[str, Any]:
    until(lambda: health(cli, name)["Status"] == status, what=status)
    return health(cli, name)


def test_a_container_becomes_healthy_unhealthy_and_healthy_again(cli: Client, container: Run) -> None:
    name = container(
        "--health-cmd", "echo said; ls /ok", *FAST, "--health-retries", "2", "busybox", "sleep", "60"
    )
    assert health(cli, name)["Status"] == "starting"
    shown = ("ps", "--filter", f"name={name}", "--format", "{{.Status}}")
    assert cli(*shown).out.strip().endswith("(health: starting)")
    found = becomes(cli, name, "unhealthy")
    assert found["FailingStreak"] >= 2
    assert found["Log"][0]["ExitCode"] == 1
    assert found["Log"][0]["Output"] == "said\nls: /ok: No such file or directory\n"
    assert cli(*shown).out.strip().endswith("(unhealthy)")
    cli("exec", name, "touch", "/ok")
    assert becomes(cli, name, "healthy")["FailingStreak"] == 0
    assert cli(*shown).out.strip().endswith("(healthy)")
    for status, there in (("healthy", True), ("unhealthy", False), ("none", False)):
        rows = cli("ps", "-q", "--no-trunc", "--filter", f"health={status}", "--filter", f"name={name}").out
        assert bool(rows) is there
    until(lambda: len(health(cli, name)["Log"]) == 5)


def test_events_tell_of_it(cli: Client, container: Run) -> None:
    since = f"{time.time():.6f}"
    name = container("--health-cmd", "true", *FAST, "busybox", "sleep", "60")
    becomes(cli, name, "healthy")
    form = ("--format", "{{.Action}}", "--since", since, "--until", f"{time.time():.6f}")
    actions = cli("events", "--filter", f"container={name}", *form).out.splitlines()
    assert "health_status: healthy" in actions
    at = actions.index("exec_create: /bin/sh -c true")
    assert actions[at + 1] == "exec_start: /bin/sh -c true"
    assert "exec_die" in actions[at:]
    only = cli("events", "--filter", f"container={name}", "--filter", "event=health_status", *form).out
    assert only.splitlines() == ["health_status: healthy"]


def test_a_probe_that_takes_too_long_is_killed_with_what_it_started(cli: Client, container: Run) -> None:
    probe = "echo so far; sleep 98 & sleep 99"
    check = ("--health-cmd", probe, *FAST, "--health-timeout", "400ms", "--health-retries", "1")
    name = container("--init", *check, "busybox", "sleep", "60")
    found = becomes(cli, name, "unhealthy")
    assert found["Log"][0]["ExitCode"] == -1
    assert found["Log"][0]["Output"] == "Health check exceeded timeout (400ms): so far\n"


def test_long_output_is_cut(cli: Client, container: Run) -> None:
    probe = "dd if=/dev/zero bs=10000 count=20 2>/dev/null | tr '\\0' x"
    name = container("--health-cmd", probe, *FAST, "busybox", "sleep", "60")
    assert becomes(cli, name, "healthy")["Log"][0]["Output"] == "x" * 4093 + "..."


def test_a_program_that_does_not_exist(cli: Client, container: Run) -> None:
    name = container("--health-cmd", "nosuch", *FAST, "--health-retries", "1", "busybox", "sleep", "60")
    found = becomes(cli, name, "unhealthy")
    assert found["Log"][0]["ExitCode"] == 127
    assert "nosuch: not found" in found["Log"][0]["Output"]


def test_a_container_that_ended_is_unhealthy_and_a_new_start_asks_anew(cli: Client, container: Run) -> None:
    name = container("--health-cmd", "true", *FAST, "busybox", "sleep", "60")
    becomes(cli, name, "healthy")
    cli("stop", "-t", "0", name)
    assert health(cli, name)["Status"] == "unhealthy"
    cli("start", name)
    becomes(cli, name, "healthy")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--health-cmd", "x", "--no-healthcheck"), "--no-healthcheck conflicts with --health-* options"),
        (("--health-interval", "-1s"), "--health-interval cannot be negative"),
        (("--health-retries", "-1"), "--health-retries cannot be negative"),
        (("--health-interval", "10us"), "Interval in Healthcheck cannot be less than 1ms"),
        (("--health-timeout", "10us"), "Timeout in Healthcheck cannot be less than 1ms"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_checks_that_cannot_be(cli: Client, arguments: tuple[str, ...], sentence: str) -> None:
    result = cli("run", "--rm", *arguments, "busybox", "true", check=False)
    assert sentence in result.err
    assert result.code == 125


def test_no_check_no_health(cli: Client, container: Run) -> None:
    name = container("--no-healthcheck", "busybox", "sleep", "60")
    assert "Health" not in json.loads(cli("inspect", name).out)[0]["State"]
    assert json.loads(cli("inspect", name).out)[0]["Config"]["Healthcheck"]["Test"] == ["NONE"]


@pytest.mark.ours("an addition to Docker")
@pytest.mark.parametrize("action", ["restart", "kill", "stop"])
def test_what_is_done_to_an_unhealthy_container(cli: Client, container: Run, action: str) -> None:
    check = ("--health-cmd", "false", *FAST, "--health-retries", "1", "--stop-timeout", "0")
    name = container("--label", f"sampan.health-on-failure={action}", *check, "busybox", "sleep", "60")
    first = json.loads(cli("inspect", name).out)[0]["State"]["StartedAt"]

    def state() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(cli("inspect", name).out)[0]["State"]
        return found

    if action == "restart":
        until(lambda: state()["Running"] and state()["StartedAt"] != first)
    else:
        until(lambda: state()["Status"] == "exited")
        assert state()["ExitCode"] == 137
