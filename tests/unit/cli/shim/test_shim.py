"""The links that make `docker` mean sampan, as a user makes and calls them."""

import subprocess
import sys
from pathlib import Path

import pytest

SAMPAN = Path(__file__).parents[4] / "bin" / "sampan"


def run(program: Path, *arguments: str, path: str = "/bin:/usr/bin") -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": path, "SAMPAN_PYTHON": sys.executable, "HOME": "/nonexistent"}
    return subprocess.run([program, *arguments], capture_output=True, text=True, env=environment, check=False)


def installed(tmp_path: Path) -> Path:
    done = run(SAMPAN, "shim", "install", str(tmp_path), path=f"{tmp_path}:/bin:/usr/bin")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path}/docker\n{tmp_path}/docker-compose\n"
    return tmp_path / "docker"


def test_it_speaks_as_docker(tmp_path: Path) -> None:
    docker = installed(tmp_path)
    done = run(docker, "run")
    assert done.returncode == 1
    assert done.stderr == (
        "docker: 'docker run' requires at least 1 argument\n\n"
        "Usage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\n"
        "See 'docker run --help' for more information\n"
    )
    assert run(docker, "nonsense").stderr.startswith("docker: unknown command: docker nonsense\n")
    assert run(docker, "-H", "unix:///none", "run", "x").stderr == (
        "docker: Cannot connect to the Docker daemon at unix:///none. Is the docker daemon running?\n\n"
        "Run 'docker run --help' for more information\n"
    )
    assert run(docker, "--version").stdout.startswith("Docker version ")
    assert run(docker, "ps", "--help").stdout.startswith("Usage:  docker ps [OPTIONS]\n")


def test_the_script_itself_speaks_as_sampan() -> None:
    assert run(SAMPAN, "nonsense").stderr.startswith("sampan: unknown command: sampan nonsense\n")


def test_compose_is_a_command_of_docker(tmp_path: Path) -> None:
    installed(tmp_path)
    done = run(tmp_path / "docker-compose", "--help")
    assert "docker compose" in done.stdout + done.stderr


def test_twice_and_away(tmp_path: Path) -> None:
    installed(tmp_path)
    installed(tmp_path)
    done = run(SAMPAN, "shim", "remove", str(tmp_path))
    assert done.stdout == f"{tmp_path}/docker\n{tmp_path}/docker-compose\n"
    assert list(tmp_path.iterdir()) == []
    done = run(SAMPAN, "shim", "remove", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("verb", ["install", "remove"])
def test_what_is_not_ours_stays(tmp_path: Path, verb: str) -> None:
    """Neither of the two is touched, when one is somebody else's."""
    (tmp_path / "docker-compose").write_text("theirs")
    done = run(SAMPAN, "shim", verb, str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path}/docker-compose is not a link to sampan: nothing was changed\n"
    assert [path.name for path in tmp_path.iterdir()] == ["docker-compose"]
    assert (tmp_path / "docker-compose").read_text() == "theirs"


def test_a_link_to_something_else_stays(tmp_path: Path) -> None:
    (tmp_path / "docker").symlink_to("/usr/bin/true")
    assert run(SAMPAN, "shim", "install", str(tmp_path)).returncode == 1
    assert (tmp_path / "docker").readlink() == Path("/usr/bin/true")


def test_no_directory(tmp_path: Path) -> None:
    done = run(SAMPAN, "shim", "install", f"{tmp_path}/none")
    assert (done.returncode, done.stderr) == (1, f"{tmp_path}/none: no such directory\n")


def test_the_path_is_looked_at(tmp_path: Path) -> None:
    done = run(SAMPAN, "shim", "install", str(tmp_path), path="/nonexistent")
    assert done.stderr == f"WARNING: {tmp_path} is not on PATH\n"
    other = tmp_path / "other"
    other.mkdir()
    (other / "docker").symlink_to("/usr/bin/true")
    done = run(SAMPAN, "shim", "install", str(tmp_path), path=f"{other}:{tmp_path}")
    assert done.stderr == f"WARNING: {other}/docker comes first on PATH\n"
