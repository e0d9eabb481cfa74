"""Contexts and images that want out: nothing else is read or written, and no secret stays anywhere."""

# ruff: noqa: E501 (a Dockerfile is easier to read on one line)

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.clients import Client
from harness.daemon import Daemon

CANARY = "canary-5b1c0f"


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    directory = tmp_path / "outside"
    directory.mkdir()
    (directory / "secret").write_text(CANARY)
    return directory


def entries(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


@pytest.mark.parametrize(
    "copy",
    ["COPY link /x", "COPY dirlink/secret /x", "COPY ../outside/secret /x", "ADD up /x", "COPY --parents dirlink/* /x/",
     "COPY dirl* /x/", "RUN --mount=target=/m,source=dirlink cat /m/secret"],
)  # fmt: skip
def test_links_of_a_context_lead_nowhere(
    builder: Any, failed: Callable[..., str], canary: Path, copy: str
) -> None:
    os.symlink(canary / "secret", builder.directory / "link")
    os.symlink(canary, builder.directory / "dirlink")
    os.symlink("../outside/secret", builder.directory / "up")
    builder(
        {"Dockerfile": f"FROM busybox\n{copy}\nRUN ! grep -r {CANARY[:-1]}[{CANARY[-1]}] /x\n"}, check=False
    )
    assert CANARY not in builder.result.err
    assert builder.result.code == 1 or "*" in copy, "a pattern may find nothing"


def test_links_are_copied_as_links(builder: Any) -> None:
    os.symlink("/etc/shadow", builder.directory / "l")
    image = builder({"Dockerfile": "FROM busybox\nCOPY . /c\nCMD readlink /c/l\n"})
    assert builder.run(image) == "/etc/shadow\n"


def test_a_workdir_through_a_link_stays_inside(builder: Any, canary: Path) -> None:
    before = entries(canary)
    dockerfile = (
        f"FROM busybox\nRUN ln -s {canary} /w && ln -s {canary}/new /n\nWORKDIR /w/made\nCOPY Dockerfile /w/copied\n"
        f"ADD Dockerfile /n/\nRUN --mount=type=tmpfs,target=/w/stub true\nCMD ls {canary}"
    )
    image = builder({"Dockerfile": dockerfile})
    assert entries(canary) == before
    assert builder.run(image).split() == ["copied", "made", "new"]


def test_copy_from_a_link_of_a_stage(failed: Callable[..., str], builder: Any, canary: Path) -> None:
    said = failed(
        {
            "Dockerfile": f"FROM busybox AS a\nRUN ln -s {canary} /l\nFROM busybox\nCOPY --from=a /l/secret /x\n"
        }
    )
    assert CANARY not in said


@pytest.mark.parametrize(
    ("what", "name"), [("fifo", "Dockerfile"), ("shadow", "Dockerfile"), ("fifo", ".dockerignore")]
)
def test_a_dockerfile_that_is_none(builder: Any, what: str, name: str) -> None:
    place = builder.directory / name
    os.mkfifo(place) if what == "fifo" else os.symlink("/etc/shadow", place)
    files = {} if name == "Dockerfile" else {"Dockerfile": "FROM busybox\nRUN true\n"}
    builder(files, check=False)
    assert "root:" not in builder.result.err
    assert builder.result.code == (1 if name == "Dockerfile" else 0)


def test_secrets_are_nowhere(builder: Any, daemon: Daemon, tmp_path: Path) -> None:
    token = os.urandom(12).hex()
    (tmp_path / "token").write_text(token)
    dockerfile = (
        "FROM busybox\n"
        "RUN --mount=type=secret,id=t cat /run/secrets/t | md5sum > /sum && stat -c %a /run/secrets/t\n"
        "RUN --mount=type=secret,id=t,env=TOKEN,target=/t,mode=0444 sh -c 'echo -n $TOKEN | cmp - /t'\n"
        "RUN ! test -e /run/secrets/t && ! test -e /t\n"
        "RUN --mount=type=secret,id=missing true\nCMD cat /sum"
    )
    image = builder({"Dockerfile": dockerfile}, "--secret", f"id=t,src={tmp_path}/token")
    assert " 400" in builder.result.err
    assert builder.run(image)
    assert token not in builder.result.err
    found = subprocess.run(
        ["grep", "-rl", token, str(daemon.data), str(daemon.run), str(daemon.log)], check=False
    )
    assert found.returncode == 1
    assert token not in builder.sampan("history", "--no-trunc", image).out
    required = "FROM busybox\nRUN --mount=type=secret,id=no,required true\n"
    builder({"Dockerfile": required}, check=False)
    assert "secret no: not found" in builder.result.err


def test_entitlements(failed: Callable[..., str], builder: Any) -> None:
    insecure = {"Dockerfile": "FROM busybox\nRUN --security=insecure true\n"}
    assert "security.insecure is not allowed" in failed(insecure)
    assert "network.host is not allowed" in failed({"Dockerfile": "FROM busybox\nRUN --network=host true\n"})
    builder(insecure, "--allow", "security.insecure")


def test_run_is_confined_as_a_container_is(builder: Any, sampan: Client) -> None:
    probe = "grep -e CapEff -e CapBnd -e Seccomp -e NoNewPrivs /proc/self/status"
    image = builder({"Dockerfile": f"FROM busybox\nRUN {probe} > /status\nCMD cat /status"})
    assert builder.run(image) == sampan("run", "--rm", "busybox", "sh", "-c", probe).out


def test_mount_points_do_not_stay(builder: Any, canary: Path) -> None:
    dockerfile = (
        "FROM busybox AS small\nFROM scratch\nCOPY --from=small /bin /bin\nCOPY --from=small /lib* /lib/\n"
        "RUN --mount=type=cache,target=/deep/in/cache --mount=type=tmpfs,target=/t echo x > /bin/x\n"
        'CMD ["ls", "-A", "/"]'
    )
    image = builder({"Dockerfile": dockerfile})
    made = set(builder.run(image).split())
    assert not made & {"deep", "t"}


@pytest.mark.parametrize("identity", ["../../../etc", "a/b", ".", "x" * 300, "%2e%2e"])
def test_ids_of_caches_are_no_paths(builder: Any, identity: str) -> None:
    dockerfile = f"FROM busybox\nRUN --mount=type=cache,id={identity},target=/c echo y >> /c/f && cat /c/f\n"
    builder({"Dockerfile": dockerfile})
    builder.again("--no-cache")
    assert builder.result.err.count(" y\n") == 2, "the cache persists"
