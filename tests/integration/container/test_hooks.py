"""Hooks of the runtime-spec in real containers: where each runs, and what a failing one leaves."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from harness.alone import alone
from sampan.runtime import container
from sampan.runtime.failure import OciError


def hook(script: str) -> list[dict[str, Any]]:
    return [{"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/usr/bin:/bin"]}]


def test_each_in_its_place(box: Any, tmp_path: Path) -> None:
    """The container's own are seen by its hostname; only startContainer sees its root."""
    said = tmp_path / "said"
    said.touch()
    status = '$(grep -o \'"status": *"[a-z]*"\' | tr -d \'" \')'
    note = "echo {0} " + status + " $(uname -n) $(test -d /var/lib/dpkg && echo host) >>{1}"
    spec = box.spec("sh", "-c", "cat /started; echo; test -e /from-create && echo mounted")
    spec["hooks"] = {
        word: hook(note.format(word, said)) for word in ("prestart", "createRuntime", "poststart")
    }
    root = tmp_path / "run"  # the bundle carries the root until the pivot
    spec["hooks"]["createContainer"] = hook(
        note.format("createContainer", said) + f"; touch {root}/from-create; test -d {root}/proc/1"
    )
    spec["hooks"]["startContainer"] = hook("uname -n >/started; cat >>/started")
    result = box.run(spec)
    host = os.uname().nodename
    assert said.read_text().split("\n")[:-1] == [
        f"prestart status:creating {host} host",
        f"createRuntime status:creating {host} host",
        f"createContainer status:creating {host} host",
        f"poststart status:running {host} host",
    ]
    assert result.output.startswith('box\n{"ociVersion"')
    assert '"status": "created"' in result.output
    assert result.output.endswith("mounted\n")


@pytest.mark.parametrize("word", ["prestart", "createRuntime", "createContainer"])
def test_a_failing_one_ends_the_creation(box: Any, word: str) -> None:
    spec = box.spec("true")
    spec["hooks"] = {word: hook("echo because >&2; exit 5")}
    with pytest.raises(OciError, match=f"error running {word} hook #0: exit status 5.*because"):
        box.run(spec)


def test_a_failing_start_hook_ends_the_container(box: Any) -> None:
    spec = box.spec("sh", "-c", "echo ran")
    spec["hooks"] = {"startContainer": hook("exit 6")}
    with (
        box.created(spec) as (made, _),
        pytest.raises(OciError, match="startContainer hook #0: exit status 6"),
    ):
        container.start(made)


def test_a_failing_poststart_hook_kills_the_container(box: Any) -> None:
    spec = box.spec("sleep", "100")
    spec["hooks"] = {"poststart": hook("exit 7")}
    with box.created(spec) as (made, _):
        with pytest.raises(OciError, match="poststart hook #0: exit status 7"):
            container.start(made)
        _, status = os.waitpid(made.pid, 0)
        assert os.waitstatus_to_exitcode(status) == -9


def test_the_start_hook_is_as_little_trusted_as_the_container(box: Any) -> None:
    """It is a program of the image's: user, capabilities and filter are the container's."""
    spec = box.spec("cat", "/tmp/who")
    spec["process"]["user"] = {"uid": 1000, "gid": 1000}
    spec["process"]["capabilities"] = {}
    (box.layer / "tmp").chmod(0o1777)
    spec["hooks"] = {"startContainer": hook("id -u >/tmp/who; grep CapEff /proc/self/status >>/tmp/who")}
    seccomp = box.default_filter()
    result = box.run(spec, box.launch(seccomp=seccomp))
    assert result.output.split() == ["1000", "CapEff:", "0000000000000000"]


@alone
def test_process_and_linux_fields(box: Any) -> None:
    spec = box.spec(
        "sh", "-c", "cut -d' ' -f19 /proc/self/stat; cat /proc/self/timens_offsets; uname -m; ionice"
    )
    spec["process"]["scheduler"] = {"policy": "SCHED_BATCH", "nice": 7}
    spec["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_IDLE", "priority": 0}
    spec["linux"]["personality"] = {"domain": "LINUX32"}
    spec["linux"]["namespaces"].append({"type": "time"})
    spec["linux"]["timeOffsets"] = {"boottime": {"secs": 86400, "nanosecs": 5}}
    nice, monotonic, boottime, machine, io = box.run(spec).output.split("\n")[:5]
    assert nice == "7"
    assert monotonic.split() == ["monotonic", "0", "0"]
    assert boottime.split() == ["boottime", "86400", "5"]
    assert machine in ("i686", "armv8l", "armv7l")
    assert "idle" in io


@alone
def test_exec_joins_the_time_namespace_and_takes_the_score(box: Any) -> None:
    spec = box.spec("sleep", "100")
    spec["linux"]["namespaces"].append({"type": "time"})
    spec["linux"]["timeOffsets"] = {"boottime": {"secs": 86400, "nanosecs": 0}}
    process = {**spec["process"], "args": ["cat", "/proc/self/timens_offsets", "/proc/self/oom_score_adj"]}
    with box.created(spec) as (made, _):
        container.start(made)
        output = box.execute(made, {**process, "oomScoreAdj": 321}).output.split()
    assert output == ["monotonic", "0", "0", "boottime", "86400", "0", "321"]


@pytest.mark.parametrize(
    ("linux", "words"),
    [
        ({"intelRdt": {"closID": "x"}}, "Intel RDT is not supported"),
        ({"personality": {"domain": "SOLARIS"}}, "invalid personality domain SOLARIS"),
        ({"timeOffsets": {"boottime": {"secs": 1}}}, "no time namespace"),
    ],
)
def test_what_cannot_be_had_is_refused(box: Any, linux: dict[str, Any], words: str) -> None:
    with pytest.raises(OciError, match=words):
        box.run(box.spec("true", **linux))


def test_unknown_fields_are_ignored(box: Any) -> None:
    spec = box.spec("sh", "-c", "echo fine", futureField={"a": 1})
    spec["alsoUnknown"] = json.loads('{"x": [1, 2]}')
    assert box.run(spec).output == "fine\n"


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ({"selinuxLabel": "a:b:c"}, "SELinux is not supported"),
        ({"apparmorProfile": "no-such-profile"}, "apparmor profile"),
    ],
)
def test_a_label_that_cannot_be_had_is_never_ignored(box: Any, label: dict[str, str], words: str) -> None:
    spec = box.spec("true")
    spec["process"].update(label)
    with pytest.raises(OciError, match=words):
        box.run(spec)
