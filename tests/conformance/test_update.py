"""`update`: live, checked in Docker's words, and never half."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from harness.clients import Client

Run = Callable[..., str]
PURE = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
# file of v1 → file of v2
FILES = {
    "memory/memory.limit_in_bytes": "memory.max",
    "pids/pids.max": "pids.max",
    "cpu/cpu.shares": "cpu.weight",
    "cpu/cpu.cfs_quota_us": "cpu.max",
    "cpuset/cpuset.cpus": "cpuset.cpus",
}


def limit(cli: Client, name: str, file: str) -> str:
    return cli("exec", name, "cat", f"/sys/fs/cgroup/{FILES[file] if PURE else file}").out.strip()


def host(cli: Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cli("inspect", name).out)[0]["HostConfig"]
    return found


@pytest.mark.parametrize(
    ("words", "file", "values"),
    [
        (["-m", "200m", "--memory-swap", "-1"], "memory/memory.limit_in_bytes", ("209715200", "209715200")),
        (["--pids-limit", "33"], "pids/pids.max", ("33", "33")),
        (["--pids-limit", "-1"], "pids/pids.max", ("max", "max")),
        (["--cpu-shares", "512"], "cpu/cpu.shares", ("512", "20")),
        (["--cpus", "0.5"], "cpu/cpu.cfs_quota_us", ("50000", "50000 100000")),
        (["--cpuset-cpus", "0"], "cpuset/cpuset.cpus", ("0", "0")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_it_holds_at_once(
    cli: Client, container: Run, words: list[str], file: str, values: tuple[str, str]
) -> None:
    name = container("--pids-limit", "44", "busybox", "sleep", "100")
    assert cli("update", *words, name).out == f"{name}\n"
    assert limit(cli, name, file) == values[PURE]


def test_it_holds_at_the_next_start(cli: Client, container: Run) -> None:
    name = container("busybox", "sleep", "100")
    cli("stop", "-t", "0", name)
    cli("update", "-m", "64m", "--memory-swap", "128m", "--restart", "on-failure:3", name)
    cli("start", name)
    assert limit(cli, name, "memory/memory.limit_in_bytes") == str(64 << 20)
    found = host(cli, name)
    assert (found["Memory"], found["MemorySwap"]) == (64 << 20, 128 << 20)
    assert found["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "you must provide one or more flags when using this command"),
        (["-m", "1m"], "Minimum memory limit allowed is 6MB"),
        (
            ["-m", "300m"],
            "Memory limit should be smaller than already set memoryswap limit, update",
        ),
        (
            ["-m", "50m", "--memory-swap", "40m"],
            "Minimum memoryswap limit should be larger than memory",
        ),
        (["--cpus", "5000"], "ange of CPUs is from 0.01 to "),
        (["--cpu-quota", "5000"], "CPU Quota cannot be updated as NanoCPUs has already been set"),
        (["--cpu-period", "5000"], "CPU Period cannot be updated as NanoCPUs has already been set"),
        (["--cpuset-cpus", "4096"], "Requested CPUs are not available - requested 4096, available: 0"),
        (["--cpuset-cpus", "x"], "Invalid value x for cpuset cpus"),
        (["--blkio-weight", "5"], "Range of blkio weight is from 10 to 1000"),
        (["--restart", "foo"], "invalid restart policy"),
        (["--restart", "always:3"], "maximum retry count can"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_refused_changes_nothing(
    cli: Client, container: Run, words: list[str], sentence: str
) -> None:
    name = container("-m", "100m", "--cpus", "1", "busybox", "sleep", "100")
    before = host(cli, name)
    refused = cli("update", *words, name, check=False)
    assert (refused.code, refused.out) == (1, "")
    assert sentence in refused.err
    assert host(cli, name) == before


def test_no_restart_policy_for_what_is_removed_anyway(cli: Client, container: Run) -> None:
    name = container("--rm", "busybox", "sleep", "100")
    sentence = "Restart policy cannot be updated because AutoRemove is enabled for the container"
    assert sentence in cli("update", "--restart", "always", name, check=False).err


def test_several_and_one_that_is_absent(cli: Client, container: Run) -> None:
    names = [container("busybox", "sleep", "100") for _ in range(2)]
    done = cli("update", "--cpu-shares", "333", names[0], "absent", names[1], check=False)
    assert (done.code, done.out) == (1, "".join(f"{name}\n" for name in names))
    assert "No such container: absent" in done.err
    assert [host(cli, name)["CpuShares"] for name in names] == [333, 333]


def test_a_paused_one(cli: Client, container: Run) -> None:
    name = container("busybox", "sleep", "100")
    cli("pause", name)
    cli("update", "--pids-limit", "55", name)
    cli("unpause", name)
    assert limit(cli, name, "pids/pids.max") == "55"
