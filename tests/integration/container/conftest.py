"""Real containers from one static busybox, without daemon, launcher or monitor."""

import contextlib
import gc
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sampan.oci import runtime as defaults
from sampan.runtime import cgroup_layout, container, seccomp
from sampan.runtime.container import Container
from sampan.runtime.protocol import Interface, Launch, Log, Rootfs
from sampan.runtime.setup import Stdio

BUSYBOX = "/bin/busybox"
PASSWD = "root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1000::/home/bob:/bin/sh\n1:x:0:0::/:\n"
GROUP = "root:x:0:\nbob:x:1000:\nwheel:x:10:bob\n"


class Result(NamedTuple):
    code: int
    output: str
    oom_killed: bool
    warnings: list[str]


class Box:
    """Makes specs with Docker's defaults, runs them, and leaves nothing."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self.name = name
        self.layer = directory / "layers/1/diff"
        self.upper = directory / "c/diff"
        for path in (self.layer / "bin", self.upper, directory / "c/work", directory / "run"):
            path.mkdir(parents=True)
        self._fill()

    def _fill(self) -> None:
        shutil.copy(BUSYBOX, self.layer / "bin/busybox")
        for applet in subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True).stdout.split():
            with contextlib.suppress(FileExistsError):
                (self.layer / "bin" / applet).symlink_to("busybox")
        for name in ("etc", "tmp", "root"):
            (self.layer / name).mkdir()
        (self.layer / "etc/passwd").write_text(PASSWD)
        (self.layer / "etc/group").write_text(GROUP)

    def spec(self, *arguments: str, script: str = "", **linux: Any) -> dict[str, Any]:
        capabilities = list(defaults.CAPABILITIES)
        return {
            "ociVersion": defaults.VERSION,
            "process": {
                "args": list(arguments) or ["sh", "-c", script],
                "env": ["PATH=/bin"],
                "cwd": "/",
                "user": {"uid": 0, "gid": 0, "username": ""},
                "capabilities": {kind: list(capabilities) for kind in ("bounding", "effective", "permitted")},
                "oomScoreAdj": 0,
            },
            "root": {"path": "rootfs"},
            "hostname": "box",
            "mounts": [dict(mount) for mount in defaults.MOUNTS],
            "linux": {
                "cgroupsPath": f"/sampan/{self.name}",
                "namespaces": defaults.namespaces(cgroup_private=cgroup_layout.detect().pure),
                "maskedPaths": list(defaults.MASKED_PATHS),
                "readonlyPaths": list(defaults.READONLY_PATHS),
                "sysctl": dict(defaults.SYSCTLS),
                **linux,
                "resources": {"devices": list(defaults.DEVICE_RULES), **linux.get("resources", {})},
            },
        }

    def launch(self, **changes: Any) -> Launch:
        interfaces: list[Interface] = changes.get("interfaces", [])
        return Launch(
            id=self.name,
            bundle=str(self.directory / "run"),
            state_dir=str(self.directory / "c"),
            rootfs=changes.get("rootfs", self.rootfs()),
            log=Log("none", ""),
            seccomp=changes.get("seccomp"),
            interfaces=interfaces,
            gateway=changes.get("gateway"),
        )

    def rootfs(self) -> Rootfs:
        return Rootfs([str(self.layer)], str(self.upper), str(self.directory / "c/work"))

    def default_filter(self) -> str | None:
        return seccomp.compiled(None, defaults.CAPABILITIES, str(self.directory / "seccomp"))

    def run(self, spec: dict[str, Any], launch: Launch | None = None) -> Result:
        with self.created(spec, launch) as (made, read_end):
            container.start(made)
            return self._finish(made, read_end)

    @contextlib.contextmanager
    def created(self, spec: dict[str, Any], launch: Launch | None = None) -> Iterator[tuple[Container, int]]:
        """(container, read end of its output); killed and destroyed afterwards."""
        read_end, write_end = os.pipe()
        null = os.open("/dev/null", os.O_RDONLY)
        try:
            stdio = None if spec["process"].get("terminal") else Stdio(null, write_end, write_end)
            made = container.create(launch or self.launch(), spec, stdio)
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
            os.close(null)
        try:
            yield made, read_end
        finally:
            os.close(read_end)
            self._end(made)

    def _finish(self, made: Container, read_end: int) -> Result:
        output = read_all(read_end)
        _, status = os.waitpid(made.pid, 0)
        oom = container.destroy(made)
        return Result(os.waitstatus_to_exitcode(status), output, oom, made.warnings)

    def _end(self, made: Container) -> None:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(made.pid, 9)
            os.waitpid(made.pid, 0)
        container.destroy(made)
        os.close(made.pidfd)
        if made.console is not None:
            os.close(made.console)
        made.link.close()

    def execute(self, made: Container, process: dict[str, Any]) -> Result:
        read_end, write_end = os.pipe()
        null = os.open("/dev/null", os.O_RDONLY)
        try:
            terminal = process.get("terminal")
            stdio = None if terminal else Stdio(null, write_end, write_end)
            executed = container.execute(made, process, stdio, None)
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
            os.close(null)
        output = read_all(read_end if executed.console is None else executed.console)
        _, status = os.waitpid(executed.pid, 0)
        for fd in (read_end, executed.pidfd, executed.console):
            if fd is not None:
                os.close(fd)
        return Result(os.waitstatus_to_exitcode(status), output, oom_killed=False, warnings=[])


def read_all(fd: int) -> str:
    parts = []
    while True:
        try:
            part = os.read(fd, 65536)
        except OSError:  # EIO: a terminal whose last process has gone
            part = b""
        if not part:
            return b"".join(parts).decode(errors="replace")
        parts.append(part)


def _cgroups(name: str) -> set[str]:
    """Whose names begin with it; another worker's boxes have another process in theirs."""
    found, mine = set(), re.compile(rf"{name}(?!\d)")
    for place, directories, _ in os.walk("/sys/fs/cgroup"):
        found.update(f"{place}/{directory}" for directory in directories if mine.match(directory))
    return found


def _left(directory: Path) -> tuple[int, list[str]]:
    """(open descriptors, mounts of ours): the machine itself may mount what it likes meanwhile."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    ours = [line for line in mounts if str(directory) in line]
    return len(os.listdir("/proc/self/fd")), ours


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    gc.collect()
    before, family = _left(tmp_path), _children()
    made = Box(tmp_path, f"kernel-test-{os.getpid()}")
    yield made
    # What a container leaves behind is a fault of ours, whatever the test was about.
    gc.collect()
    assert _left(tmp_path) == before
    assert _cgroups(made.name) == set()
    assert _children() == family, "zombies included"


def _children() -> set[int]:
    """Ours, those of the session's fixtures among them."""
    return {int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}
