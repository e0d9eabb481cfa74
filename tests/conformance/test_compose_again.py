"""`up -d` where nothing is to be done: the second one is remembered, and forgotten as soon as something is
other than it was."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.clients import SAMPAN, Client
from harness.daemon import Daemon
from harness.projects import Project

FILE = """
services:
  a:
    image: {image}
    command: sleep 1000
    init: true
    environment: [COLOR, "SHADE=${{SHADE:-dark}}"]
    env_file: [{{path: more.env, required: false}}]
    volumes: [data:/data]
volumes: {{data: {{}}}}
"""


@pytest.fixture
def project(daemon: Daemon, sampan: Client, tmp_path: Path) -> Iterator[Project]:
    name = f"again{os.urandom(4).hex()}"
    environment = {**daemon.environment(), "HOME": str(tmp_path / "home")}
    environment.pop("XDG_CACHE_HOME", None)
    (tmp_path / "home").mkdir()
    (tmp_path / name).mkdir()
    (tmp_path / name / "compose.yaml").write_text(FILE.format(image=name))
    sampan("tag", "busybox", name)
    made = Project([SAMPAN, "compose"], tmp_path / name, environment)
    yield made
    made("down", "-v", "-t", "0")
    sampan("rmi", name)


def record(project: Project) -> Path:
    (found,) = Path(project.environment["HOME"], ".cache/sampan/compose").iterdir()
    return found


def mark(project: Project) -> None:
    """The record says something that nobody who looks would say."""
    project("up", "-d")
    kept = json.loads(record(project).read_text())
    assert kept["told"] == [["Container", f"{project.name}-a-1", "Running"]]
    record(project).write_text(json.dumps({**kept, "told": [["Container", "marked", "Running"]]}))


def is_remembered(project: Project) -> bool:
    return project("up", "-d").err.strip() == "Container marked  Running"


def write(project: Project, name: str, text: str) -> None:
    (project.directory / name).write_text(text)


CHANGES: dict[str, Callable[[Project, Client], object]] = {
    "a variable that is passed on": lambda it, _: it.environment.update(COLOR="blue"),
    "a variable that is interpolated": lambda it, _: it.environment.update(SHADE="light"),
    "a variable of ours": lambda it, _: it.environment.update(COMPOSE_PROFILES="x"),
    ".env": lambda it, _: write(it, ".env", "SHADE=light\n"),
    "an override": lambda it, _: write(it, "compose.override.yaml", "services: {a: {labels: {x: y}}}\n"),
    "another compose.yaml": lambda it, _: write(it, "compose.yaml", FILE.format(image=it.name) + "\n"),
    "an optional file": lambda it, _: write(it, "more.env", "MORE=1\n"),
    "the container stops": lambda it, sampan: sampan("stop", "-t", "0", f"{it.name}-a-1"),
    "it is removed": lambda it, sampan: sampan("rm", "-f", f"{it.name}-a-1"),
    "another image of the name": lambda it, sampan: sampan("tag", "debian", it.name),
    "somebody else may write the record": lambda it, _: record(it).chmod(0o622),
    "the record is torn": lambda it, _: record(it).write_text('{"key'),
    "the record is of another kind": lambda it, _: record(it).write_text('{"key": 1, "places": []}'),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_ends_it(project: Project, sampan: Client, change: str) -> None:
    project("up", "-d")
    mark(project)
    assert is_remembered(project)
    CHANGES[change](project, sampan)
    said = project("up", "-d").err
    assert "marked" not in said
    assert f"{project.name}-a-1" in said
    assert "Running" in project("up", "-d").err


def test_what_has_no_part_in_it_does_not(project: Project, sampan: Client) -> None:
    assert "Started" in project("up", "-d").err
    mark(project)
    project.environment["OTHER"] = "1"
    sampan("run", "--rm", "busybox", "true")
    assert is_remembered(project)
    assert "marked" not in project("up", "-d", "--force-recreate", "-t", "0").err
    assert project("up", "-d", "--dry-run").err == ""


def test_no_secret_is_kept(project: Project) -> None:
    project.environment["SHADE"] = "hunter2"
    write(project, ".env", "PASSWORD=hunter3\n")
    project("up", "-d")
    mark(project)
    kept = record(project)
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    assert "hunter" not in kept.read_text()
