"""`stats`: what containers use, as a table, as JSON, once and live."""

import json
from collections.abc import Callable

import pytest

from harness.clients import Client
from harness.daemon import Daemon

Run = Callable[..., str]
HEADER = "CONTAINER ID NAME CPU % MEM USAGE / LIMIT MEM % NET I/O BLOCK I/O PIDS"


def test_the_table(cli: Client, container: Run) -> None:
    busy = container("-m", "64m", "busybox", "sh", "-c", "while :; do :; done")
    idle = container("--network", "none", "busybox", "sleep", "100")
    head, *rows = cli("stats", "--no-stream", busy, idle).out.splitlines()
    assert " ".join(head.split()) == HEADER
    assert [row.split()[1] for row in rows] == [busy, idle]
    assert float(rows[0].split()[2].removesuffix("%")) > 0
    assert " / 64MiB " in rows[0]
    assert rows[1].split()[2] == "0.00%"
    assert " 0B / 0B " in rows[1]
    assert rows[1].split()[-1] == "1"


def test_without_names_and_with_all(cli: Client, container: Run) -> None:
    runs, ended = container("busybox", "sleep", "100"), container("busybox", "true")
    cli("wait", ended)
    form = "{{.Name}} {{.PIDs}} {{.MemUsage}}"
    assert f"{ended} " not in cli("stats", "--no-stream", "--format", form).out
    lines = cli("stats", "--no-stream", "-a", "--format", form).out.splitlines()
    assert f"{ended} 0 0B / 0B" in lines
    assert any(line.startswith(f"{runs} 1 ") for line in lines)


def test_json_and_whole_ids(cli: Client, container: Run) -> None:
    name = container("busybox", "sleep", "100")
    identity = cli("inspect", "-f", "{{.Id}}", name).out.strip()
    row = json.loads(cli("stats", "--no-stream", "--no-trunc", "--format", "json", name).out)
    assert sorted(row) == [
        "BlockIO", "CPUPerc", "Container", "ID", "MemPerc", "MemUsage", "Name", "NetIO", "PIDs",
    ]  # fmt: skip
    assert (row["ID"], row["Name"], row["Container"], row["PIDs"]) == (identity, name, name, "1")


def test_one_that_is_absent(cli: Client) -> None:
    refused = cli("stats", "--no-stream", "absent", check=False)
    assert (refused.code, refused.out) == (1, "")
    assert "No such container: absent" in refused.err


def test_live(cli: Client, container: Run) -> None:
    """A picture every half second, over the last one; a container that comes appears in it."""
    first = container("busybox", "sleep", "100")
    screen = cli.terminal("stats", size=(24, 160))
    try:
        screen.expect(first, 20)
        second = container("busybox", "sleep", "100")
        screen.expect(second, 20)
    finally:
        screen.type("\x03")
        screen.wait(20)


def test_the_daemons_answer(daemon: Daemon, sampan: Client) -> None:
    """Every key of the Engine API, and the sample before in the second."""
    sampan("run", "-d", "--name", "seen", "-m", "64m", "--pids-limit", "9", "busybox", "sleep", "100")
    try:
        found = daemon.get("/v1.51/containers/seen/stats?stream=false")
    finally:
        sampan("rm", "-f", "seen")
    assert found["preread"] < found["read"]
    assert found["cpu_stats"]["system_cpu_usage"] > found["precpu_stats"]["system_cpu_usage"] > 0
    assert found["memory_stats"]["limit"] == 64 << 20
    assert found["pids_stats"] == {"current": 1, "limit": 9}
    assert set(found["networks"]) == {"eth0"}
    assert {"name", "id", "blkio_stats", "num_procs", "storage_stats"} < set(found)


@pytest.mark.parametrize("query", ["stream=false&one-shot=true", "stream=false"])
def test_what_does_not_run_answers_at_once(daemon: Daemon, sampan: Client, query: str) -> None:
    sampan("create", "--name", "still", "busybox", "true")
    try:
        found = daemon.get(f"/containers/still/stats?{query}")
    finally:
        sampan("rm", "still")
    assert (found["name"], found["read"], found["memory_stats"]) == ("/still", "0001-01-01T00:00:00Z", {})
