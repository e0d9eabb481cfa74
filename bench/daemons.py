"""Both engines, each with a daemon that has roots of its own."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine import Engine

from harness.daemon import Daemon

INSIDE = "SAMPAN_BENCH_INSIDE"
PACKAGES = "hyperfine iperf3 docker.io docker-registry skopeo"


def require(*programs: str) -> None:
    if os.geteuid() != 0:
        sys.exit("bench: root is needed")
    if missing := [name for name in programs if not shutil.which(name)]:
        sys.exit(f"bench: not on PATH: {', '.join(missing)}: apt-get install {PACKAGES}")


def go_inside(script: str) -> None:
    """Again, in a network namespace of our own: both engines find the same empty one, and neither touches
    the machine's bridges and firewall."""
    if INSIDE in os.environ:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: terminated"))  # daemons end with us
        return
    shell = 'ip link set lo up; exec "$@"'
    command = ["unshare", "--net", "sh", "-c", shell, "sh", sys.executable, script, *sys.argv[1:]]
    os.execvpe(command[0], command, {**os.environ, INSIDE: "1"})


def client() -> str:
    """The package's own client, whatever stands before it on PATH."""
    return "/usr/bin/docker" if Path("/usr/bin/docker").exists() else "docker"


@contextmanager
def sampan(root: Path) -> Iterator[Daemon]:
    daemon = Daemon(root)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.remove()


@contextmanager
def docker(root: Path) -> Iterator[str]:
    """The address of a docker daemon: the one that is named, or one of our own."""
    if host := os.environ.get("DOCKER_REF_HOST"):
        yield host
        return
    root.mkdir()
    host = f"unix://{root}/sock"
    command = ["dockerd", "--data-root", root / "data", "--exec-root", root / "exec", "-p", root / "pid"]
    with (root / "log").open("wb") as log:
        process = subprocess.Popen([*command, "-H", host], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        Engine("docker", [client(), "-H", host]).wait(process, root / "log")
        yield host
    finally:
        process.terminate()
        process.wait()
