"""A3, CVE-2016-9962: what a container sees of a process that is on its way into it.

The container has CAP_SYS_PTRACE, which no dumpable flag holds off: it may look at every process that its
procfs shows. So the process must have nothing of the machine on it, and no more power than the container has,
before it is to be seen there.
"""

from collections import Counter

import pytest

from harness.attacks import rounds
from harness.clients import Client
from harness.looking import fresh
from harness.probes import mounted
from harness.waiting import until

_ORDINARY = ("pipe:", "socket:", "/dev/pts/0", "/dev/null")
_CONTAINERS = 0xA80425FB | 1 << 19


def watch(cli: Client, times: range, *flags: str) -> list[str]:
    """What was seen of processes that were no program of the container's yet, one line for each thing."""
    name = fresh()
    try:
        cli("run", "-d", "--name", name, *flags, *mounted("watch"), "busybox", "/watch", "3600")
        until(lambda: "ready" in cli("logs", name).out)
        for number in times:
            cli("exec", *[[], ["-t"], ["-u", "33"]][number % 3], name, "true", check=False)
        cli("exec", name, "touch", "/stop")
        cli("wait", name)
        lines = cli("logs", name).out.splitlines()
    finally:
        cli("rm", "-f", name)
    assert {"ready", "done"} <= set(lines)
    return [line for line in lines if line not in ("ready", "done")]


def test_with_ptrace_it_sees_nothing_of_the_machine_and_no_further_power(sampan: Client) -> None:
    seen = watch(sampan, rounds(30), "--cap-add", "SYS_PTRACE")
    print("\n".join(seen))
    kinds = Counter(line.split()[0] for line in seen)
    assert kinds["exe"], "the watcher saw nothing: it proves nothing"
    assert "root other" not in seen
    for line in seen:
        kind, _, value = line.partition(" ")
        if kind == "caps":
            assert int(value, 16) & ~_CONTAINERS == 0, line
        if kind == "fd":
            assert value in _ORDINARY, line
        if kind == "cwd":
            assert value == "/", line


@pytest.mark.parametrize("flags", [[], ["--cap-add", "SYS_ADMIN"]], ids=["default", "sys_admin"])
def test_without_ptrace_it_may_not_look_at_all(sampan: Client, flags: list[str]) -> None:
    seen = watch(sampan, rounds(20), *flags)
    assert not [line for line in seen if line.startswith(("root other", "root own", "fd /", "trace 0"))], seen
