"""The pure parts of the verbs of sampan-runtime."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from sampan.errors import InvalidArgument, NotFound
from sampan.oci import runtime as defaults
from sampan.runtime.failure import CREATE, EXEC, OciError
from sampan.runtimecli import create, dispatch, entry, exec, features, flags, kill, ps, update


@pytest.mark.parametrize(
    ("text", "number"),
    [("KILL", 9), ("SIGKILL", 9), ("term", 15), ("9", 9), ("0", 0), ("RTMIN", int(signal.SIGRTMIN))],
)
def test_signals(text: str, number: int) -> None:
    assert kill.parse(text) == number


@pytest.mark.parametrize("text", ["", "SIG", "NOSUCH", "-1", "99", "٩"])
def test_no_signals(text: str) -> None:
    with pytest.raises(InvalidArgument, match="unknown signal"):
        kill.parse(text)


@pytest.mark.parametrize("name", ["a", "A_1.b+c-d", "x" * 1024])
def test_names(name: str) -> None:
    entry.check(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "ä", "x" * 1025, "a\n"])
def test_bad_names(name: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid container ID format"):
        entry.check(name)


def test_an_entry_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="container does not exist"):
        entry.Entry(str(tmp_path), "none")
    assert list(entry.every(f"{tmp_path}/none")) == []


def test_rows_of_ps() -> None:
    listing = "UID PID CMD\nroot 1 init\nroot 12 a b\nroot 2 c\n"
    assert ps.rows(listing, [2, 12]) == ["UID PID CMD", "root 12 a b", "root 2 c"]
    with pytest.raises(InvalidArgument, match="PID field"):
        ps.rows("UID CMD\n", [1])


@pytest.mark.parametrize(
    ("text", "size"),
    [("64m", 64 << 20), ("64MB", 64 << 20), ("1g", 1 << 30), ("5", 5), ("-1", -1), ("7b", 7)],
)
def test_sizes(text: str, size: int) -> None:
    assert update.size(text, "memory") == size


@pytest.mark.parametrize("text", ["", "m", "1x", "1mm"])
def test_bad_sizes(text: str) -> None:
    with pytest.raises(InvalidArgument):
        update.size(text, "memory")


def test_resources_from_flags() -> None:
    given, _ = flags.parse(["--memory", "1m", "--cpu-quota", "5", "--cpuset-cpus", "0"], update.FLAGS)
    assert update.wanted(given) == {"memory": {"limit": 1 << 20}, "cpu": {"quota": 5, "cpus": "0"}}


def test_merging_resources() -> None:
    old = {"memory": {"limit": 1, "swap": 2}, "devices": [{"allow": False}]}
    new: dict[str, Any] = {"memory": {"limit": 9, "swap": 0}, "cpu": {"shares": 2, "cpus": ""}, "devices": []}
    assert update.merge(old, new) == {
        "memory": {"limit": 9, "swap": 2}, "cpu": {"shares": 2}, "devices": [{"allow": False}],
    }  # fmt: skip


def test_the_process_of_an_exec() -> None:
    spec = {"process": {"args": ["x"], "env": ["A=1"], "cwd": "/", "user": {"uid": 0, "gid": 5}}}
    words = ["-t", "-e", "B=2", "--cwd", "/tmp", "-u", "7", "-g", "8", "--cap", "CAP_KILL", "--no-new-privs"]
    given, _ = flags.parse(words, exec.FLAGS)
    assert exec.wanted(given, ["sh"], spec) == {
        "args": ["sh"],
        "env": ["A=1", "B=2"],
        "cwd": "/tmp",
        "terminal": True,
        "noNewPrivileges": True,
        "user": {"uid": 7, "gid": 5, "additionalGids": [8]},
        "capabilities": {key: ["CAP_KILL"] for key in ("bounding", "effective", "permitted")},
    }


def test_what_is_told_is_without_docker_s_prefix() -> None:
    error = OciError("InvalidArgument", 'exec: "x": not found')
    assert dispatch.told(error.prefixed(CREATE)) == 'unable to start container process: exec: "x": not found'
    assert dispatch.told(error.prefixed(EXEC)).startswith("exec failed: unable to start container process: ")
    assert dispatch.told(error) == 'exec: "x": not found'


@pytest.mark.parametrize("terminal", [True, False])
def test_consoles(terminal: bool) -> None:
    process = {"terminal": terminal}
    create.check_console(process, "sock" if terminal else None, detached=True)
    with pytest.raises(InvalidArgument):
        create.check_console(process, None if terminal else "sock", detached=True)
    with pytest.raises(InvalidArgument):
        create.check_console(process, "sock", detached=False)


def test_the_example_is_whole() -> None:
    example = json.loads(create.example())
    assert example["ociVersion"] == defaults.VERSION
    assert example["process"]["terminal"] is True


def test_features() -> None:
    found = features.features()
    assert found["hooks"][0] == "prestart"
    assert {"ro", "rro", "rbind", "tmpcopyup"} <= set(found["mountOptions"])
    assert "time" in found["linux"]["namespaces"]


def test_what_we_do_not_have_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch.main(["checkpoint", "x"]) == 1
    assert dispatch.main(["exec", "--no-such"]) == 255
    assert dispatch.main(["--version"]) == 0
    said = capsys.readouterr()
    assert "checkpoint is not supported" in said.err
    assert said.out.startswith("sampan-runtime version ")
