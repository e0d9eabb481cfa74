"""--runtime: another OCI runtime under our engine, verb by verb."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.bundle import OURS
from harness.clients import Client
from harness.daemon import Daemon
from harness.waiting import until
from sampan.runtime import cgroup_layout

pytestmark = pytest.mark.ours("the runtimes are those of this machine")


@pytest.fixture(params=["runc", "crun", "sampan-runtime"])
def runtime(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "sampan-runtime":
        return str(OURS)
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    if name == "crun" and not cgroup_layout.detect().pure:
        pytest.skip("crun does not run beside a cgroup v2 tree that has controllers")
    return name


@pytest.fixture
def background(sampan: Client, runtime: str) -> Iterator[Callable[..., str]]:
    made: list[str] = []

    def run(*arguments: str) -> str:
        made.append(f"r{os.urandom(4).hex()}")
        sampan("run", "-d", "--runtime", runtime, "--name", made[-1], *arguments)
        return made[-1]

    yield run
    if made:
        sampan("rm", "-f", *made, check=False)


def facts(sampan: Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sampan("inspect", name).out)[0]
    return found


def test_run(sampan: Client, runtime: str) -> None:
    script = "echo out; echo err >&2; id -u; id -g; echo $HOME; grep Seccomp: /proc/self/status; exit 7"
    done = sampan(
        "run", "--rm", "--runtime", runtime, "-u", "nobody", "busybox", "sh", "-c", script, check=False
    )
    assert done.code == 7
    assert done.err == "err\n"
    out, uid, gid, home, seccomp = done.out.splitlines()
    assert (out, uid, gid, home) == ("out", "65534", "65534", "/home") or int(uid) > 0
    assert seccomp.split() == ["Seccomp:", "2"]


def test_input(sampan: Client, runtime: str) -> None:
    done = sampan("run", "-i", "--rm", "--runtime", runtime, "busybox", "cat", stdin=b"through\n")
    assert done.out == "through\n"


def test_failures(sampan: Client, runtime: str) -> None:
    missing = sampan("run", "--rm", "--runtime", runtime, "busybox", "no-such", check=False)
    assert missing.code == 127
    assert "OCI runtime create failed" in missing.err
    assert "executable file" in missing.err
    denied = sampan("run", "--rm", "--runtime", runtime, "busybox", "/etc/passwd", check=False)
    assert denied.code == 126
    nobody = sampan("run", "--rm", "--runtime", runtime, "-u", "no-such", "busybox", "true", check=False)
    assert "unable to find user no-such: no matching entries in passwd file" in nobody.err


def test_the_verbs(sampan: Client, background: Callable[..., str], runtime: str) -> None:
    name = background("busybox", "sh", "-c", "echo begun; trap 'exit 5' TERM; while :; do sleep 0.05; done")
    assert facts(sampan, name)["HostConfig"]["Runtime"] == runtime
    until(lambda: sampan("logs", name).out == "begun\n", 10, "its log")
    done = sampan("exec", "-w", "/tmp", "-e", "A=b", name, "sh", "-c", "pwd; echo $A; exit 4", check=False)
    assert (done.code, done.out) == (4, "/tmp\nb\n")
    assert sampan("exec", "-u", "daemon", name, "id", "-un").out == "daemon\n"
    assert sampan("exec", name, "no-such", check=False).code == 127
    assert sampan("exec", "-i", name, "cat", stdin=b"in\n").out == "in\n"
    assert "while" in sampan("top", name).out
    sampan("pause", name)
    assert facts(sampan, name)["State"]["Status"] == "paused"
    sampan("unpause", name)
    sampan("update", "--pids-limit", "99", name)
    sampan("stats", "--no-stream", name)
    sampan("stop", "-t", "10", name)
    assert facts(sampan, name)["State"]["ExitCode"] == 5
    sampan("start", name)
    sampan("restart", "-t", "0", name)
    sampan("kill", name)
    assert sampan("wait", name).out == "137\n"


def test_a_terminal(sampan: Client, background: Callable[..., str]) -> None:
    name = background("-t", "busybox", "sh", "-c", "tty; stty size; sleep 100")
    until(lambda: "/dev/pts/0" in sampan("logs", name).out, 10, "its terminal")
    inside = sampan.terminal("exec", "-it", name, "sh", "-c", "tty; stty size; exit 3", size=(31, 97))
    inside.expect("/dev/pts/1")
    inside.expect("31 97")
    assert inside.wait() == 3


def test_ports_and_network(sampan: Client, background: Callable[..., str]) -> None:
    import urllib.request

    name = background("-p", "127.0.0.1::80", "nginx")
    port = sampan("port", name, "80").out.strip().rpartition(":")[2]

    def served() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    until(served, 20, "nginx's answer")
    assert "eth0" in sampan("run", "--rm", "--network", f"container:{name}", "busybox", "ip", "a").out


def test_out_of_memory(sampan: Client, background: Callable[..., str]) -> None:
    name = background("-m", "16m", "busybox", "sh", "-c", "x=a; while :; do x=$x$x; done")
    assert sampan("wait", name, timeout=60).out == "137\n"
    assert facts(sampan, name)["State"]["OOMKilled"] is True


def test_adoption(daemon: Daemon, sampan: Client, background: Callable[..., str]) -> None:
    name = background("busybox", "sh", "-c", "trap 'exit 6' TERM; while :; do sleep 0.05; done")
    daemon.restart()
    assert facts(sampan, name)["State"]["Status"] == "running"
    assert sampan("exec", name, "echo", "still").out == "still\n"
    sampan("stop", name)
    assert facts(sampan, name)["State"]["ExitCode"] == 6


def test_a_monitor_that_is_killed(daemon: Daemon, sampan: Client, background: Callable[..., str]) -> None:
    """Its container ends, and nothing of it stays: the leak audit looks for mounts, cgroups and processes."""
    name = background("busybox", "sleep", "1000")
    state = facts(sampan, name)
    record = json.loads((daemon.run / "containers" / state["Id"] / "state.json").read_text())
    os.kill(record["monitor_pid"], signal.SIGKILL)
    until(lambda: facts(sampan, name)["State"]["Status"] == "exited", 20, "its end")
    assert not Path(f"/proc/{state['State']['Pid']}").exists()


def test_what_holds_inside(sampan: Client, runtime: str) -> None:
    """Limits, root, capabilities, volumes: each is the runtime's to do now."""
    script = (
        "cat /proc/self/oom_score_adj; grep CapEff /proc/self/status; touch /x; cat /v/f; uname -n; ulimit -n"
    )
    arguments = ["--read-only", "--cap-drop", "ALL", "-h", "inside", "--oom-score-adj", "300", "--init"]
    volume = f"{Path(__file__).parent}:/v:ro"
    ours = sampan("run", "--rm", *arguments, "-v", volume, "busybox", "sh", "-c", script, check=False)
    theirs = sampan(
        "run",
        "--rm",
        "--runtime",
        runtime,
        *arguments,
        "-v",
        volume,
        "busybox",
        "sh",
        "-c",
        script,
        check=False,
    )
    assert theirs == ours
    assert theirs.out.startswith("300\nCapEff:\t0000000000000000\n")


def test_unknown_ones(sampan: Client) -> None:
    refused = sampan("run", "--rm", "--runtime", "no-such", "busybox", "true", check=False)
    assert refused.code == 125
    assert "unknown or invalid runtime name: no-such" in refused.err
    assert sampan("create", "--runtime", "/no/such", "busybox", check=False).code == 125


def test_info(sampan: Client, daemon: Daemon) -> None:
    info = daemon.get("/info")
    assert info["Runtimes"]["sampan"] == {"path": "sampan"}
    if path := shutil.which("runc"):
        assert info["Runtimes"]["runc"]["path"] == path
