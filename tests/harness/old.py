"""An old runtime, for the positive control of an attack: runc 1.1.5 and crun 1.8.1 are Debian 12's.

It is given the bundle of an ordinary container with our defaults, which are Docker's.
"""

import json
import shutil
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

from harness.attacks import tree
from harness.looking import fresh
from harness.waiting import FACTOR
from sampan.oci import runtime as defaults

# crun refuses a machine with both kinds of cgroups: it gets a mount namespace that shows one.
_PURE = (
    *("unshare", "--mount", "--propagation", "private", "sh", "-c"),
    'umount -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$@"',
    "sh",
)


class Runtime:
    def __init__(self, program: str, directory: Path) -> None:
        self.name = Path(program).name
        self.program = program
        self.directory = directory
        self.bundle = directory / "bundle"
        self.root = self.bundle / "rootfs"
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        self.version = tuple(int(part) for part in said.split()[2].split("+")[0].split("."))

    def unpack(self, *entries: tuple[str, str]) -> None:
        self.root.mkdir(parents=True)
        with tarfile.open(fileobj=BytesIO(tree(*entries))) as archive:
            archive.extractall(self.root)  # our own tar

    def run(self, script: str, *mounts: dict[str, Any], **linux: Any) -> str:
        """What it prints, errors included; its own, too."""
        (self.bundle / "config.json").write_text(json.dumps(self._spec(script, mounts, linux)))
        command = [*(_PURE if self.name == "crun" else ()), self.program]
        command += ["--root", str(self.directory / "state")]
        command += ["run", "--bundle", str(self.bundle)]
        done = subprocess.run(
            [*command, fresh()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60 * FACTOR,
            check=False,
        )
        return done.stdout.decode(errors="replace")

    def _spec(self, script: str, mounts: tuple[dict[str, Any], ...], linux: dict[str, Any]) -> dict[str, Any]:
        sets = {kind: list(defaults.CAPABILITIES) for kind in ("bounding", "effective", "permitted")}
        process = {"args": ["sh", "-c", script], "env": ["PATH=/bin"], "cwd": "/", "capabilities": sets}
        own = [dict(mount) for mount in defaults.MOUNTS if mount["type"] != "cgroup"]
        taken = {mount["destination"] for mount in mounts}
        kept = [mount for mount in own if mount["destination"] not in taken]
        return {
            "ociVersion": "1.0.2",
            "process": {**process, "user": {"uid": 0, "gid": 0}},
            "root": {"path": "rootfs"},
            "mounts": [*kept, *mounts],
            "linux": {
                "namespaces": [{"type": kind} for kind in ("mount", "pid", "ipc", "uts", "network")],
                "maskedPaths": list(defaults.MASKED_PATHS),
                "readonlyPaths": list(defaults.READONLY_PATHS),
                **linux,
            },
        }


def found(name: str) -> str | None:
    return shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
