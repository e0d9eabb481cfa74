"""Which rules a changed file meets, and what follows."""

from pathlib import Path

import pytest

from sampan.compose import develop
from sampan.compose.develop import Batch
from sampan.compose.model import Build, Develop, Hook, Mount, Project, Service, Trigger
from sampan.errors import InvalidArgument


def project(*triggers: Trigger, build: Build | None = None) -> Project:
    service = Service(name="a", image="i", build=build, develop=Develop(list(triggers)))
    return Project("p", {"a": service, "b": Service(name="b", image="i")})


def decided(found: Project, *paths: str) -> list[Batch]:
    return develop.decide(develop.rules(found), paths)


def test_sync_says_where_files_go() -> None:
    found = project(Trigger("/src", "sync", target="/app/"), Trigger("/one.txt", "sync", target="/etc/one"))
    (batch,) = decided(found, "/src/a/b.py", "/one.txt", "/elsewhere", "/srcs/x")
    assert batch.copies == {"/src/a/b.py": "/app/a/b.py", "/one.txt": "/etc/one"}
    assert (batch.rebuild, batch.restart, batch.hooks) == (False, False, [])


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/src/a.py", True),
        ("/src/deep/a.py", True),
        ("/src/a.txt", False),
        ("/src/node_modules/a.py", False),
        ("/src/.git/a.py", False),
        ("/src/.a.py.swp", False),
        ("/src/a.py~", False),
        ("/src/4913", False),
    ],
)
def test_ignore_and_include(path: str, wanted: bool) -> None:
    trigger = Trigger("/src", "sync", target="/app", ignore=["node_modules"], include=["**/*.py"])
    assert bool(decided(project(trigger), path)) is wanted


def test_dockerignore(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("*.log\n!keep.log\n")
    found = project(Trigger(str(tmp_path), "rebuild"), build=Build(context=str(tmp_path)))
    assert decided(found, f"{tmp_path}/a.log") == []
    assert decided(found, f"{tmp_path}/keep.log")[0].rebuild
    assert decided(found, f"{tmp_path}/Dockerfile")[0].rebuild


def test_actions_add_up() -> None:
    hook = Hook(command=["reload"])
    found = project(
        Trigger("/s", "sync+exec", target="/t", exec=hook),
        Trigger("/s", "sync+restart", target="/u"),
        Trigger("/r", "restart"),
    )
    (batch,) = decided(found, "/s/1", "/s/2")
    assert (batch.restart, batch.hooks, batch.paths) == (True, [hook], {"/s/1", "/s/2"})
    (batch,) = decided(found, "/r/x")
    assert (batch.restart, batch.copies) == (True, {})


@pytest.mark.parametrize(
    "trigger",
    [Trigger("/s", "rebuild"), Trigger("/s", "sync"), Trigger("/s", "sync+exec", target="/t")],
)
def test_rules_that_cannot_be_followed(trigger: Trigger) -> None:
    with pytest.raises(InvalidArgument):
        develop.rules(project(trigger))


def test_nothing_to_watch() -> None:
    with pytest.raises(InvalidArgument, match="consider setting a 'develop' section"):
        develop.rules(project())


def test_what_a_mount_shows_already() -> None:
    service = Service(name="a", volumes=[Mount("bind", "/app", source="/src")])
    assert develop.mounted(service, Trigger("/src/deep", "sync", target="/app/deep"))
    assert not develop.mounted(service, Trigger("/srcs", "sync", target="/app"))
