"""What the flags of `run` do to the process inside: environment, user, directory, name, first process."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.clients import Client
from harness.looking import fresh, inspect, state
from harness.waiting import until

Run = Callable[..., str]


@pytest.mark.parametrize(
    ("flags", "command", "output"),
    [
        (["-e", "A=1", "--env", "B=two words", "-e", "PATH=/bin"], "echo $A $B $PATH", "1 two words /bin"),
        (["-w", "/some/where/new"], "pwd", "/some/where/new"),
        (["--workdir", "/etc"], "pwd", "/etc"),
        (["-u", "33"], "id -u; id -g", "33\n33"),
        (["-u", "4321"], "id -u; id -g; echo $HOME", "4321\n0\n/"),
        (["--user", "www-data"], "id -u; id -g; echo $HOME", "33\n33\n/var/www"),
        (["-u", "www-data:daemon"], "id -u; id -g", "33\n1"),
        (["-u", "1234:5678"], "id -u; id -g", "1234\n5678"),
        (["--group-add", "33", "--group-add", "daemon"], "id -G | tr ' ' '\\n' | sort -n", "0\n1\n33"),
        (["--hostname", "ship"], "hostname; grep -c ship /etc/hosts; cat /etc/hostname", "ship\n1\nship"),
        (["-h", "ship", "--domainname", "sea"], "hostname; cat /proc/sys/kernel/domainname", "ship\nsea"),
        (["--pid", "host"], "test $(cat /proc/1/comm) != sh && echo host", "host"),
        (["--stop-signal", "SIGUSR1", "--stop-timeout", "3"], "echo fine", "fine"),
        (["-e", "EMPTY="], "env | grep EMPTY", "EMPTY="),
        ([], "echo $$; ls -l /proc/self/fd | wc -l; umask", "1\n5\n0022"),
        ([], "awk '/SigIgn|SigBlk/{print $2}' /proc/self/status | sort -u", "0000000000000000"),
    ],
    ids=lambda value: " ".join(value) or "none" if isinstance(value, list) else "",
)
def test_flag(cli: Client, flags: list[str], command: str, output: str) -> None:
    assert cli("run", "--rm", *flags, "busybox", "sh", "-c", command).out.rstrip("\n") == output


def test_environment_by_default(cli: Client) -> None:
    found = dict(line.split("=", 1) for line in cli("run", "--rm", "busybox", "env").out.splitlines())
    assert found["PATH"] == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert found["HOME"] == "/root"
    assert len(found["HOSTNAME"]) == 12
    assert set(found) == {"PATH", "HOME", "HOSTNAME"}


def test_env_file_and_value_of_the_host(cli: Client, tmp_path: Path) -> None:
    (tmp_path / "env").write_text("# a comment\nONE=1\nTWO=a b\n\nFROM_THERE\nNOT_SET\n")
    cli.environment |= {"FROM_HERE": "yes", "FROM_THERE": "too"}
    flags = ["--env-file", str(tmp_path / "env"), "-e", "FROM_HERE", "-e", "TWO=wins", "-e", "ABSENT"]
    lines = cli("run", "--rm", *flags, "busybox", "env").out.splitlines()
    assert {"ONE=1", "TWO=wins", "FROM_HERE=yes", "FROM_THERE=too"} <= set(lines)
    assert not [line for line in lines if line.startswith(("NOT_SET", "ABSENT", "#"))]


def test_an_env_file_that_is_missing(cli: Client) -> None:
    result = cli("run", "--rm", "--env-file", "/nowhere", "busybox", "true", check=False)
    assert result.code == 125
    assert "open /nowhere: no such file or directory" in result.err


def test_entrypoint_replaces_the_one_of_the_image_and_its_command(cli: Client) -> None:
    out = cli("run", "--rm", "--entrypoint", "echo", "nginx", "from", "the entrypoint").out
    assert out == "from the entrypoint\n"
    assert cli("run", "--rm", "--entrypoint", "/bin/pwd", "nginx").out == "/\n"


def test_name_and_label_are_kept(cli: Client, tmp_path: Path) -> None:
    (tmp_path / "labels").write_text("from=file\n# no label\n")
    name = fresh()
    labels = ["--label", "a=1", "-l", "b", "--label-file", str(tmp_path / "labels")]
    cli("run", "--name", name, *labels, "busybox", "true")
    found = inspect(cli, name)
    cli("rm", name)
    assert found["Name"] == f"/{name}"
    assert found["Config"]["Labels"] == {"a": "1", "b": "", "from": "file"}


def test_cidfile(cli: Client, tmp_path: Path) -> None:
    identity = cli("run", "-d", "--cidfile", str(tmp_path / "cid"), "busybox", "true").out.strip()
    assert (tmp_path / "cid").read_text() == identity
    again = cli("run", "-d", "--cidfile", str(tmp_path / "cid"), "busybox", "true", check=False)
    assert again.code == 125
    assert "container ID file found" in again.err
    cli("rm", "-f", identity)


def test_init_is_the_first_process_reaps_and_passes_signals_on(cli: Client, container: Run) -> None:
    script = "trap 'exit 9' TERM; (sleep 0.1 &); echo up; while :; do sleep 0.1; done"
    name = container("--init", "busybox", "sh", "-c", script)
    until(lambda: cli("logs", name).out == "up\n")
    assert "init" in cli("exec", name, "cat", "/proc/1/comm").out
    zombies = "grep -l '(zombie)' /proc/[0-9]*/status | wc -l"
    assert until(lambda: cli("exec", name, "sh", "-c", zombies).out == "0\n")
    cli("stop", name)
    assert state(cli, name)["ExitCode"] == 9


def test_without_init_an_orphan_stays_a_zombie(cli: Client, container: Run) -> None:
    """So that the test above is known to see what it looks for."""
    name = container("busybox", "sh", "-c", "(sleep 0.05 &); exec sleep 1000")
    zombies = "grep -l '(zombie)' /proc/[0-9]*/status | wc -l"
    assert until(lambda: cli("exec", name, "sh", "-c", zombies).out == "1\n")


def test_stop_signal_is_what_stop_sends(cli: Client, container: Run) -> None:
    script = "trap 'exit 4' USR1; echo up; while :; do sleep 0.05; done"
    name = container("--stop-signal", "USR1", "busybox", "sh", "-c", script)
    until(lambda: cli("logs", name).out == "up\n")
    cli("stop", name)
    assert state(cli, name)["ExitCode"] == 4


def test_the_user_sees_only_what_the_image_lets_him(cli: Client) -> None:
    refused = cli("run", "--rm", "-u", "33", "busybox", "touch", "/x", check=False)
    assert refused.code == 1
    assert "Permission denied" in refused.err


@pytest.mark.ours("docker has no such image")
def test_the_machine_itself_copy_on_write(cli: Client) -> None:
    mark = Path(f"/root/{fresh('sampan-')}")
    script = f"echo changed > {mark}; cat {mark}; ls /run | wc -l; cat /etc/os-release"
    lines = cli("run", "--rm", "host", "sh", "-c", script).out.splitlines()
    assert lines[:2] == ["changed", "0"]
    assert lines[2:] == Path("/etc/os-release").read_text().splitlines()
    assert not mark.exists()
    cli("rmi", "host")


@pytest.mark.ours("docker has no such image")
def test_a_shell_on_the_machine_itself(cli: Client) -> None:
    screen = cli.terminal("run", "--rm", "-it", "host", "bash", "--norc")
    screen.type("echo $BASH''_VERSION $(id -u) $(cat /proc/1/comm)\n")
    screen.expect(" 0 bash")
    screen.type("exit 5\n")
    assert screen.wait() == 5
    cli("rmi", "host")
