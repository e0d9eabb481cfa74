"""A daemon with roots of its own, as a process that can be killed the way the world does it."""

import contextlib
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from harness.clients import ours
from harness.waiting import FACTOR, until
from sampan.network.default import remove_default
from sampan.network.names import NetworkNames, for_root
from sampan.storage.remove import remove_tree

# The default runtime of the tests' daemons; "": our own.
RUNTIME = os.environ.get("SAMPAN_TEST_RUNTIME", "")

CGROUPS = Path("/sys/fs/cgroup")


class _Connection(http.client.HTTPConnection):
    """One request over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=10 * FACTOR)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def fresh_root() -> Path:
    """Not below the directory of a test: a daemon may serve many, and a socket has a short path (unix(7))."""
    return Path(tempfile.mkdtemp(prefix="sampan-", dir="/var/tmp"))


class Daemon:
    """`mirror`: the address of the registry that stands for docker.io."""

    def __init__(self, root: Path, mirror: str | None = None) -> None:
        self.root = root
        self.data = root / "data"
        self.run = root / "run"
        self.socket = root / "sock"
        self.config = root / "config.toml"
        self.log = root / "daemon.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.switches = {"DOCKER_KEEP_DEPRECATED_LEGACY_LINKS_ENV_VARS": "1"}  # as Docker 28 without it
        chosen = f'default-runtime = "{RUNTIME}"\n' if RUNTIME else ""
        # Cgroups of its own: the audit of one daemon does not see another one's containers.
        self.cgroups = f"sampan-{hashlib.sha256(str(root).encode()).hexdigest()[:12]}"
        parent = f'cgroup-parent = "/{self.cgroups}"\n'
        mirrors = f'[registries."docker.io"]\nmirrors = ["http://{mirror}"]\n' if mirror else ""
        root.mkdir(parents=True, exist_ok=True)
        self.config.write_text(parent + chosen + mirrors)

    @property
    def host(self) -> str:
        return f"unix://{self.socket}"

    @property
    def names(self) -> NetworkNames:
        return for_root(str(self.data))

    @property
    def command(self) -> list[str]:
        roots = ["--data-root", str(self.data), "--run-root", str(self.run)]
        reached = ["--host", self.host, "--config", str(self.config)]
        return [sys.executable, "-m", "sampan", "daemon", *roots, *reached]

    def start(self) -> None:
        nothing = subprocess.DEVNULL
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=nothing,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**os.environ, **self.switches},
                start_new_session=True,
            )
        until(self._answers, 20, f"the daemon's first answer; its log:\n{self.log.read_text()}")

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the daemon has ended:\n{self.log.read_text()}"
        try:
            return self._request("/_ping") == b"OK"
        except (OSError, http.client.HTTPException):
            return False

    def get(self, path: str) -> Any:
        """The API's answer to GET."""
        return json.loads(self._request(path))

    def _request(self, path: str) -> bytes:
        connection = _Connection(str(self.socket))
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        assert answer.status == 200, f"GET {path}: {answer.status} {body!r}"
        return body

    def rival(self) -> "subprocess.CompletedProcess[bytes]":
        """What becomes of a second one on the same roots."""
        return subprocess.run(self.command, capture_output=True, timeout=20 * FACTOR, check=False)

    def kill(self) -> None:
        """SIGKILL, in the middle of whatever it does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM; containers go on."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(30 * FACTOR)
        self.process = None

    def restart(self) -> None:
        self.kill()
        self.start()

    def empty(self) -> None:
        """Every container is gone; a daemon that was killed comes back for it."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        sampan = ours(self.environment())
        if found := sampan("ps", "-aq").out.split():
            sampan("rm", "-f", "-v", *found, check=False, timeout=120)
        sampan("network", "prune", "-f", check=False)

    def remove(self) -> None:
        """Daemon, bridge, table and files; containers must be gone already."""
        if self.process is not None:
            self.stop()
        remove_default(self.names)
        self.remove_cgroups()
        remove_tree(str(self.root))

    def remove_cgroups(self) -> None:
        """The parents of its containers' cgroups; the engine leaves them, as Docker does."""
        for parent in (CGROUPS / self.cgroups, *CGROUPS.glob(f"*/{self.cgroups}")):
            if not parent.parent.is_symlink():
                with contextlib.suppress(FileNotFoundError):
                    parent.rmdir()

    def environment(self) -> dict[str, str]:
        """For a client that shall talk to this daemon."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TERM") if name in os.environ}
        kept["XDG_CACHE_HOME"] = f"{self.root}/cache"
        return {**kept, "DOCKER_HOST": self.host, "LC_ALL": "C.UTF-8", "SAMPAN_PYTHON": sys.executable}
