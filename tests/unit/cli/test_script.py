"""bin/sampan in the layouts in which pip leaves it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
STUB = "import sys; print(sys.executable, sys.flags.isolated, sys.flags.no_site, __file__, sys.argv[1:])"


def install(prefix: Path, packages: str) -> Path:
    """A prefix with the script and a package of which only main.py is there, and says how it was started."""
    (prefix / "bin").mkdir(parents=True)
    shutil.copy(REPOSITORY / "bin" / "sampan", prefix / "bin")
    main = prefix / packages / "sampan" / "cli" / "main.py"
    main.parent.mkdir(parents=True)
    main.write_text(STUB)
    return main


def run(command: Path | str, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [command, *arguments], capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    "packages",
    [
        f"lib/{VERSION}/site-packages",
        f"lib/{VERSION}/dist-packages",
        f"local/lib/{VERSION}/dist-packages",
        "src",
    ],
)
def test_layouts(tmp_path: Path, packages: str) -> None:
    main = install(tmp_path / "prefix", packages)
    shown = run(tmp_path / "prefix" / "bin" / "sampan", "run", "a b", "*")
    assert " 1 1 " in shown
    assert shown.endswith(f"{main} ['run', 'a b', '*']")


def test_the_interpreter_of_the_same_prefix(tmp_path: Path) -> None:
    install(tmp_path / "venv", f"lib/{VERSION}/site-packages")
    (tmp_path / "venv" / "bin" / "python3").symlink_to(sys.executable)
    assert run(tmp_path / "venv" / "bin" / "sampan").startswith(str(tmp_path / "venv" / "bin" / "python3 "))


def test_the_interpreter_that_the_environment_names(tmp_path: Path) -> None:
    install(tmp_path, "src")
    assert run(tmp_path / "bin" / "sampan", SAMPAN_PYTHON=sys.executable).startswith(sys.executable + " ")


def test_through_a_link_and_through_path(tmp_path: Path) -> None:
    main = install(tmp_path / "prefix", f"lib/{VERSION}/site-packages")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "docker").symlink_to(tmp_path / "prefix" / "bin" / "sampan")
    assert str(main) in run(tmp_path / "links" / "docker")
    path = f"{tmp_path / 'links'}:{os.environ['PATH']}"
    assert str(main) in run("/bin/sh", "-c", "docker", PATH=path)


def test_a_link_beside_the_script_needs_no_other_program(tmp_path: Path) -> None:
    main = install(tmp_path / "prefix", f"lib/{VERSION}/site-packages")
    link = tmp_path / "prefix" / "bin" / "docker"
    link.symlink_to("sampan")
    assert str(main) in run(link, PATH="/nonexistent", SAMPAN_PYTHON=sys.executable)


def test_started_by_a_relative_name(tmp_path: Path) -> None:
    install(tmp_path, "src")
    done = subprocess.run(["./sampan"], cwd=tmp_path / "bin", capture_output=True, text=True, check=True)
    assert "/../src/sampan/cli/main.py" in done.stdout


def test_python_is_asked_where_nothing_is_beside(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    shutil.copy(REPOSITORY / "bin" / "sampan", tmp_path / "bin")
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\nif [ "$1" = -c ]; then exec env PYTHONPATH={REPOSITORY / "src"} {sys.executable} "$@"; fi\n'  # noqa: E501
        f'exec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    assert run(tmp_path / "bin" / "sampan", "--version", SAMPAN_PYTHON=str(python)).startswith(
        "Sampan version"
    )


def test_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sampan", "--version"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
    )
    assert done.stdout.startswith("Sampan version")
