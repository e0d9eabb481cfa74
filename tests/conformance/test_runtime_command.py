"""The lifecycle of the OCI runtime-spec by command line: ours, with runc and crun as the measure."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.bundle import OURS, Bundle, Runtime, console
from harness.waiting import until
from sampan.runtime import cgroup_layout

SCHEMAS = Path("/work/shared/data/oci-runtime-schema")
COMMANDS = [str(OURS), "runc", "crun"]


@pytest.fixture(params=COMMANDS, ids=["sampan-runtime", "runc", "crun"])
def oci(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runtime]:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    if request.param == "crun" and not cgroup_layout.detect().pure:
        pytest.skip("crun does not run beside a cgroup v2 tree that has controllers")
    runtime = Runtime(request.param, tmp_path / "state")
    yield runtime
    left = os.listdir(runtime.root) if runtime.root.exists() else []
    for name in left:
        runtime("delete", "--force", name)
    assert left == []


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Runtime]:
    runtime = Runtime(str(OURS), tmp_path / "state")
    yield runtime
    left = os.listdir(runtime.root) if runtime.root.exists() else []
    for name in left:
        runtime("delete", "--force", name)
    assert left == []


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return Bundle(tmp_path / "bundle")


@pytest.fixture
def name() -> str:
    return f"oci-{os.urandom(4).hex()}"


def validate(document: Any, schema: str) -> None:
    if not SCHEMAS.exists():
        pytest.skip("the schemas of the runtime-spec are not here")
    from jsonschema import Draft4Validator, RefResolver

    root = json.loads((SCHEMAS / schema).read_text())
    Draft4Validator(root, resolver=RefResolver(f"file://{SCHEMAS}/", root)).validate(document)


def test_run_prints_and_hands_its_exit_code_on(oci: Runtime, bundle: Bundle, name: str) -> None:
    bundle.write("echo out; echo err >&2; uname -n; exit 7")
    done = oci("run", "--bundle", str(bundle.path), name, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\nbundle\n", "err\n")


def test_death_by_signal_is_128_and_more(oci: Runtime, bundle: Bundle, name: str) -> None:
    bundle.write("sh -c 'kill -9 $$'; exit $?")
    assert oci("run", "--bundle", str(bundle.path), name, check=False).returncode == 137


def test_the_lifecycle(oci: Runtime, bundle: Bundle, name: str, tmp_path: Path) -> None:
    """create waits; start begins; kill ends; delete takes away. Each command in between has ended."""
    bundle.write("trap 'exit 3' TERM; echo begun; while :; do sleep 0.05; done", annotations={"a": "b"})
    pid_file = tmp_path / "pid"
    oci("create", "--bundle", str(bundle.path), "--pid-file", str(pid_file), name)
    state = oci.state(name)
    validate(state, "state-schema.json")
    assert (state["status"], state["pid"]) == ("created", int(pid_file.read_text()))
    assert (state["id"], state["bundle"], state["annotations"]) == (name, str(bundle.path), {"a": "b"})
    oci("start", name)
    assert oci.state(name)["status"] == "running"
    assert oci("delete", name, check=False).returncode != 0
    oci("kill", name, "TERM")
    until(lambda: oci.state(name)["status"] == "stopped", 10, "it ends")
    assert oci("kill", name, "TERM", check=False).returncode == 1
    assert oci("start", name, check=False).returncode == 1
    oci("delete", name)
    assert oci("state", name, check=False).returncode == 1


def test_words_of_refusal(ours: Runtime, bundle: Bundle, name: str) -> None:
    """Engines read them."""
    bundle.write("sleep 100")
    assert ours("state", name, check=False).stderr == "sampan-runtime: container does not exist\n"
    assert ours("delete", "--force", name).returncode == 0
    ours("create", "--bundle", str(bundle.path), name)
    again = ours("create", "--bundle", str(bundle.path), name, check=False)
    assert (again.returncode, again.stderr) == (1, "sampan-runtime: container with given ID already exists\n")
    ours("start", name)
    assert "cannot start an already running container" in ours("start", name, check=False).stderr
    refused = ours("delete", name, check=False).stderr
    assert f"cannot delete container {name} that is not stopped: running" in refused
    ours("kill", name, "KILL")
    until(lambda: ours.state(name)["status"] == "stopped", 10, "it ends")
    assert "container not running" in ours("kill", name, check=False).stderr
    assert "cannot start a container that has stopped" in ours("start", name, check=False).stderr
    assert "cannot exec in a stopped container" in ours("exec", name, "true", check=False).stderr
    ours("delete", name)


@pytest.mark.parametrize("bad", ["", "..", "a/b", "x y"])
def test_bad_names(oci: Runtime, bundle: Bundle, bad: str) -> None:
    bundle.write("true")
    assert oci("run", "--bundle", str(bundle.path), bad, check=False).returncode != 0


def test_a_program_that_is_not_there(oci: Runtime, bundle: Bundle, name: str, tmp_path: Path) -> None:
    spec = bundle.write("true")
    spec["process"]["args"] = ["no-such-program"]
    (bundle.path / "config.json").write_text(json.dumps(spec))
    log = tmp_path / "log.json"
    arguments = ("create", "--bundle", str(bundle.path), name)
    done = oci("--log", str(log), "--log-format", "json", *arguments, check=False)
    assert done.returncode != 0
    last = json.loads(log.read_text().splitlines()[-1])
    assert last["level"] == "error"
    assert "executable file" in last["msg"]
    assert "not found in $PATH" in last["msg"]


def test_exec(oci: Runtime, bundle: Bundle, name: str) -> None:
    bundle.write("sleep 100")
    oci("run", "--detach", "--bundle", str(bundle.path), name)
    done = oci("exec", "--env", "A=b", "--cwd", "/tmp", name, "sh", "-c", "echo $A; pwd; exit 4", check=False)
    assert (done.returncode, done.stdout) == (4, "b\n/tmp\n")
    assert oci("exec", "--user", "1000:100", name, "id", "-u").stdout == "1000\n"
    assert oci("exec", name, "no-such", check=False).returncode not in (0, 4)
    oci("delete", "--force", name)


def test_exec_of_a_process_file(oci: Runtime, bundle: Bundle, name: str, tmp_path: Path) -> None:
    spec = bundle.write("sleep 100")
    oci("run", "--detach", "--bundle", str(bundle.path), name)
    script = "echo $$ >/tmp/pid; exec sleep 100"
    process = {**spec["process"], "args": ["sh", "-c", script], "oomScoreAdj": 200}
    (tmp_path / "process.json").write_text(json.dumps(process))
    pid_file = tmp_path / "exec.pid"
    arguments = ("--detach", "--process", str(tmp_path / "process.json"), "--pid-file", str(pid_file))
    oci("exec", *arguments, name)
    pid = int(pid_file.read_text())
    if oci.command == str(OURS):  # runc does not mind it here
        assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "200\n"
    until((bundle.root / "tmp/pid").exists, 10, "it has begun")
    listed = json.loads(oci("ps", "--format", "json", name).stdout)
    assert {pid, oci.state(name)["pid"]} <= set(listed)
    oci("delete", "--force", name)
    until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in _stat(pid), 10, "it has gone")


def _stat(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_a_terminal(oci: Runtime, bundle: Bundle, name: str, tmp_path: Path) -> None:
    bundle.write("tty; read line; echo got $line", terminal=True)
    with console(tmp_path / "tty.sock") as master:
        oci("create", "--console-socket", str(tmp_path / "tty.sock"), "--bundle", str(bundle.path), name)
        fd = master()
    oci("start", name)
    os.write(fd, b"word\n")
    output = b""
    while b"got word" not in output:
        output += os.read(fd, 4096)
    assert b"/dev/pts/0" in output or b"/dev/console" in output
    os.close(fd)
    oci("delete", "--force", name)


def test_pause_and_resume(oci: Runtime, bundle: Bundle, name: str) -> None:
    bundle.write("sleep 100")
    oci("run", "--detach", "--bundle", str(bundle.path), name)
    oci("pause", name)
    assert oci.state(name)["status"] == "paused"
    assert oci("exec", name, "true", check=False).returncode != 0
    oci("resume", name)
    assert oci.state(name)["status"] == "running"
    oci("pause", name)
    oci("delete", "--force", name)


def test_update(ours: Runtime, bundle: Bundle, name: str) -> None:
    bundle.write("sleep 100")
    ours("run", "--detach", "--bundle", str(bundle.path), name)
    ours("update", "--pids-limit", "77", "--memory", "64m", name)
    groups = Path(f"/proc/{ours.state(name)['pid']}/cgroup").read_text()
    pids = next(line for line in groups.splitlines() if "pids" in line or line.startswith("0::"))
    path = pids.rpartition(":")[2]
    places = [Path(f"/sys/fs/cgroup{middle}{path}/pids.max") for middle in ("", "/pids", "/unified")]
    assert "77" in [place.read_text().strip() for place in places if place.exists()]
    ours("delete", "--force", name)


def test_hooks_run_and_a_failing_one_ends_it(oci: Runtime, bundle: Bundle, name: str, tmp_path: Path) -> None:
    note = tmp_path / "note"
    hooks = {
        word: [{"path": "/bin/sh", "args": ["sh", "-c", f"cat >>{note}; echo ' {word}' >>{note}"]}]
        for word in ("prestart", "createRuntime", "createContainer", "poststart", "poststop")
    }
    bundle.write("true", hooks=hooks)
    oci("run", "--bundle", str(bundle.path), name)
    lines = note.read_text().splitlines()
    assert [line.rpartition(" ")[2] for line in lines] == list(hooks)
    states = [json.loads(line.rpartition(" ")[0]) for line in lines]
    assert {one["id"] for one in states} == {name}
    assert states[-1]["status"] == "stopped"
    hooks["createRuntime"] = [{"path": "/bin/false"}]
    bundle.write("true", hooks=hooks)
    assert oci("run", "--bundle", str(bundle.path), name, check=False).returncode != 0


def test_preserved_descriptors(oci: Runtime, bundle: Bundle, name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("preserved")
    bundle.write("cat <&3; ls /proc/self/fd | wc -l")
    script = 'exec 3<"$0" 4</dev/null; exec "$@"'
    command = [oci.command, "--root", str(oci.root), "run", "--preserve-fds", "1"]
    done = subprocess.run(
        ["sh", "-c", script, str(tmp_path / "file"), *command, "--bundle", str(bundle.path), name],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("preserved")


def test_list(ours: Runtime, bundle: Bundle, name: str) -> None:
    bundle.write("sleep 100")
    assert ours("list", "-q").stdout == ""
    ours("create", "--bundle", str(bundle.path), name)
    assert ours("list", "-q").stdout == f"{name}\n"
    head, line = ours("list").stdout.splitlines()
    assert head.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    assert line.split()[2] == "created"
    assert json.loads(ours("list", "--format", "json").stdout)[0]["id"] == name
    ours("delete", name)


def test_features_and_spec(ours: Runtime, tmp_path: Path) -> None:
    features = json.loads(ours("features").stdout)
    ours("spec", cwd=tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert ours("spec", cwd=tmp_path, check=False).returncode == 1
    validate(features, "features-schema.json")
    validate(config, "config-schema.json")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--systemd-cgroup", "list"], "--systemd-cgroup is not supported"),
        (["--nonsense", "list"], "flag provided but not defined: -nonsense"),
        (["checkpoint", "x"], "checkpoint is not supported"),
        (["frobnicate"], "No help topic for 'frobnicate'"),
        (["kill", "x", "NOSIG"], 'unknown signal "NOSIG"'),
        (["create"], "requires exactly 1 argument"),
    ],
)
def test_clear_answers(ours: Runtime, arguments: list[str], words: str) -> None:
    done = ours(*arguments, check=False)
    assert done.returncode == 1
    assert words in done.stderr


def test_a_create_that_is_killed_leaves_what_delete_removes(ours: Runtime, bundle: Bundle, name: str) -> None:
    """At its worst moment: the container waits at its gate, and nothing is on record yet."""
    bundle.write("sleep 100")
    ours("create", "--bundle", str(bundle.path), name)
    pid = ours.state(name)["pid"]
    (ours.root / name / "state.json").unlink()
    assert ours.state(name)["status"] == "creating"
    ours("delete", "--force", name)
    until(lambda: _stat(pid) == "Z" or not Path(f"/proc/{pid}").exists(), 10, "it has gone")


def test_a_start_that_is_killed_does_not_seem_to_wait(ours: Runtime, bundle: Bundle, name: str) -> None:
    import socket

    bundle.write("sleep 100")
    ours("create", "--bundle", str(bundle.path), name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as knocking:
        knocking.connect(str(ours.root / name / "start.sock"))
        (ours.root / name / "start.sock").unlink()
    until(lambda: ours.state(name)["status"] == "stopped", 10, "it ends")
    ours("delete", name)


def test_foreground_run_passes_signals_on(ours: Runtime, bundle: Bundle, name: str) -> None:
    bundle.write("trap 'echo caught; exit 9' USR1; echo ready; while :; do sleep 0.05; done")
    running = subprocess.Popen(
        [ours.command, "--root", str(ours.root), "run", "--bundle", str(bundle.path), name],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    running.send_signal(signal.SIGUSR1)
    assert running.stdout.readline() == "caught\n"
    assert running.wait(30) == 9
