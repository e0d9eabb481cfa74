"""A3, CVE-2016-9962: what a container sees of a process that is on its way into it.

The container has CAP_SYS_PTRACE, which no dumpable flag holds off: it may look at every process that its
procfs shows. So the process must have nothing of the machine on it, and no more power than the container has,
before it is to be seen there.
"""

import pytest

from harness.attacks import rounds
from harness.clients import Client
from harness.looking import fresh
from harness.probes import mounted
from harness.waiting import until

_ORDINARY = ("pipe:", "socket:", "/dev/pts/0", "/dev/null")
_DEFAULT, _PTRACE = 0xA80425FB, 1 << 19


def watch(cli: Client, times: range, *flags: str) -> list[str]:
    """What was seen of processes that were no program of the container's yet, one line for each thing."""
    name = fresh()
    try:
        cli("run", "-d", "--name", name, *flags, *mounted("watch"), "busybox", "/watch", "3600")
        until(lambda: "ready" in cli("logs", name).out)
        _execute(cli, name, times)
        cli("exec", name, "touch", "/stop")
        cli("wait", name)
        lines = cli("logs", name).out.splitlines()
    finally:
        cli("rm", "-f", name)
    return _seen(lines)


def _execute(cli: Client, name: str, times: range) -> None:
    for number in times:
        cli("exec", *[[], ["-t"], ["-u", "33"]][number % 3], name, "true", check=False)


def _seen(lines: list[str]) -> list[str]:
    print("\n".join(lines))
    assert {"ready", "done"} <= set(lines)
    return [line for line in lines if line not in ("ready", "done")]


def _nothing_of_the_machine(seen: list[str], capabilities: int) -> None:
    assert [line for line in seen if line.startswith("exe ") and "python" in line], (
        "the watcher saw nothing: it proves nothing"
    )
    for line in seen:
        kind, _, value = line.partition(" ")
        if kind == "caps":
            assert int(value, 16) & ~capabilities == 0, line
        if kind == "fd":
            assert value in _ORDINARY, line
        if kind == "cwd":
            assert value == "/", line


@pytest.mark.parametrize("flags", [[], ["--ulimit", "nproc=9000"]], ids=["default", "nproc"])
def test_with_ptrace_it_sees_nothing_of_the_machine_and_no_further_power(
    sampan: Client, flags: list[str]
) -> None:
    seen = watch(sampan, rounds(15), "--cap-add", "SYS_PTRACE", *flags)
    assert "root other" not in seen
    _nothing_of_the_machine(seen, _DEFAULT | _PTRACE)


def test_from_another_container_that_shares_the_processes(sampan: Client) -> None:
    """What it may look at is not its own, and nothing in the other's configuration says so."""
    watched, watcher = fresh(), fresh()
    try:
        sampan("run", "-d", "--name", watched, "busybox", "sleep", "1000")
        flags = ["--pid", f"container:{watched}", "--cap-add", "SYS_PTRACE", *mounted("watch")]
        sampan("run", "-d", "--name", watcher, *flags, "busybox", "/watch", "3600")
        until(lambda: "ready" in sampan("logs", watcher).out)
        _execute(sampan, watched, rounds(15))
        # The watcher ends when it sees the file, and takes with it what has not ended.
        assert sampan("exec", watcher, "touch", "/stop", check=False).code in (0, 137)
        sampan("wait", watcher)
        lines = sampan("logs", watcher).out.splitlines()
    finally:
        sampan("rm", "-f", watched, watcher, check=False)
    _nothing_of_the_machine(_seen(lines), _DEFAULT | _PTRACE)  # it also sees execs of its own


def test_from_an_exec_with_more_power_than_the_container(sampan: Client) -> None:
    name = fresh()
    try:
        sampan("run", "-d", "--name", name, *mounted("watch"), "busybox", "sleep", "1000")
        sampan("exec", "-d", "--privileged", name, "sh", "-c", "/watch 3600 > /seen; touch /done")
        until(lambda: "ready" in sampan("exec", name, "cat", "/seen", check=False).out)
        _execute(sampan, name, rounds(15))
        sampan("exec", name, "touch", "/stop")
        until(lambda: sampan("exec", name, "test", "-e", "/done", check=False).code == 0)
        lines = sampan("exec", name, "cat", "/seen").out.splitlines()
    finally:
        sampan("rm", "-f", name)
    assert "root other" not in lines
    _nothing_of_the_machine(_seen(lines), _DEFAULT)


def test_a_limit_of_processes_counts_the_same_on_both_ways(sampan: Client) -> None:
    counted = []
    for number, flags in enumerate(([], ["--cap-add", "SYS_PTRACE"])):
        name = fresh()
        user = str(54321 + number)
        try:
            limit = ["--ulimit", "nproc=4", "-u", user]
            sampan("run", "-d", "--name", name, *limit, *flags, "busybox", "sleep", "1000")
            ended = [sampan("exec", "-d", name, "sleep", "1000", check=False) for _ in range(6)]
        finally:
            sampan("rm", "-f", name)
        counted.append([(done.code, done.err[-50:]) for done in ended])
    assert counted[0] == counted[1]
    assert {code for code, _ in counted[0]} == {0, 1}, counted


@pytest.mark.parametrize("flags", [[], ["--cap-add", "SYS_ADMIN"]], ids=["default", "sys_admin"])
def test_without_ptrace_it_may_not_look_at_all(sampan: Client, flags: list[str]) -> None:
    seen = watch(sampan, rounds(9), *flags)
    assert not [line for line in seen if line.startswith(("root other", "root own", "fd /", "trace 0"))], seen
