"""Row 13 of the introduction: nginx, which looks its upstream up when it starts; flask, built with a real
pip; and redis. By our own compose, and by other people's at our socket."""

import os
from collections.abc import Callable, Iterator

import pytest

from harness import audit
from harness.clients import SAMPAN, Client, ours
from harness.daemon import Daemon, fresh_root
from harness.projects import Project, old_compose, plugin, reaches
from harness.waiting import FACTOR, until

ROUNDS = int(os.environ.get("SAMPAN_TEST_COMPOSE_ROUNDS", "2"))
INDEX = "https://pypi.org/simple/flask/"
OURS = [SAMPAN, "compose"]
CHECKED = ["-f", "docker-compose.yml", "-f", "checks.yml"]
NAMES = ("flask", "myredis", "nginx")
pytestmark = pytest.mark.timeout((240 + 20 * ROUNDS) * FACTOR)


@pytest.fixture(scope="module")
def kitchen(registry: str) -> Iterator[Daemon]:
    """A daemon of this file's own: what is built and pulled here stays until its end."""
    if not reaches(INDEX):
        pytest.skip(f"{INDEX} cannot be reached: nothing can be installed with pip")
    with audit.leaving_nothing(Daemon(fresh_root(), registry)) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def web(kitchen: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.copy("web", OURS, tmp_path_factory.mktemp("row13") / "web", kitchen.environment())


@pytest.fixture
def project(web: Project, sampan: Client) -> Iterator[Project]:
    """The project, of which nothing is up before and after."""
    yield web
    web("down", "-v", "-t", "0", check=False)
    assert sampan("ps", "-aq").out == sampan("volume", "ls", "-q").out == ""
    assert sampan("network", "ls", "-q", "--filter", f"name={web.name}").out == ""


@pytest.fixture
def sampan(kitchen: Daemon) -> Client:
    return ours(kitchen.environment())


def count(project: Project) -> int:
    """What the second page counts."""
    return int(project.page("/cache").removeprefix("cache connected!\n ").strip() or 0)


def containers(sampan: Client) -> dict[str, str]:
    """{name of the service: ID}, of those that run."""
    wanted = '{{.Label "com.docker.compose.service"}} {{.ID}}'
    return dict(line.split() for line in sampan("ps", "--format", wanted).out.splitlines())


def test_as_it_is_written(project: Project, sampan: Client) -> None:
    """`docker-compose up -d` builds what is missing; the pages come when the programs are ready."""
    ours(project.environment)("shim", "install", str(project.directory.parent))
    hyphened = project.by([str(project.directory.parent / "docker-compose")])
    said = hyphened("up", "-d", timeout=300)
    assert "the attribute `version` is obsolete" in said.err
    assert "Successfully installed" in said.err + said.out
    assert set(containers(sampan)) == set(NAMES)
    until(lambda: project.page() == "hello flask!\n", 30)
    first = until(lambda: count(project), 30)
    assert count(project) == first + 1
    published = sampan("ps", "--format", "{{.Ports}}").out
    assert published.count("->") == published.count("->80/tcp") == 2, "on both families, and nothing else"


def test_up_and_down_again_and_again(project: Project, sampan: Client) -> None:
    for _ in range(ROUNDS):
        project(*CHECKED, "up", "-d", "--wait")
        assert project.page() == "hello flask!\n"
        assert [count(project), count(project)] == [1, 2]
        running = containers(sampan)
        assert sampan("inspect", "-f", "{{.RestartCount}}", *running.values()).out.split() == ["0"] * 3
        project(*CHECKED, "down", "-t", "0", "-v")
        assert sampan("ps", "-aq").out == ""


def test_run_py_in_place_of_app_py(project: Project, sampan: Client) -> None:
    slip = [*CHECKED, "-f", "run.yml"]
    failed = project(*slip, "up", "-d", "--wait", check=False)
    assert failed.code == 1
    assert failed.err.splitlines()[-1] == "container web-flask-1 exited (2)"
    project(*slip, "down", "-v", "-t", "0")

    shown = project(*slip, "up", "--abort-on-container-exit", "-t", "0", check=False)
    assert shown.code == 2
    assert "can't open file '/code/run.py': [Errno 2] No such file or directory" in shown.out + shown.err
    assert "flask-1 exited with code 2" in shown.out
    listed = sampan("ps", "-a", "--filter", "name=flask", "--format", "{{.Status}}").out
    assert listed.startswith("Exited (2)")


FOREIGN: dict[str, Callable[[], str]] = {"1.29": old_compose, "v2": plugin}


@pytest.fixture(params=list(FOREIGN))
def foreign(request: pytest.FixtureRequest, project: Project) -> Project:
    """The same project in the hands of another compose."""
    program = FOREIGN[request.param]()
    if not program:
        pytest.skip(f"docker-compose {request.param} is not installed")
    return project.by([program, *CHECKED])


def test_driven_by_another_compose(foreign: Project, sampan: Client) -> None:
    try:
        _drive(foreign, sampan)
    finally:
        foreign("down", "-v", "-t", "0", "--remove-orphans", check=False)
        # What a recreated container had of anonymous volumes, other composes leave behind, with Docker, too.
        sampan("volume", "prune", "-af")


def _drive(project: Project, sampan: Client) -> None:
    project("up", "-d")
    until(lambda: project.page() == "hello flask!\n", 30)
    assert until(lambda: count(project), 30) == 1
    assert all(name in project("ps").out for name in NAMES)
    assert "Running on all addresses" in project("logs", "flask").out
    assert project("exec", "-T", "flask", "cat", "/code/app.py").out.startswith("from flask import Flask")

    first = containers(sampan)
    project("up", "-d")
    assert containers(sampan) == first, "nothing has changed"
    project("stop", "-t", "0")
    assert containers(sampan) == {}
    project("start")
    until(lambda: project.page() == "hello flask!\n", 30)
    project("restart", "-t", "0")
    until(lambda: project.page() == "hello flask!\n", 30)
    assert containers(sampan) == first

    project("up", "-d", "--scale", "flask=2")
    asked = sampan("exec", first["nginx"], "getent", "ahostsv4", "flask").out.splitlines()
    assert len({line.split()[0] for line in asked}) == 2
    assert len(project("ps", "-q", "flask").out.split()) == 2
    project("up", "-d", "--force-recreate", "-V", "-t", "0")
    assert set(containers(sampan).values()).isdisjoint(first.values())
    # 1.29 takes flask away before it makes the next one, and nginx may ask just then, as with Docker.
    project("up", "-d")
    until(lambda: project.page() == "hello flask!\n", 30)

    project("down", "-v", "-t", "0")
    assert sampan("ps", "-aq").out == ""


def test_what_one_compose_brought_up_another_takes_down(foreign: Project, project: Project) -> None:
    foreign("up", "-d")
    assert all(f"web-{name}-1" in foreign("ps").out.replace("_", "-") for name in NAMES)
    assert project("ps", "--services").out.split() == list(NAMES)
    project("down", "-v", "-t", "0")
    assert project("ps", "-aq").out == ""
