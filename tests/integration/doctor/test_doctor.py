"""`sampan doctor` on this machine: what it says, what it leaves, and what it says to those who may less."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.clients import SAMPAN
from harness.waiting import FACTOR

pytestmark = pytest.mark.root
SETPRIV = shutil.which("setpriv")


def doctor(*arguments: str, prefix: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], "SAMPAN_PYTHON": sys.executable}
    command = [*prefix, SAMPAN, "doctor", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=30 * FACTOR, check=False
    )


def findings(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["Name"]: row for row in rows}


def test_all_is_tried_and_nothing_stays(tmp_path: Path) -> None:
    """Where these tests run, containers run: so nothing essential may be missing."""
    done = doctor("--format", "json", "--data-root", str(tmp_path / "none" / "yet"))
    found = findings(done)
    assert (done.returncode, done.stderr) == (0, "")
    essential = ("root", "kernel", "cgroups", "namespaces", "mount API", "overlayfs", "seccomp", "bridge")
    assert {name: found[name]["State"] for name in essential} == dict.fromkeys(essential, "ok")
    assert "unknown" not in {row["State"] for row in found.values()}
    assert str(tmp_path) in found["overlayfs"]["Found"]
    assert list(tmp_path.iterdir()) == []
    assert not [name for name in os.listdir("/sys/class/net") if name.startswith("doctor")]
    assert "doctor" not in Path("/proc/self/mountinfo").read_text()
    assert not [
        *Path("/sys/fs/cgroup").glob("*/sampan-doctor-*"),
        *Path("/sys/fs/cgroup").glob("sampan-doctor-*"),
    ]


def test_one_line_each() -> None:
    lines = doctor().stdout.splitlines()
    assert len(lines) == len(findings(doctor("--format", "json")))
    assert all(line.split()[0] in ("ok", "reduced", "missing", "unknown") for line in lines)


@pytest.mark.skipif(SETPRIV is None, reason="there is no setpriv here")
def test_without_a_capability(tmp_path: Path) -> None:
    done = doctor("--format", "json", prefix=("setpriv", "--bounding-set", "-sys_admin"))
    found = findings(done)
    assert done.returncode == 1
    assert found["capabilities"]["State"] == "missing"
    assert found["capabilities"]["Found"] == "without CAP_SYS_ADMIN"
    assert found["namespaces"]["State"] == "missing"
    assert found["overlayfs"]["State"] == "missing"
    assert found["overlayfs"]["Cost"] == "no container starts"


@pytest.mark.skipif(SETPRIV is None, reason="there is no setpriv here")
def test_not_as_root() -> None:
    prefix = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    done = doctor("--format", "{{.Name}}: {{.State}}", prefix=prefix)
    if "Permission denied" in done.stderr or "cannot find" in done.stderr or done.returncode == 126:
        pytest.skip("nobody may read this tree")
    assert done.returncode == 1
    assert "root: missing" in done.stdout
