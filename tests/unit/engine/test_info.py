"""What `docker info` says of machines that cannot do everything."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sampan.engine import info as infos
from sampan.engine.facts import Facts
from sampan.engine.settings import Settings

SIMPLE = ("memory", "swap", "reservation", "swappiness", "oom", "shares", "cfs", "cpuset", "pids", "weight")
EVERYTHING = frozenset((*SIMPLE, "weight device", "read bps", "write bps", "read iops", "write iops"))
FACTS = Facts("h", "6.1", "Debian", "12", "x86_64", 2, 1 << 30, 2, frozenset(), "boot", EVERYTHING)


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(infos, "_flag", lambda path, on="1": True)

    def show(**changes: Any) -> dict[str, Any]:
        settings = Settings(str(tmp_path), str(tmp_path), {})
        return infos.info(replace(FACTS, **changes), settings, {"Containers": 0}, 0)

    return show


def test_nothing_is_missing(shown: Any) -> None:
    found = shown()
    assert found["Warnings"] is None
    assert found["CgroupVersion"] == "2"
    assert found["SecurityOptions"] == ["name=seccomp,profile=builtin", "name=cgroupns"]


def test_no_field_that_the_stock_client_prints_is_empty(shown: Any) -> None:
    found = shown()
    for name in ("InitBinary", "ServerVersion", "Driver", "LoggingDriver", "CgroupDriver", "DefaultRuntime"):
        assert found[name], name
    for name in ("ContainerdCommit", "RuncCommit", "InitCommit"):
        assert found[name]["ID"], name
    assert dict(found["DriverStatus"])["Backing Filesystem"]
    assert found["LiveRestoreEnabled"] is True


def test_v2_without_controllers(shown: Any) -> None:
    assert shown(features=frozenset())["Warnings"] == [
        "WARNING: No memory limit support",
        "WARNING: No swap limit support",
        "WARNING: No cpu cfs quota support",
        "WARNING: No cpu cfs period support",
        "WARNING: No cpu shares support",
        "WARNING: No cpuset support",
        "WARNING: No pids limit support",
        "WARNING: No io.weight support",
        "WARNING: No io.weight (per device) support",
        "WARNING: No io.max (rbps) support",
        "WARNING: No io.max (wbps) support",
        "WARNING: No io.max (riops) support",
        "WARNING: No io.max (wiops) support",
    ]


def test_v1(shown: Any) -> None:
    found = shown(cgroup_version=1, features=EVERYTHING - {"swap", "oom", "read bps"})
    assert found["SecurityOptions"] == ["name=seccomp,profile=builtin"]
    warnings = [text for text in found["Warnings"] if "TCP" not in text]
    assert warnings == [
        "WARNING: No swap limit support",
        "WARNING: No oom kill disable support",
        "WARNING: No blkio throttle.read_bps_device support",
    ]


def test_forwarding(shown: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infos, "_flag", lambda path, on="1": not path.endswith("ip_forward"))
    assert shown()["Warnings"] == ["WARNING: IPv4 forwarding is disabled"]
