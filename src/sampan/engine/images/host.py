"""The image `host`: the machine itself, copy-on-write. It has no layers; its lower directory is `/`.

What overlayfs shows of `/` is its file system alone, without what is mounted on it. The engine's own
directories and what belongs to the running system are masked where they lie on it. The image's
configuration holds a random number, so that no image from elsewhere can have its id and with it the machine
for a root.

It is listed once it was used (it then has the tag `host:latest`); a user's own `host:latest` wins over it.
"""

import json
import os
import time

from sampan.oci.platform import of_machine

REPOSITORY = "docker.io/library/host"
TAG = "latest"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# A fresh container mounts /proc, /sys and /dev itself; below them lies nothing that it should see.
_ALWAYS = ("/proc", "/sys", "/run")


def config(machine: str, shell: str) -> tuple[bytes, float]:
    """The configuration, and when it was created."""
    platform, now = of_machine(machine), time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    document = {
        "architecture": platform.architecture,
        "os": "linux",
        "created": stamp,
        "config": {
            "Env": [f"PATH={_PATH}", "HOME=/root"],
            "Cmd": [shell],
            "WorkingDir": "/",
            "Labels": {"sampan.host": os.urandom(16).hex()},
        },
        "rootfs": {"type": "layers", "diff_ids": []},
        "history": [{"created": stamp, "created_by": "the machine itself", "empty_layer": True}],
    }
    return json.dumps(document).encode(), now


def masked(roots: tuple[str, ...]) -> tuple[str, ...]:
    """Absolute paths, none inside another."""
    found: list[str] = []
    for path in sorted((*_ALWAYS, *roots)):
        if not any(path == other or path.startswith(other + "/") for other in found):
            found.append(path)
    return tuple(found)
