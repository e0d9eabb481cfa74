"""`top`: titles and rows as the host's ps prints them, for any of its options."""

from collections.abc import Callable

import pytest

from harness.clients import Client
from harness.waiting import until

Run = Callable[..., str]


@pytest.mark.parametrize(
    ("options", "titles"),
    [
        ([], ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]),
        (["aux"], ["USER", "PID", "%CPU", "%MEM", "VSZ", "RSS", "TTY", "STAT", "START", "TIME", "COMMAND"]),
        (["-eo", "pid,comm"], ["PID", "COMMAND"]),
        (["-o", "pid,args", "--sort", "-pid"], ["PID", "COMMAND"]),
        (["-o", "pid=PID"], ["PID"]),
    ],
)
def test_options_of_ps(cli: Client, container: Run, options: list[str], titles: list[str]) -> None:
    name = container("busybox", "sh", "-c", "sleep 101 & sleep 102; true")
    until(lambda: cli("top", name).out.count("\n") == 4, 10, "both children")
    first, *rows = cli("top", name, *options).out.splitlines()
    assert first.split() == titles
    assert first.index(titles[-1]) == 20 * (len(titles) - 1)
    pid = cli("inspect", "-f", "{{.State.Pid}}", name).out.strip()
    assert pid in {row.split()[titles.index("PID")] for row in rows}
    assert len(rows) == 3
    if titles[-1] in ("CMD", "COMMAND") and options != ["-eo", "pid,comm"]:
        assert {"sleep 101", "sleep 102"} < {" ".join(row.split()[len(titles) - 1 :]) for row in rows}


def test_an_exec_is_there_too(cli: Client, container: Run) -> None:
    name = container("busybox", "sleep", "100")
    cli("exec", "-d", name, "sleep", "222")
    assert "sleep 222" in cli("top", name).out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["-eo", "comm"], "Couldn't find PID field in ps output"),
        (["-o", "comm=PID,pid"], 'specifying "comm=PID,pid" is not allowed'),
        (["-zz"], "ps: error: unsupported SysV option"),
        (["--nonsense"], "ps: error: unknown gnu long option"),
    ],
)
def test_options_that_do_not_go(cli: Client, container: Run, options: list[str], sentence: str) -> None:
    name = container("busybox", "sleep", "100")
    refused = cli("top", name, *options, check=False)
    assert (refused.code, refused.out) == (1, "")
    assert sentence in refused.err


def test_top_of_what_does_not_run(cli: Client, container: Run) -> None:
    name = container("busybox", "true")
    cli("wait", name)
    refused = cli("top", name, check=False)
    assert refused.code == 1
    assert "is not running" in refused.err
    assert "No such container: absent" in cli("top", "absent", check=False).err
