"""The copy that cannot be written to, and what happens where the kernel has none to give."""

import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sampan.runtime import seal


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return Path(shutil.copy(shutil.which("true") or "/bin/true", tmp_path / "program"))


def _refused(*_: object) -> int:
    raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))


def test_a_sealed_memfd_runs_and_cannot_be_changed(program: Path) -> None:
    fd = seal.memfd(str(program))
    path = f"/proc/self/fd/{fd}"
    assert Path(path).read_bytes() == program.read_bytes()
    assert subprocess.run(["program"], executable=path, pass_fds=[fd], check=False).returncode == 0
    writable = os.open(path, os.O_RDWR)
    with pytest.raises(PermissionError):
        os.write(writable, b"x")
    with pytest.raises(PermissionError):
        os.ftruncate(writable, 0)
    os.close(writable)
    os.close(fd)


def test_without_overlayfs_it_is_a_memfd(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "overlay", _refused)
    fd = seal.sealed(str(program), pytest.fail)
    assert fd is not None
    assert "memfd" in os.readlink(f"/proc/self/fd/{fd}")
    os.close(fd)


def test_without_anything_somebody_is_told(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(seal, "overlay", _refused)
    monkeypatch.setattr(seal, "memfd", _refused)
    assert seal.sealed(str(program), told.append) is None
    assert f"containers can reach {program}, which could not be sealed" in told[0]
    assert "an overlay: No such device" in told[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_an_overlay_runs_and_cannot_be_opened_for_writing(program: Path) -> None:
    mounts = Path("/proc/self/mountinfo").read_text()
    fd = seal.overlay(str(program))
    path = f"/proc/self/fd/{fd}"
    assert subprocess.run(["program"], executable=path, pass_fds=[fd], check=False).returncode == 0
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC):
        with pytest.raises(OSError, match="Read-only file system"):
            os.open(path, flags)
    for change in (lambda: os.chmod(path, 0o777), lambda: os.truncate(path, 0), lambda: os.utime(path)):
        with pytest.raises(OSError, match="Read-only file system"):
            change()
    assert Path("/proc/self/mountinfo").read_text() == mounts
    os.close(fd)
    assert program.exists()
