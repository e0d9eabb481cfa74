"""What the flags of `run` take away: memory, processors, processes, privileges; and when it starts again."""

import os
from collections.abc import Callable

import pytest

from harness.clients import Client
from harness.looking import fresh, inspect, state
from harness.waiting import until

Run = Callable[..., str]
CAPABILITIES = "grep CapEff /proc/self/status | cut -f2"
DEVICES = "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero "  # console: with -t
SECCOMP = "grep Seccomp: /proc/self/status | cut -f2"


def cgroup(unified: str, legacy: str) -> str:
    """The value on whatever kind of cgroup."""
    return f"cat /sys/fs/cgroup/{unified} 2>/dev/null || cat /sys/fs/cgroup/{legacy}"


@pytest.mark.parametrize(
    ("flags", "command", "output"),
    [
        ([], CAPABILITIES, "00000000a80425fb"),
        (["--cap-drop", "ALL"], CAPABILITIES, "0000000000000000"),
        (["--cap-drop", "all", "--cap-add", "chown"], CAPABILITIES, "0000000000000001"),
        (["--cap-add", "SYS_TIME"], CAPABILITIES, "00000000aa0425fb"),
        (["--cap-add", "CAP_SYS_TIME", "--cap-drop", "cap_mknod"], CAPABILITIES, "00000000a20425fb"),
        (["-u", "33"], CAPABILITIES, "0000000000000000"),
        (["--cap-drop", "CHOWN"], "chown 1 /tmp 2>/dev/null || echo refused", "refused"),
        ([], "mkdir /m; mount -t tmpfs x /m 2>/dev/null || echo refused", "refused"),
        ([], SECCOMP, "2"),
        (["--security-opt", "seccomp=unconfined"], SECCOMP, "0"),
        (["--security-opt", "no-new-privileges"], "grep NoNewPrivs /proc/self/status | cut -f2", "1"),
        ([], "ls /dev | grep -v core | tr '\\n' ' '", DEVICES),
        (
            [],
            "touch /proc/sys/kernel/hostname 2>/dev/null || echo refused; ls /sys/firmware | wc -l",
            "refused\n0",
        ),
        (["--ulimit", "nofile=100:200"], "ulimit -n; ulimit -Hn", "100\n200"),
        (["--sysctl", "net.ipv4.ip_forward=1"], "cat /proc/sys/net/ipv4/ip_forward", "1"),
        (["-m", "64m"], cgroup("memory.max", "memory/memory.limit_in_bytes"), "67108864"),
        (["--cpus", "0.5"], cgroup("cpu.max", "cpu/cpu.cfs_quota_us"), "50000"),
        (["--pids-limit", "77"], cgroup("pids.max", "pids/pids.max"), "77"),
    ],
    ids=lambda value: " ".join(value) or "none" if isinstance(value, list) else "",
)
def test_flag(cli: Client, flags: list[str], command: str, output: str) -> None:
    assert cli("run", "--rm", *flags, "busybox", "sh", "-c", command).out.startswith(output)


@pytest.mark.ours("20.10 needs CAP_SYS_RESOURCE for it, which not every machine of the tests gives")
def test_privileged_takes_nothing_away(cli: Client) -> None:
    script = f"{SECCOMP}; touch /proc/sys/kernel/hostname && mkdir /m && mount -t tmpfs x /m && ls /dev"
    lines = cli("run", "--rm", "--privileged", "busybox", "sh", "-c", script).out.splitlines()
    assert lines[0] == "0"
    assert "kmsg" in lines
    assert "kmsg" not in cli("run", "--rm", "busybox", "ls", "/dev").out.split()


def test_memory_limit_kills_the_first_process(cli: Client) -> None:
    name = fresh()
    result = cli("run", "--name", name, "-m", "16m", "busybox", "tail", "/dev/zero", check=False)
    found = state(cli, name)
    cli("rm", name)
    assert result.code == 137
    assert (found["ExitCode"], found["OOMKilled"]) == (137, True)


def test_a_container_within_its_memory_is_not_called_killed(cli: Client) -> None:
    name = fresh()
    cli("run", "--name", name, "-m", "16m", "busybox", "sh", "-c", "kill -9 $$; exit 1", check=False)
    found = state(cli, name)
    cli("rm", name)
    assert found["OOMKilled"] is False


def test_the_daemon_goes_on_while_memory_runs_out_inside(cli: Client, container: Run) -> None:
    script = "while :; do tail /dev/zero; echo killed $?; done"
    name = container("-m", "16m", "busybox", "sh", "-c", script)
    assert until(lambda: cli("logs", name).out.count("killed 137") >= 2)
    assert state(cli, name)["Running"] is True


def test_pids_limit_bites(cli: Client) -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 5 & done; echo all"
    result = cli("run", "--rm", "--pids-limit", "5", "busybox", "sh", "-c", script, check=False)
    assert "can't fork" in result.err
    assert "all" not in result.out


def test_cpu_limit_bites(cli: Client) -> None:
    """A tenth of a processor: the busy loop of the shell gets about that, and would get ten times as much."""
    script = "timeout 1 sh -c 'while :; do :; done'; awk '{print $16+$17}' /proc/1/stat"
    bounded = cli("run", "--rm", "--cpus", "0.1", "busybox", "sh", "-c", script).out
    assert 0 < int(bounded.split()[-1]) < 0.4 * os.sysconf("SC_CLK_TCK")


def test_too_many_cpus(cli: Client) -> None:
    result = cli("run", "--rm", "--cpus", "1000", "busybox", "true", check=False)
    assert result.code == 125
    assert "range of cpus is from 0.01 to" in result.err.lower()


def test_inspect_shows_the_limits(cli: Client, container: Run) -> None:
    name = container("-m", "64m", "--cpus", "0.5", "--pids-limit", "77", "busybox", "sleep", "1000")
    shown = inspect(cli, name)["HostConfig"]
    assert (shown["Memory"], shown["MemorySwap"]) == (64 << 20, 128 << 20)
    assert (shown["NanoCpus"], shown["PidsLimit"]) == (500_000_000, 77)


def over(cli: Client, name: str) -> bool:
    return str(state(cli, name)["Status"]) == "exited"


def test_restart_on_failure_gives_up_after_its_count(cli: Client, container: Run) -> None:
    name = container("--restart", "on-failure:2", "busybox", "sh", "-c", "echo up; exit 3")
    until(lambda: over(cli, name) and inspect(cli, name)["RestartCount"] == 2)
    assert cli("logs", name).out == "up\n" * 3
    assert state(cli, name)["ExitCode"] == 3


def test_restart_on_failure_lets_success_be(cli: Client, container: Run) -> None:
    name = container("--restart", "on-failure", "busybox", "true")
    assert cli("wait", name).out == "0\n"
    until(lambda: over(cli, name))
    assert inspect(cli, name)["RestartCount"] == 0


@pytest.mark.parametrize("policy", ["always", "unless-stopped"])
def test_restart_goes_on_until_stopped(cli: Client, container: Run, policy: str) -> None:
    name = container("--restart", policy, "busybox", "sh", "-c", "echo up; sleep 0.2; exit 0")
    until(lambda: cli("logs", name).out.count("up") >= 3)
    assert inspect(cli, name)["RestartCount"] >= 2
    assert cli("stop", name).out == f"{name}\n"
    assert state(cli, name)["Status"] == "exited"
    count = cli("logs", name).out.count("up")
    cli("run", "--rm", "busybox", "sleep", "0.5")  # as long as some more turns would take
    assert cli("logs", name).out.count("up") == count


def test_a_restarting_container_says_so(cli: Client, container: Run) -> None:
    name = container("--restart", "always", "busybox", "sh", "-c", "exit 7")
    shown = ("ps", "-a", "--filter", f"name={name}", "--format", "{{.Status}}")
    assert until(lambda: cli(*shown).out.startswith("Restarting (7) "))


def test_kill_counts_as_stopped(cli: Client, container: Run) -> None:
    name = container("--restart", "always", "busybox", "sleep", "1000")
    cli("kill", name)
    until(lambda: over(cli, name))
    assert inspect(cli, name)["RestartCount"] == 0
    assert state(cli, name)["ExitCode"] == 137


def test_restart_policy_names(cli: Client) -> None:
    result = cli("run", "--restart", "sometimes", "busybox", "true", check=False)
    assert result.code == 125
    assert "sometimes" in result.err
