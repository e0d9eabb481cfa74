"""What does not change while the daemon runs: the machine, its kernel, its cgroups."""

import os
from dataclasses import dataclass
from hashlib import sha256

from sampan.engine.cgroup_features import features
from sampan.oci.runtime import MASKED_OF_CPU


@dataclass(frozen=True)
class Facts:
    """`cgroup_version`: 2 where the unified hierarchy has the controllers, 1 otherwise (v1 and hybrid)."""

    hostname: str
    kernel: str
    operating_system: str
    os_version: str
    machine: str
    cpus: int
    memory: int
    cgroup_version: int
    controllers: frozenset[str]
    boot_id: str
    features: frozenset[str] = frozenset()  # of the cgroups: `engine.cgroup_features`
    masked: tuple[str, ...] = ()  # per processor, beside oci.runtime.MASKED_PATHS

    @property
    def architecture(self) -> str:
        """As Go spells it (GOARCH)."""
        return {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}.get(
            self.machine, self.machine
        )

    @property
    def identity(self) -> str:
        """A stable name for this daemon's machine, shaped like a UUID."""
        try:
            seed = _read("/etc/machine-id").strip() or self.hostname
        except OSError:
            seed = self.hostname
        digest = sha256(b"sampan:" + seed.encode()).hexdigest()
        return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"


def observe() -> Facts:
    """Read them all, once, at the daemon's start."""
    names = os.uname()
    release = _os_release()
    return Facts(
        hostname=names.nodename,
        kernel=names.release,
        operating_system=release.get("PRETTY_NAME", "Linux"),
        os_version=release.get("VERSION_ID", ""),
        machine=names.machine,
        cpus=len(os.sched_getaffinity(0)),
        memory=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        cgroup_version=2 if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else 1,
        controllers=_controllers(),
        features=features(),
        boot_id=_read("/proc/sys/kernel/random/boot_id").strip(),
        masked=tuple(path for path in _of_processors(MASKED_OF_CPU) if os.path.exists(path)),
    )


def _of_processors(pattern: str) -> list[str]:
    """For every possible one, also those that are off now (GHSA-6fw5-f8r9-fgfm)."""
    _, _, last = _read("/sys/devices/system/cpu/possible").strip().rpartition("-")
    return [pattern.format(number) for number in range(int(last) + 1)] if last.isdecimal() else []


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read(65536)


def _os_release() -> dict[str, str]:
    """os-release(5)"""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            lines = _read(path).splitlines()
        except OSError:
            continue
        pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
        return {name: value.strip().strip("\"'") for name, value in pairs}
    return {}


def _controllers() -> frozenset[str]:
    """Controllers of either kind of hierarchy: v2's file, else the enabled ones of /proc/cgroups."""
    try:
        return frozenset(_read("/sys/fs/cgroup/cgroup.controllers").split())
    except OSError:
        pass
    try:
        rows = [line.split() for line in _read("/proc/cgroups").splitlines() if not line.startswith("#")]
    except OSError:
        return frozenset()
    return frozenset(row[0] for row in rows if len(row) == 4 and row[3] == "1")
