"""A bundle of one static busybox, and an OCI runtime's command line to run it with."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from harness.waiting import FACTOR
from sampan.oci import runtime as defaults

BUSYBOX = "/bin/busybox"
OURS = Path(__file__).parents[2] / "bin" / "sampan-runtime"


class Runtime:
    """`command`: a path or a name."""

    def __init__(self, command: str, root: Path) -> None:
        self.command = command
        self.root = root

    def __call__(
        self, *arguments: str, check: bool = True, cwd: Path | None = None, **more: Any
    ) -> "subprocess.CompletedProcess[str]":
        """Its output goes to files: what it starts may hold a pipe open for long."""
        environment = {**os.environ, "SAMPAN_PYTHON": sys.executable}
        out, err = self.root.parent / "out", self.root.parent / "err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            done = subprocess.run(
                [self.command, "--root", str(self.root), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=environment,
                cwd=cwd,
                timeout=30 * FACTOR,
                **more,
            )
        result = subprocess.CompletedProcess(done.args, done.returncode, out.read_text(), err.read_text())
        assert not check or result.returncode == 0, result.stderr
        return result

    def state(self, identifier: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("state", identifier).stdout)
        return found


class Bundle:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.root = path / "rootfs"
        (self.root / "bin").mkdir(parents=True)
        shutil.copy(BUSYBOX, self.root / "bin")
        for applet in subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True).stdout.split():
            with contextlib.suppress(FileExistsError):
                (self.root / "bin" / applet).symlink_to("busybox")
        (self.root / "tmp").mkdir()

    def write(self, script: str, *, terminal: bool = False, **changes: Any) -> dict[str, Any]:
        capabilities = list(defaults.CAPABILITIES)
        spec: dict[str, Any] = {
            "ociVersion": "1.0.2",
            "process": {
                "terminal": terminal,
                "user": {"uid": 0, "gid": 0},
                "args": ["sh", "-c", script],
                "env": ["PATH=/bin"],
                "cwd": "/",
                "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), capabilities),
            },
            "root": {"path": "rootfs"},
            "hostname": "bundle",
            "mounts": [dict(mount) for mount in defaults.MOUNTS if mount["type"] != "cgroup"],
            "linux": {
                "namespaces": defaults.namespaces(cgroup_private=False),
                "resources": {"devices": [defaults.DENY_ALL_DEVICES]},
                "maskedPaths": list(defaults.MASKED_PATHS),
                "readonlyPaths": list(defaults.READONLY_PATHS),
            },
            **changes,
        }
        (self.path / "config.json").write_text(json.dumps(spec))
        return spec


@contextlib.contextmanager
def console(path: Path) -> Any:
    """A function that waits for a terminal's master at the socket `path`."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        listener.settimeout(20 * FACTOR)

        def master() -> int:
            connection, _ = listener.accept()
            with connection:
                _, files, _, _ = socket.recv_fds(connection, 4096, 1)
            return files[0]

        yield master
