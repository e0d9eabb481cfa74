"""Compose projects in directories of their own, driven by ours or by somebody else's compose."""

import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from harness.clients import Result
from harness.looking import free_port
from harness.waiting import FACTOR

PROJECTS = Path(__file__).parents[1] / "projects"
PLUGIN = "docker/cli-plugins/docker-compose"


class Project:
    """`compose`: the command before the verb; `name`: of the directory, and so of the project."""

    def __init__(self, compose: list[str], directory: Path, environment: Mapping[str, str]) -> None:
        self.command = compose
        self.directory = directory
        self.name = directory.name
        self.port = free_port()
        self.environment = {**environment, "PORT": str(self.port)}

    @classmethod
    def copy(
        cls, name: str, compose: list[str], directory: Path, environment: Mapping[str, str]
    ) -> "Project":
        """One of tests/projects."""
        shutil.copytree(PROJECTS / name, directory)
        return cls(compose, directory, environment)

    def by(self, compose: list[str]) -> "Project":
        """The same one, for another compose."""
        other = Project(compose, self.directory, self.environment)
        other.port, other.environment["PORT"] = self.port, str(self.port)
        return other

    def __call__(self, *words: str, check: bool = True, timeout: float = 120) -> Result:
        done = subprocess.run(
            [*self.command, *words],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout * FACTOR,
            check=False,
        )
        result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert not check or result.code == 0, f"{' '.join([*self.command, *words])}: {result}"
        return result

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """Beside the test."""
        nothing = subprocess.DEVNULL
        return subprocess.Popen(
            [*self.command, *words],
            cwd=self.directory,
            env=self.environment,
            stdin=nothing,
            stdout=nothing,
            stderr=nothing,
        )

    def page(self, path: str = "/") -> str:
        """What the published port serves; "" while it serves nothing, or an error."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10 * FACTOR) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""


def old_compose() -> str:
    """Debian's docker-compose 1.29; "" where it is not installed."""
    found = shutil.which("docker-compose", path="/usr/local/bin:/usr/bin:/bin")
    return found if found and " 1." in _version(found) else ""


def plugin() -> str:
    """`docker compose` v2: what SAMPAN_TEST_COMPOSE_V2 names, or the client's plugin, or a program; or ""."""
    if named := os.environ.get("SAMPAN_TEST_COMPOSE_V2"):
        return named
    for base in ("/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec"):
        if Path(base, PLUGIN).exists():
            return f"{base}/{PLUGIN}"
    found = shutil.which("docker-compose", path="/usr/local/bin:/usr/bin:/bin")
    return found if found and "v2." in _version(found).replace("version 2.", "v2.") else ""


def _version(program: str) -> str:
    done = subprocess.run([program, "version"], capture_output=True, text=True, check=False)
    return done.stdout.partition("\n")[0]


def reaches(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=20 * FACTOR):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
