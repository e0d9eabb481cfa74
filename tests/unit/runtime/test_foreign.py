"""Another runtime: the spec that it gets, and what its failures come to."""

import os
from pathlib import Path
from typing import Any

import pytest

from sampan.runtime import foreign, foreign_bundle
from sampan.runtime.failure import OciError
from sampan.runtime.protocol import Launch, Log, Rootfs

SPEC: dict[str, Any] = {
    "ociVersion": "1.2.0",
    "process": {"args": ["x"], "cwd": "/", "env": ["A=b"], "user": {"uid": 0, "gid": 0, "username": "bob"}},
    "root": {"path": "rootfs", "readonly": True},
    "linux": {"resources": {}},
}


@pytest.fixture
def root(tmp_path: Path) -> Any:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nbob:x:1000:100::/home/bob:/bin/sh\n")
    (tmp_path / "etc/group").write_text("users:x:100:\nwheel:x:10:bob\n")
    fd = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def test_the_spec_without_what_only_ours_knows(root: int) -> None:
    launch = Launch("abc", "/run/abc", "/data", Rootfs(["/l"], "/u", "/w"), Log("none", ""))
    adapted = foreign_bundle.adapted(launch, SPEC, root)
    assert adapted["ociVersion"] == "1.0.2"
    assert adapted["root"] == {"path": "rootfs", "readonly": True}
    assert adapted["linux"] == {"resources": {}, "cgroupsPath": "/sampan/abc"}
    assert adapted["process"]["user"] == {"uid": 1000, "gid": 100, "additionalGids": [100, 10], "umask": 0o22}
    assert adapted["process"]["env"] == ["A=b", "HOME=/home/bob"]
    assert SPEC["process"]["user"]["username"] == "bob"


def test_an_unknown_user_is_told_as_by_our_own(root: int) -> None:
    process = {**SPEC["process"], "user": {"username": "eve"}}
    with pytest.raises(OciError, match="unable to find user eve: no matching entries in passwd file"):
        foreign_bundle.resolved(process, root)


def test_a_user_namespace_is_refused_and_not_forgotten(root: int) -> None:
    launch = Launch("abc", "/run/abc", "/data", Rootfs(["/l"], "/u", "/w"), Log("none", ""))
    spec = {**SPEC, "linux": {"namespaces": [{"type": "user"}]}}
    with pytest.raises(OciError, match="use --userns host"):
        foreign_bundle.adapted(launch, spec, root)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ('exec: "x": executable file not found in $PATH', 127),
        ("executable file `x` not found in $PATH: No such file or directory", 127),
        ("exec: /x: permission denied", 126),
        ("open executable: Permission denied", 126),
        ("writing cpu.max: invalid argument", 128),
    ],
)
def test_exit_codes_are_read_from_sentences(said: str, code: int) -> None:
    assert foreign.exit_code(said) == code


@pytest.mark.parametrize(
    ("said", "dockers"),
    [
        (
            "executable file `x` not found in $PATH: No such file or directory",
            'exec: "x": executable file not found in $PATH',
        ),
        ("open executable: Permission denied", "open executable: permission denied"),
        ("stat `/x`: No such file or directory", "stat `/x`: no such file or directory"),
        ('exec: "x": executable file not found in $PATH', 'exec: "x": executable file not found in $PATH'),
    ],
)
def test_crun_speaks_so_that_dockers_client_understands(said: str, dockers: str) -> None:
    assert foreign.as_go_says(said) == dockers


def test_the_last_error_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert foreign.last_error(str(log)) == ""
    log.write_text(
        '{"level":"error","msg":"first"}\nno json\n{"level":"error","msg":"second "}\n{"level":"info"}\n'
    )
    assert foreign.last_error(str(log)) == "second"
