"""What each flag of `run` really does inside the container, in both spellings."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.clients import Client
from harness.waiting import until

Run = Callable[..., str]
CAPABILITIES = "grep CapEff /proc/self/status | cut -f2"
SECCOMP = "grep Seccomp: /proc/self/status | cut -f2"
SERVER = "exec httpd -f -p 80 -h /"


@pytest.mark.parametrize(
    ("flags", "command", "output"),
    [
        (["-e", "A=1", "-e", "B=two words"], "echo $A $B", "1 two words"),
        (["-w", "/some/where/new"], "pwd", "/some/where/new"),
        (["-u", "33"], "id -u; id -g", "33\n33"),
        (["-u", "4321"], "id -u; id -g", "4321\n0"),
        (["-u", "www-data"], "id -u; id -g", "33\n33"),
        (["-u", "1234:5678"], "id -u; id -g", "1234\n5678"),
        (["--group-add", "33", "--group-add", "daemon"], "id -G", "0 1 33"),
        (["--hostname", "ship"], "hostname; grep -c ship /etc/hosts", "ship\n1"),
        (["--read-only"], "touch /x 2>/dev/null || echo refused", "refused"),
        (["--read-only", "--tmpfs", "/t:size=64k"], "touch /t/x && df /t | awk 'NR==2{print $2}'", "64"),
        (["--tmpfs", "/t"], "grep ' /t ' /proc/mounts | grep -c nosuid,nodev,noexec", "1"),
        ([], CAPABILITIES, "00000000a80425fb"),
        (["--cap-drop", "ALL"], CAPABILITIES, "0000000000000000"),
        (["--cap-drop", "all", "--cap-add", "chown"], CAPABILITIES, "0000000000000001"),
        (["--cap-add", "SYS_TIME"], CAPABILITIES, "00000000aa0425fb"),
        (["-u", "33"], CAPABILITIES, "0000000000000000"),
        (["--privileged"], f"{SECCOMP}; touch /proc/sys/kernel/hostname && echo rw", "0\nrw"),
        ([], SECCOMP, "2"),
        (["--security-opt", "seccomp=unconfined"], SECCOMP, "0"),
        (["--security-opt", "no-new-privileges"], "grep NoNewPrivs /proc/self/status | cut -f2", "1"),
        (["--network", "none"], "ls /sys/class/net", "lo"),
        (["--shm-size", "1m"], "df /dev/shm | awk 'NR==2{print $2}'", "1024"),
        (["--ulimit", "nofile=100:200"], "ulimit -n; ulimit -Hn", "100\n200"),
        (["--sysctl", "net.ipv4.ip_forward=1"], "cat /proc/sys/net/ipv4/ip_forward", "1"),
        (["--add-host", "there:192.0.2.1"], "grep there /etc/hosts", "192.0.2.1\tthere"),
        (
            ["--dns", "192.0.2.53", "--dns-search", "lan"],
            "grep -v '^#' /etc/resolv.conf | grep .",
            "nameserver 192.0.2.53\nsearch lan",
        ),
        (["--entrypoint", "echo"], "from the entrypoint", "-c from the entrypoint"),
        (["--init"], "cat /proc/1/comm | grep -vc '^sh$'", "1"),
        (["--pid", "host"], "test $(cat /proc/1/comm) != sh && echo host", "host"),
        (["--stop-signal", "SIGUSR1"], "echo fine", "fine"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else None,
)
def test_flag(cli: Client, flags: list[str], command: str, output: str) -> None:
    assert cli("run", "--rm", *flags, "busybox", *_shell(flags, command)).out.rstrip("\n") == output


def _shell(flags: list[str], command: str) -> list[str]:
    return ["-c", command] if "--entrypoint" in flags else ["sh", "-c", command]


def test_environment_by_default(cli: Client) -> None:
    found = dict(line.split("=", 1) for line in cli("run", "--rm", "busybox", "env").out.splitlines())
    assert found["PATH"] == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert found["HOME"] == "/root"
    assert len(found["HOSTNAME"]) == 12
    assert set(found) == {"PATH", "HOME", "HOSTNAME"}


def test_env_file_and_value_of_the_host(cli: Client, tmp_path: Path) -> None:
    (tmp_path / "env").write_text("# a comment\nONE=1\nTWO=a b\n")
    cli.environment["FROM_HERE"] = "yes"
    out = cli("run", "--rm", "--env-file", str(tmp_path / "env"), "-e", "FROM_HERE", "busybox", "env").out
    assert {"ONE=1", "TWO=a b", "FROM_HERE=yes"} <= set(out.splitlines())


def test_stdin_is_passed_with_i_only(cli: Client) -> None:
    assert cli("run", "--rm", "-i", "busybox", "cat", stdin=b"through\n").out == "through\n"
    assert cli("run", "--rm", "busybox", "cat", stdin=b"through\n").out == ""


def test_stdout_and_stderr_stay_apart(cli: Client) -> None:
    result = cli("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2")
    assert (result.out, result.err) == ("out\n", "err\n")


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_the_exit_code_is_the_containers(cli: Client, code: int) -> None:
    assert cli("run", "--rm", "busybox", "sh", "-c", f"exit {code}", check=False).code == code


def test_killed_by_a_signal_is_128_and_more(cli: Client) -> None:
    assert cli("run", "--rm", "busybox", "sh", "-c", "kill -9 $$", check=False).code in (0, 137)
    assert cli("run", "--rm", "--init", "busybox", "sh", "-c", "kill -9 $$", check=False).code == 137


def test_bind_mounts(cli: Client, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("host\n")
    assert cli("run", "--rm", "-v", f"{tmp_path}:/m", "busybox", "cat", "/m/there").out == "host\n"
    cli("run", "--rm", "-v", f"{tmp_path}:/m", "busybox", "sh", "-c", "echo inside >/m/new")
    assert (tmp_path / "new").read_text() == "inside\n"
    refused = cli("run", "--rm", "-v", f"{tmp_path}:/m:ro", "busybox", "touch", "/m/x", check=False)
    assert refused.code == 1
    assert "Read-only file system" in refused.err
    cli("run", "--rm", "-v", f"{tmp_path}/made/for/me:/m", "busybox", "true")
    assert (tmp_path / "made/for/me").is_dir()


def test_mount_flag(cli: Client, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("host\n")
    bind = f"type=bind,source={tmp_path},target=/m,readonly"
    assert cli("run", "--rm", "--mount", bind, "busybox", "cat", "/m/there").out == "host\n"
    nowhere = "type=bind,source=/nowhere,target=/m"
    missing = cli("run", "--rm", "--mount", nowhere, "busybox", "true", check=False)
    assert missing.code == 125
    assert 'invalid mount config for type "bind": bind source path does not exist: /nowhere' in missing.err


def test_a_named_volume_keeps_and_is_filled_from_the_image(cli: Client) -> None:
    name = f"v{os.urandom(4).hex()}"
    html = "/usr/share/nginx/html"
    script = f"echo more >{html}/x; ls {html}"
    out = cli("run", "--rm", "-v", f"{name}:{html}", "nginx", "sh", "-c", script).out
    assert out.split() == ["index.html", "x"]
    assert cli("run", "--rm", "-v", f"{name}:/m", "busybox", "cat", "/m/x").out == "more\n"
    assert name in cli("volume", "ls", "-q").out.split()
    assert cli("volume", "rm", name).out == f"{name}\n"


def test_published_ports_in_all_forms(cli: Client, container: Run) -> None:
    fixed, local = _free_port(), _free_port()
    ports = ["-p", f"{fixed}:80", "-p", f"127.0.0.1:{local}:80/tcp", "-p", "81", "-p", "127.0.0.1::82"]
    name = container(*ports, "busybox", "httpd", "-f", "-p", "80")
    shown = json.loads(cli("inspect", name).out)[0]["NetworkSettings"]["Ports"]
    assert {one["HostPort"] for one in shown["80/tcp"]} == {str(fixed), str(local)}
    assert {"HostIp": "127.0.0.1", "HostPort": str(local)} in shown["80/tcp"]
    assert int(shown["81/tcp"][0]["HostPort"]) >= 1024
    assert shown["82/tcp"][0]["HostIp"] == "127.0.0.1"
    for port in (fixed, local):
        assert until(lambda port=port: _speaks_http("127.0.0.1", port))  # type: ignore[misc]
    assert _speaks_http("::1", fixed)


def test_publish_all(cli: Client, container: Run) -> None:
    name = container("-P", "nginx")
    bindings = json.loads(cli("inspect", name).out)[0]["NetworkSettings"]["Ports"]["80/tcp"]
    (port,) = {one["HostPort"] for one in bindings}
    assert until(lambda: _speaks_http("127.0.0.1", int(port)))


def test_a_taken_port_is_an_error_and_the_container_stays_created(cli: Client, container: Run) -> None:
    port = _free_port()
    container("-p", f"{port}:80", "busybox", "sleep", "1000")
    refused = cli("run", "-d", "--name", "second", "-p", f"{port}:80", "busybox", "true", check=False)
    assert refused.code == 125
    assert f"Bind for 0.0.0.0:{port} failed: port is already allocated" in refused.err
    assert cli("ps", "-a", "--filter", "name=second", "--format", "{{.State}}").out == "created\n"
    cli("rm", "second")


def test_containers_reach_each_other_by_address(cli: Client, container: Run) -> None:
    web = container("busybox", "sh", "-c", "echo container1 >/index.html; exec httpd -f -p 80 -h /")
    (endpoint,) = json.loads(cli("inspect", web).out)[0]["NetworkSettings"]["Networks"].values()
    address = endpoint["IPAddress"]
    out = cli("run", "--rm", "busybox", "wget", "-qO-", f"http://{address}/").out
    assert out == "container1\n"
    line = cli("exec", web, "grep", address, "/etc/hosts").out.split()
    assert line == [address, json.loads(cli("inspect", web).out)[0]["Id"][:12]]


def test_the_network_of_another_container(cli: Client, container: Run) -> None:
    web = container("busybox", "sh", "-c", "echo shared >/index.html; exec httpd -f -p 80 -h /")
    fetch = ("wget", "-qO-", "http://127.0.0.1/")
    assert cli("run", "--rm", "--network", f"container:{web}", "busybox", *fetch).out == "shared\n"


def test_host_network(cli: Client) -> None:
    ours = sorted(os.listdir("/sys/class/net"))
    shown = cli("run", "--rm", "--network", "host", "busybox", "ls", "/sys/class/net").out.split()
    assert set(shown) >= {name for name in ours if not name.startswith("veth")}


def test_memory_limit_bites(cli: Client) -> None:
    name = f"t{os.urandom(4).hex()}"
    eat = "head -c 100m /dev/zero | tail"
    result = cli(
        "run", "--name", name, "-m", "20m", "busybox", "sh", "-c", f"exec sh -c '{eat}'", check=False
    )
    state = json.loads(cli("inspect", name).out)[0]["State"]
    cli("rm", name)
    assert state["OOMKilled"]
    assert result.code == state["ExitCode"] != 0


def test_pids_limit_bites(cli: Client) -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 5 & done; echo all"
    result = cli("run", "--rm", "--pids-limit", "5", "busybox", "sh", "-c", script, check=False)
    assert "can't fork" in result.err
    assert "all" not in result.out


def test_cpu_limit_bites(cli: Client) -> None:
    """A tenth of a processor: the busy loop of the shell gets about that."""
    script = "timeout 2 sh -c 'while :; do :; done'; awk '{print $16+$17}' /proc/1/stat"
    out = cli("run", "--rm", "--cpus", "0.1", "busybox", "sh", "-c", script, check=False).out
    ticks = int(out.split()[-1])
    assert ticks < 0.5 * 2 * os.sysconf("SC_CLK_TCK")


def test_init_reaps_and_passes_signals_on(cli: Client, container: Run) -> None:
    script = "trap 'exit 9' TERM; (sleep 0.1 &); while :; do sleep 0.1; done"
    name = container("--init", "busybox", "sh", "-c", script)
    until(lambda: "sleep" in cli("exec", name, "ps").out)
    zombies = "grep -l '(zombie)' /proc/[0-9]*/status | wc -l"
    assert until(lambda: cli("exec", name, "sh", "-c", zombies, check=False).out == "0\n")
    cli("stop", name)
    assert json.loads(cli("inspect", name).out)[0]["State"]["ExitCode"] == 9


def test_restart_on_failure_gives_up_after_its_count(cli: Client, container: Run) -> None:
    name = container("--restart", "on-failure:2", "busybox", "false")

    def over() -> bool:
        found = json.loads(cli("inspect", name).out)[0]
        return bool(found["State"]["Status"] == "exited" and found["RestartCount"] == 2)

    until(over)
    assert cli("logs", name).out == ""


def test_restart_always_starts_again_after_a_kill_inside(cli: Client, container: Run) -> None:
    name = container("--restart", "always", "busybox", "sh", "-c", "echo up; sleep 0.2; exit 1")
    until(lambda: cli("logs", name).out.count("up") >= 3)
    assert cli("stop", name).out == f"{name}\n"
    assert json.loads(cli("inspect", name).out)[0]["State"]["Status"] == "exited"


def test_labels_and_filters(cli: Client, container: Run) -> None:
    name = container("--label", "a=1", "--label", "b", "busybox", "sleep", "1000")
    assert cli("ps", "--filter", "label=a=1", "--format", "{{.Names}}").out == f"{name}\n"
    assert cli("ps", "--filter", "label=a=2", "--format", "{{.Names}}").out == ""


def test_rm_takes_its_anonymous_volumes_along(cli: Client) -> None:
    before = cli("volume", "ls", "-q").out
    cli("run", "--rm", "-v", "/data", "busybox", "touch", "/data/x")
    assert until(lambda: cli("volume", "ls", "-q").out == before)


def test_cidfile(cli: Client, tmp_path: Path) -> None:
    identity = cli("run", "-d", "--cidfile", str(tmp_path / "cid"), "busybox", "true").out.strip()
    assert (tmp_path / "cid").read_text() == identity
    again = cli("run", "-d", "--cidfile", str(tmp_path / "cid"), "busybox", "true", check=False)
    assert again.code == 125
    assert "container ID file found" in again.err
    cli("rm", "-f", identity)


def test_the_machine_itself_copy_on_write(cli: Client) -> None:
    mark = f"/root/sampan-{os.urandom(4).hex()}"
    script = f"echo changed > {mark}; cat {mark}; ls /run | wc -l"
    assert cli("run", "--rm", "host", "sh", "-c", script).out.split() == ["changed", "0"]
    assert not Path(mark).exists()
    cli("rmi", "host", check=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _speaks_http(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=5) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return client.recv(5) == b"HTTP/"
    except OSError:
        return False
