"""One line for each check, whatever happens to it."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from sampan.cli.doctor import line
from sampan.doctor import machine, report
from sampan.doctor.finding import Finding, State


def test_a_check_that_stumbles_is_a_finding() -> None:
    def broken() -> Finding:
        raise OSError(5, "Input/output error")

    found = report._checked("disk", broken)
    assert (found.name, found.state) == ("disk", State.UNKNOWN)
    assert found.found == "cannot find out: [Errno 5] Input/output error"


def test_the_nearest_directory(tmp_path: Path) -> None:
    assert report.existing(str(tmp_path / "a" / "b")) == str(tmp_path)
    assert report.existing("/nonexistent") == "/"


def test_a_line() -> None:
    row = {
        "Name": "clock",
        "State": "reduced",
        "Found": "nobody sets it",
        "Cost": "tokens",
        "Remedy": "chrony",
    }
    assert line(row) == "reduced   clock: nobody sets it; costs: tokens; get it: chrony"
    assert line({**row, "State": "ok", "Cost": "", "Remedy": ""}) == "ok        clock: nobody sets it"


def test_disk_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = {"f_frsize": 4096, "f_files": 10**6, "f_favail": 10**6}

    def statvfs(free: int) -> None:
        monkeypatch.setattr(
            machine.os, "statvfs", lambda path: SimpleNamespace(f_bavail=free // 4096, **blocks)
        )

    statvfs(50 << 20)
    assert machine.disk("/x").state is State.MISSING
    statvfs(1 << 30)
    assert machine.disk("/x").state is State.REDUCED
    statvfs(100 << 30)
    assert machine.disk("/x").found == "100.0 GiB free on /x"


def test_disks_of_limited_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "access", lambda _path, _mode: True)
    monkeypatch.setattr(machine.shutil, "which", lambda _name, path: "/sbin/mkfs.ext4")
    assert machine.limited_disks().state is State.OK
    monkeypatch.setattr(machine.shutil, "which", lambda _name, path: None)
    assert (machine.limited_disks().state, machine.limited_disks().found) == (State.REDUCED, "no mkfs.ext4")
    monkeypatch.setattr(machine.os, "access", lambda _path, _mode: False)
    assert "loop-control" in machine.limited_disks().found
