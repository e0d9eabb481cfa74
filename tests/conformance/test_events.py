"""What is told, in which order, with which attributes; in both spellings."""

import json
import re
import time
from typing import Any

import pytest

from harness.clients import Client
from harness.waiting import until


def now() -> str:
    return f"{time.time():.6f}"


def told(cli: Client, since: str, *filters: str) -> list[dict[str, Any]]:
    wanted = [word for one in filters for word in ("--filter", one)]
    out = cli("events", "--since", since, "--until", now(), "--format", "{{json .}}", *wanted).out
    return [json.loads(line) for line in out.splitlines()]


def names(events: list[dict[str, Any]]) -> list[str]:
    return [f"{event['Type']} {event['Action']}" for event in events]


def test_the_life_of_a_container(cli: Client) -> None:
    since = now()
    script = "trap 'exit 3' TERM; while :; do sleep 0.1; done"
    cli("run", "-d", "--name", "evented", "-v", "eventedvol:/v", "busybox", "sh", "-c", script)
    cli("exec", "evented", "true")
    cli("restart", "evented")
    cli("rename", "evented", "evented2")
    cli("stop", "evented2")
    cli("rm", "evented2")
    cli("volume", "rm", "eventedvol")
    events = [event for event in told(cli, since) if event["Type"] != "image"]
    start = ["network connect", "volume mount", "container start"]
    end = ["container kill", "container die", "network disconnect", "volume unmount", "container stop"]
    assert sorted(names(events)[:2]) == ["container create", "volume create"]
    assert names(events)[2:] == [
        *start, "container exec_create: true ", "container exec_start: true ", "container exec_die",
        *end, *start, "container restart", "container rename", *end, "container destroy", "volume destroy",
    ]  # fmt: skip
    by_name = {name: event["Actor"] for name, event in zip(names(events), events, strict=True)}
    identity = by_name["container start"]["ID"]
    assert by_name["container die"]["Attributes"]["exitCode"] == "3"
    assert by_name["container kill"]["Attributes"]["signal"] == "15"
    assert by_name["container rename"]["Attributes"]["oldName"] == "/evented"
    assert by_name["container destroy"]["Attributes"]["name"] == "evented2"
    assert by_name["container exec_die"]["Attributes"]["exitCode"] == "0"
    assert by_name["network connect"]["Attributes"] == {
        "container": identity,
        "name": "bridge",
        "type": "bridge",
    }
    assert by_name["volume mount"] == {
        "ID": "eventedvol",
        "Attributes": {
            "container": identity,
            "destination": "/v",
            "driver": "local",
            "propagation": "",
            "read/write": "true",
        },
    }
    assert by_name["volume unmount"]["Attributes"] == {"container": identity, "driver": "local"}


def test_a_container_without_a_network_of_its_own(cli: Client) -> None:
    since = now()
    cli("run", "--rm", "--network", "none", "--name", "lonely", "busybox", "true")
    found = told(cli, since, "type=network")
    assert [(event["Action"], event["Actor"]["Attributes"]["type"]) for event in found] == [
        ("connect", "null"),
        ("disconnect", "null"),
    ]


def test_a_start_that_fails_is_no_death(cli: Client) -> None:
    since = now()
    cli("create", "--name", "failing", "busybox", "nosuch")
    cli("start", "failing", check=False)
    cli("rm", "failing")
    assert names(told(cli, since, "type=container")) == ["container create", "container destroy"]


def test_a_stop_that_takes_too_long_kills_twice(cli: Client) -> None:
    since = now()
    cli("run", "-d", "--name", "stubborn", "busybox", "sleep", "60")
    cli("stop", "-t", "1", "stubborn")
    cli("rm", "stubborn")
    kills = told(cli, since, "event=kill", "container=stubborn")
    assert [event["Actor"]["Attributes"]["signal"] for event in kills] == ["15", "9"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["container=filtered"], ["create", "start", "die", "destroy"]),
        (["container=filt", "event=die"], ["die"]),
        (["label=kind=test"], ["create", "start", "die", "destroy"]),
        (["label=kind=other"], []),
        (["image=busybox", "event=start"], ["start"]),
        (["type=volume"], []),
        (["event=start", "event=die", "type=container"], ["start", "die"]),
    ],
    ids=" ".join,
)
def test_filters(cli: Client, filters: list[str], expected: list[str]) -> None:
    since = now()
    cli("run", "-d", "--rm", "--name", "filtered", "--label", "kind=test", "busybox", "true")
    until(lambda: not cli("ps", "-aq", "--filter", "name=filtered").out)
    assert [event["Action"] for event in told(cli, since, *filters)] == expected


def test_an_exec_that_is_left_with_keys(sampan: Client) -> None:
    """The stock client looks for the keys itself, and just goes away: the engine does not hear of them."""
    since = now()
    sampan("run", "-d", "--name", "leftalone", "busybox", "sleep", "60")
    terminal = sampan.terminal("exec", "-it", "leftalone", "cat")
    until(lambda: "exec_start" in " ".join(names(told(sampan, since, "container=leftalone"))))
    terminal.type("there?\r")
    terminal.expect("there?\r\nthere?")  # only now does the client listen to its keys
    terminal.type("\x10\x11")
    terminal.wait()
    until(lambda: "container exec_detach" in names(told(sampan, since, "container=leftalone")))
    sampan("rm", "-f", "leftalone")


def test_the_line_that_is_shown(cli: Client) -> None:
    since = now()
    cli("volume", "create", "shownvol")
    cli("volume", "rm", "shownvol")
    line = cli("events", "--since", since, "--until", now()).out.splitlines()[0]
    assert re.fullmatch(r"\S+T\S+ volume create shownvol \(driver=local\)", line)
