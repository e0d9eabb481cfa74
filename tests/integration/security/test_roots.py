"""Roots that lie about their directories: symlinks where the engine makes, mounts or masks something.

A2 (CVE-2024-21626), A5 (CVE-2019-19921, 2019-16884, 2023-27561, 2025-52881), A6 (CVE-2025-31133), A7
(CVE-2025-52565), A8 (CVE-2026-41579, CVE-2026-47766). Controls with Debian 12's runc 1.1.5 and crun 1.8.1
where they have the fault (runc is later than the fixes of A2 and A5).
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.attacks import Canary
from harness.clients import Client
from harness.old import Runtime

Image = Callable[..., str]
_ORDINARY = "must be mounted on ordinary directory"
_UP = "../" * 20


def _outside(canary: Canary) -> dict[str, str]:
    path = str(canary.path)
    return {"absolute": path, "relative": _UP + path[1:], "through proc": f"/proc/1/root{path}"}


@pytest.mark.parametrize("how", ["absolute", "relative", "through proc"])
@pytest.mark.parametrize("where", ["dev", "proc", "sys"])
def test_a_default_mount_on_a_symlink_is_refused(
    sampan: Client, image: Image, canary: Canary, where: str, how: str
) -> None:
    inside = (str(canary.path)[1:], "/")  # the place is there below the root, too
    done = sampan("run", "--rm", image((where, f"-> {_outside(canary)[how]}"), inside), "true", check=False)
    assert done.code == 125, done
    assert _ORDINARY in done.err
    assert canary.untouched()


@pytest.mark.parametrize("how", ["absolute", "relative"])
def test_control_an_old_runc_makes_links_where_dev_leads(runc: Runtime, canary: Canary, how: str) -> None:
    runc.unpack(("dev", f"-> {_outside(canary)[how]}"))
    runc.run("true")
    assert {"fd", "ptmx", "stdin"} <= set(os.listdir(canary.path))


@pytest.mark.parametrize("how", ["absolute", "relative"])
def test_control_an_old_crun_makes_nodes_where_dev_leads(crun: Runtime, canary: Canary, how: str) -> None:
    """It looks below the root whether the directory is there, and makes the nodes by the path."""
    crun.unpack(("dev", f"-> {_outside(canary)[how]}"), (str(canary.path)[1:], "/"))
    crun.run("true")
    assert {"null", "fd", "ptmx"} <= set(os.listdir(canary.path))


@pytest.mark.parametrize("where", ["dev/pts", "dev/shm", "dev/mqueue", "etc", "sys/fs/cgroup", "dev/console"])
def test_links_further_down_end_inside(sampan: Client, image: Image, canary: Canary, where: str) -> None:
    parents = [("dev", "/")] if where.startswith("dev/") else []
    name = image(*parents, (where, f"-> {canary.path}"), (str(canary.path)[1:], "/"))
    done = sampan("run", "--rm", "-t", name, "true", check=False)
    assert done.code in (0, 125, 126), done
    assert canary.untouched()


@pytest.mark.parametrize("kind", ["volume", "tmpfs", "bind"])
@pytest.mark.parametrize("where", ["/proc", "/proc/self/attr", "/proc/sys", "/proc/1"])
def test_mounts_over_procfs_take_no_write_of_ours(
    sampan: Client, tmp_path: Path, where: str, kind: str
) -> None:
    """Whatever the engine writes on the way (sysctls, IPv6 off) goes to a true procfs, or nowhere."""
    machine = {key: Path("/proc/sys/kernel", key).read_text() for key in ("core_pattern", "domainname")}
    bind = tmp_path / "bind"
    (bind / "sys/net/ipv4").mkdir(parents=True)
    trap = bind / "sys/net/ipv4/ip_unprivileged_port_start"
    trap.symlink_to("/proc/sys/kernel/core_pattern")
    flags = {"volume": ["-v", where], "tmpfs": ["--tmpfs", where], "bind": ["-v", f"{bind}:{where}"]}[kind]
    done = sampan("run", "--rm", *flags, "busybox", "true", check=False)
    assert done.code in (0, 125, 126, 127), done
    assert {key: Path("/proc/sys/kernel", key).read_text() for key in machine} == machine


def _dev(tmp_path: Path, kind: str, target: Path) -> Path:
    """A /dev of somebody's own, with a /dev/null that is none."""
    dev = tmp_path / "dev"
    dev.mkdir()
    if kind == "symlink":
        (dev / "null").symlink_to("/target")
    elif kind == "file":
        (dev / "null").write_text(target.read_text())
    elif kind == "other device":
        os.mknod(dev / "null", 0o20666, os.makedev(1, 5))
    return dev


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "target"
    path.write_text("not to be seen in place of a mask\n")
    return path


@pytest.mark.parametrize("kind", ["symlink", "missing", "file", "other device"])
def test_a_null_device_that_is_none_masks_nothing(
    sampan: Client, tmp_path: Path, target: Path, kind: str
) -> None:
    mounts = ["-v", f"{_dev(tmp_path, kind, target)}:/dev", "-v", f"{target}:/target"]
    done = sampan("run", "--rm", *mounts, "busybox", "cat", "/proc/keys", check=False)
    assert done.code in (125, 126), done
    assert "not to be seen" not in done.out


@pytest.mark.parametrize("kind", ["symlink", "file", "other device"])
def test_control_an_old_runc_masks_with_what_it_finds(
    runc: Runtime, tmp_path: Path, target: Path, kind: str
) -> None:
    runc.unpack()
    mounts: list[dict[str, Any]] = [
        {"destination": place, "type": "bind", "source": str(source), "options": ["rbind", "rw"]}
        for place, source in (("/dev", _dev(tmp_path, kind, target)), ("/target", target))
    ]
    said = runc.run("head -c 40 /proc/keys", *mounts)
    assert ("\0" * 40 if kind == "other device" else "not to be seen") in said


def test_a_terminal_is_a_device_of_the_containers_own_devpts(
    sampan: Client, tmp_path: Path, target: Path
) -> None:
    """/dev/pts is somebody's directory: no slave of it becomes /dev/console."""
    fake = tmp_path / "pts"
    fake.mkdir()
    (fake / "ptmx").symlink_to("/target")
    (fake / "0").symlink_to("/target")
    mounts = ["-v", f"{fake}:/dev/pts", "-v", f"{target}:/target"]
    done = sampan("run", "--rm", "-t", *mounts, "busybox", "cat", "/dev/console", check=False)
    assert done.code in (125, 126), done
    assert "not to be seen" not in done.out


@pytest.mark.parametrize("base", ["/proc/self/fd", "/proc/1/fd", "/proc/thread-self/fd", "/link"])
def test_no_descriptor_is_a_way_out_for_the_working_directory(
    sampan: Client, image: Image, canary: Canary, base: str
) -> None:
    name = image(("link", "-> /proc/self/fd"))
    container = sampan("run", "-d", name, "sleep", "1000").out.strip()
    try:
        # Spelled otherwise a few will do: whoever lets one through lets the first ones through.
        for number in (*range(3, 20), 31, 63, 255) if base == "/proc/self/fd" else range(3, 8):
            place = f"{base}/{number}"
            for words in (["run", "--rm", "-w", place, name], ["exec", "-w", place, container]):
                done = sampan(*words, "ls", "/proc/self/cwd/../../../../root", check=False)
                assert done.code != 0, (words, done)
    finally:
        sampan("rm", "-f", container)
    assert canary.untouched()


def test_a_process_begins_with_three_descriptors(sampan: Client) -> None:
    count = "ls -l /proc/self/fd | grep -c ' -> '"
    assert sampan("run", "--rm", "busybox", "sh", "-c", count).out == "3\n"
    name = sampan("run", "-d", "busybox", "sleep", "1000").out.strip()
    try:
        assert sampan("exec", name, "sh", "-c", count).out == "3\n"
        assert sampan("exec", name, "sh", "-c", "ls /proc/1/fd").out.split() == ["0", "1", "2"]
    finally:
        sampan("rm", "-f", name)
