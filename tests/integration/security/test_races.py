"""Mount targets in a volume whose directories somebody swaps meanwhile (renameat2, RENAME_EXCHANGE).

A4 (CVE-2021-30465): the target becomes a symlink between look and mount. A5 (CVE-2019-19921, 2023-27561,
2025-52881): it becomes one to /proc, where sysctls are written after that. A6 (CVE-2025-31133): /dev/null
becomes one.
A9 (CVE-2024-45310): a directory on the way to a target that is to be made. Pass: nothing is mounted or made
outside, whoever wins. Control for A9: Debian 12's runc 1.1.5 (mended in 1.1.14).
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.attacks import Canary, rounds
from harness.clients import Client
from harness.old import Runtime
from harness.probes import probe

Racer = Callable[[Path, Path], None]


@pytest.fixture
def racer() -> Iterator[Racer]:
    """`racer(a, b)`: from now on the two names are swapped as fast as can be."""
    running: list[subprocess.Popen[bytes]] = []

    def start(one: Path, other: Path) -> None:
        process = subprocess.Popen([probe("exchange"), str(one), str(other)], stdout=subprocess.PIPE)
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def shared(tmp_path: Path, canary: Canary) -> Path:
    """A volume: `a` is a directory, `b` a way to the canary. Beside it, `source`, to be mounted."""
    volume = tmp_path / "volume"
    (tmp_path / "source").mkdir()
    (volume / "a" / "below").mkdir(parents=True)
    (volume / "b").symlink_to(canary.path)
    return volume


def _inodes(path: Path) -> int:
    return sum(len(names) + len(files) for _, names, files in os.walk(path))


def _mounts() -> str:
    return Path("/proc/self/mountinfo").read_text()


@pytest.mark.parametrize("target", ["a", "a/below", "a/made/deep/down"])
def test_a_target_that_turns_into_a_link(
    sampan: Client, racer: Racer, shared: Path, canary: Canary, target: str
) -> None:
    racer(shared / "a", shared / "b")
    look = f"cat {canary.path}/secret /v/a/secret /v/b/secret"
    codes = set()
    for _ in rounds(12):
        mounts = ["-v", f"{shared}:/v", "-v", f"{shared.parent}/source:/v/{target}"]
        done = sampan("run", "--rm", *mounts, "busybox", "sh", "-c", look, check=False)
        codes.add(done.code)
        assert (canary.path / "secret").read_text() not in done.out
    assert codes <= {0, 1, 125, 126}
    assert canary.untouched()
    assert str(canary.path) not in _mounts()


_SWITCH = "net/ipv4/ip_unprivileged_port_start"


@pytest.fixture
def forged(tmp_path: Path) -> Path:
    """What passes for a /proc: its switches are somebody's files. With a volume to mount it in."""
    switch = tmp_path / "forged/sys" / _SWITCH
    switch.parent.mkdir(parents=True)
    switch.write_text("as it was\n")
    (tmp_path / "volume/a").mkdir(parents=True)
    (tmp_path / "volume/b").symlink_to("/proc")
    return tmp_path


def test_a_target_that_turns_into_a_link_to_proc(sampan: Client, racer: Racer, forged: Path) -> None:
    """A sysctl is set where it belongs, or the start is refused; never in what lies over /proc then."""
    racer(forged / "volume/a", forged / "volume/b")
    won = 0
    for number in rounds(15):
        mounts = ["-v", f"{forged}/volume:/v", "-v", f"{forged}/forged:/v/a"]
        words = [*mounts, "--sysctl", f"{_SWITCH.replace('/', '.')}={700 + number}", "busybox"]
        done = sampan("run", "--rm", *words, "cat", f"/proc/sys/{_SWITCH}", check=False)
        assert done.code in (0, 125, 126, 127), done
        assert done.out in ("", f"{700 + number}\n", "as it was\n"), done
        won += done.out == "as it was\n"
        assert (forged / "forged/sys" / _SWITCH).read_text() == "as it was\n"
    print(f"{won} times it was mounted over /proc")


def test_control_an_old_runc_sets_sysctls_in_what_lies_over_proc(
    runc: Runtime, racer: Racer, forged: Path
) -> None:
    """It is a race: the control may lose it, and then says nothing."""
    runc.unpack()
    racer(forged / "volume/a", forged / "volume/b")
    mounts = [
        {"destination": place, "type": "bind", "source": str(source), "options": ["rbind"]}
        for place, source in (("/v", forged / "volume"), ("/v/a", forged / "forged"))
    ]
    for _ in range(40):
        runc.run("true", *mounts, sysctl={_SWITCH.replace("/", "."): "777"})
        if (forged / "forged/sys" / _SWITCH).read_text().startswith("777"):
            return
    pytest.skip("control: the old runc was not caught in 40 starts")


@pytest.mark.parametrize("kind", ["symlink", "file", "other device"])
def test_a_null_device_that_comes_and_goes(sampan: Client, racer: Racer, tmp_path: Path, kind: str) -> None:
    dev = tmp_path / "dev"
    dev.mkdir()
    target = tmp_path / "target"
    target.write_text("not a mask")
    os.mknod(dev / "null", 0o20666, os.makedev(1, 3))
    if kind == "symlink":
        (dev / "evil").symlink_to("/target")
    elif kind == "file":
        (dev / "evil").write_text("not a mask")
    else:
        os.mknod(dev / "evil", 0o20666, os.makedev(1, 5))
    racer(dev / "null", dev / "evil")
    for _ in rounds(12):
        mounts = ["-v", f"{dev}:/dev", "-v", f"{target}:/target:ro"]
        done = sampan("run", "--rm", *mounts, "busybox", "head", "-c", "16", "/proc/keys", check=False)
        assert done.code in (125, 126) or done.out == "", done


def test_a_console_that_comes_and_goes(sampan: Client, racer: Racer, shared: Path, canary: Canary) -> None:
    """A7: the slave is had from its master by descriptor, whatever /dev/pts is."""
    pts = shared / "pts"
    pts.mkdir()
    (pts / "0").write_text("")
    (pts / "evil").symlink_to(canary.path / "secret")
    racer(pts / "0", pts / "evil")
    for _ in rounds(8):
        done = sampan("run", "--rm", "-t", "-v", f"{pts}:/dev/pts", "busybox", "true", check=False)
        assert done.code in (125, 126), done
    assert canary.untouched()


def test_control_an_old_runc_makes_directories_outside(runc: Runtime, racer: Racer, tmp_path: Path) -> None:
    """It is a race: the control may lose it, and then says nothing."""
    outside = tmp_path / "outside"
    outside.mkdir()
    runc.unpack()
    (runc.root / "volume/a").mkdir(parents=True)
    (runc.root / "volume/b").symlink_to(outside)
    racer(runc.root / "volume/a", runc.root / "volume/b")
    for number in range(40):
        mount = {
            "destination": f"/volume/a/m{number}/deep",
            "type": "bind",
            "source": "/usr/share",
            "options": ["rbind"],
        }
        runc.run("true", mount)
        if _inodes(outside):
            return
    pytest.skip("control: the old runc was not caught in 40 starts")
