"""A daemon with roots of its own, as a process that can be killed the way the world does it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

from harness.waiting import FACTOR, until
from sampan.network.default import remove_default
from sampan.network.names import NetworkNames, for_root


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
        mirrors = f'[registries."docker.io"]\nmirrors = ["http://{mirror}"]\n' if mirror else ""
        root.mkdir(parents=True, exist_ok=True)
        self.config.write_text(mirrors)

    @property
    def host(self) -> str:
        return f"unix://{self.socket}"

    @property
    def names(self) -> NetworkNames:
        return for_root(str(self.data))

    def start(self) -> None:
        command = [sys.executable, "-m", "sampan", "daemon"]
        command += ["--data-root", str(self.data), "--run-root", str(self.run)]
        command += ["--host", self.host, "--config", str(self.config)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
            )
        until(self._answers, 20, f"the daemon's first answer; its log:\n{self.log.read_text()}")

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the daemon has ended:\n{self.log.read_text()}"
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(5 * FACTOR)
                client.connect(str(self.socket))
                client.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return client.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

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

    def remove(self) -> None:
        """Daemon, bridge, table and files; containers must be gone already."""
        if self.process is not None:
            self.stop()
        remove_default(self.names)
        shutil.rmtree(self.root)

    def environment(self) -> dict[str, str]:
        """For a client that shall talk to this daemon."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TERM") if name in os.environ}
        return {**kept, "DOCKER_HOST": self.host, "LC_ALL": "C.UTF-8", "SAMPAN_PYTHON": sys.executable}
