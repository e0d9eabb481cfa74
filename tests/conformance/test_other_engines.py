"""sampan-runtime under other engines: podman, and the reference dockerd with its containerd."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.bundle import OURS, Bundle
from harness.waiting import FACTOR, until

Command = Callable[..., "subprocess.CompletedProcess[str]"]
# Both would give more than this machine may let them.
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")


def command(*start: str) -> Command:
    def run(*arguments: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run([*start, *arguments], capture_output=True, text=True, timeout=60 * FACTOR)
        assert done.returncode == code, done
        return done

    return run


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A root file system to import."""
    root = Bundle(tmp_path / "bundle").root
    subprocess.run(["tar", "-C", str(root), "-cf", str(tmp_path / "root.tar"), "."], check=True)
    return tmp_path / "root.tar"


@pytest.fixture
def podman(archive: Path) -> Iterator[Command]:
    if shutil.which("podman") is None:
        pytest.skip("podman is not installed")
    place = tempfile.mkdtemp(
        prefix="spod-", dir="/var/tmp"
    )  # a run root of more than 50 characters is too long
    roots = ["--root", f"{place}/root", "--runroot", f"{place}/run"]
    engine = ["--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", str(OURS)]
    run = command("podman", *roots, *engine)
    run("import", str(archive), "box")
    yield run
    run("rm", "-f", "-a", "-t", "0")
    run("rmi", "-f", "-a")
    subprocess.run(["umount", f"{place}/root/overlay"], check=False, capture_output=True)
    shutil.rmtree(place)


@pytest.fixture
def dockerd(tmp_path: Path, archive: Path) -> Iterator[Command]:
    if shutil.which("dockerd") is None:
        pytest.skip("dockerd is not installed")
    root = Path("/var/tmp") / f"sampan-dockerd-{os.getpid()}"
    root.mkdir()
    host = f"unix://{root}/sock"
    roots = ["--data-root", f"{root}/data", "--exec-root", f"{root}/exec", "-p", f"{root}/pid", "-H", host]
    network = ["--bridge=none", "--iptables=false", "--ip-forward=false"]
    with (root / "log").open("wb") as log:
        daemon = subprocess.Popen(
            ["dockerd", *roots, *network, "--add-runtime", f"sampan={OURS}", "--default-runtime", "sampan"],
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    run = command("docker", "-H", host)
    try:
        until((root / "sock").exists, 30, f"dockerd; its log: {(root / 'log').read_text()[-2000:]}")
        run("import", str(archive), "box")
        yield run
        for name in run("ps", "-aq").stdout.split():
            run("rm", "-f", name)
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(30 * FACTOR)
        for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            if f" {root}/" in line:
                subprocess.run(["umount", line.split(" ")[1]], check=False)
        shutil.rmtree(root, ignore_errors=True)


def walk(engine: Command) -> None:
    """The verbs that reach the runtime."""
    quiet = ("--network", "none", *LIMITS)
    done = engine("run", "--rm", *quiet, "box", "/bin/sh", "-c", "echo out; echo err >&2; exit 5", code=5)
    assert (done.stdout, done.stderr) == ("out\n", "err\n")
    assert "no-such" in engine("run", "--rm", *quiet, "box", "no-such", code=127).stderr
    limited = ("--memory", "64m", "--cap-drop", "ALL", "--user", "7:8", "--read-only")
    inside = engine(
        "run", "--rm", *quiet, *limited, "box", "/bin/sh", "-c", "id -u; id -g; touch /x || echo ro"
    )
    assert inside.stdout == "7\n8\nro\n"
    engine(
        "run",
        "-d",
        "--name",
        "one",
        *quiet,
        "box",
        "/bin/sh",
        "-c",
        "trap 'exit 3' TERM; while :; do sleep 0.05; done",
    )
    assert engine("exec", "one", "/bin/sh", "-c", "echo in; exit 4", code=4).stdout == "in\n"
    engine("pause", "one")
    engine("unpause", "one")
    assert "trap" in engine("top", "one").stdout
    engine("stop", "one")
    assert json.loads(engine("inspect", "one").stdout)[0]["State"]["ExitCode"] == 3
    engine("start", "one")
    engine("kill", "one")
    assert engine("wait", "one").stdout == "137\n"
    engine("rm", "one")


def test_podman(podman: Command) -> None:
    walk(podman)
    kept = podman(
        "run",
        "--rm",
        "--network",
        "none",
        *LIMITS,
        "--read-only",
        "box",
        "/bin/sh",
        "-c",
        "echo x >/tmp/y && cat /tmp/y",
    )
    assert kept.stdout == "x\n"


def test_dockerd(dockerd: Command) -> None:
    walk(dockerd)
    assert "sampan" in json.loads(dockerd("info", "--format", "{{json .Runtimes}}").stdout)
