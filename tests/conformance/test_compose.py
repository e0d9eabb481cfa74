"""Projects really brought up and down, through our own `compose` and nothing but the Engine API."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.clients import Client, Result, ours
from harness.daemon import Daemon
from harness.reference import Reference

Compose = Callable[..., Result]
Write = Callable[[str], None]

CHAIN = """
services:
  web:
    image: busybox
    command: sh -c 'cat /run/secrets/token /site; sleep 1000'
    init: true
    depends_on:
      db: {condition: service_healthy}
      job: {condition: service_completed_successfully}
    secrets: [token]
    configs: [site]
    environment: {GREETING: "${GREETING:-hello}"}
  db:
    image: busybox
    command: sleep 1000
    init: true
    volumes: [data:/data]
    healthcheck: {test: "true", interval: 300ms}
  job:
    image: busybox
    command: echo done
secrets:
  token: {environment: TOKEN}
configs:
  site: {content: "content of $${site}\\n"}
volumes:
  data:
"""
IDLE = "{image: busybox, command: sleep 1000, init: true}"


@pytest.fixture
def project(tmp_path: Path) -> str:
    name = f"p{os.urandom(4).hex()}"
    (tmp_path / name).mkdir()
    return name


@pytest.fixture
def client(server: Daemon | Reference) -> Client:
    return ours({**server.environment(), "TOKEN": "secret"})


@pytest.fixture
def write(tmp_path: Path, project: str) -> Write:
    return lambda text: (tmp_path / project / "compose.yaml").write_text(text) and None


@pytest.fixture
def compose(client: Client, tmp_path: Path, project: str) -> Iterator[Compose]:
    """`compose("up", "-d")` in the project's directory; whatever came up is gone afterwards."""

    def run(*words: str, check: bool = True) -> Result:
        return client(
            "compose", "--project-directory", str(tmp_path / project), *words, check=check, timeout=60
        )

    yield run
    run("--profile", "*", "down", "-v", "-t", "0", "--remove-orphans", check=False)


def identities(compose: Compose) -> dict[str, str]:
    """name → ID."""
    lines = compose("ps", "-a", "--no-trunc", "--format", "{{.Name}} {{.ID}}").out.splitlines()
    return dict(line.split() for line in lines)


def test_a_chain_comes_up_stays_and_goes(
    compose: Compose, write: Write, client: Client, project: str
) -> None:
    write(CHAIN)
    said = compose("up", "-d").err
    assert said.index(f"{project}-db-1  Healthy") < said.index(f"{project}-web-1  Starting")
    assert said.index(f"{project}-job-1  Exited") < said.index(f"{project}-web-1  Starting")
    first = identities(compose)
    assert set(first) == {f"{project}-{service}-1" for service in ("web", "db", "job")}
    assert compose("logs", "--no-log-prefix", "web").out == "secretcontent of ${site}\n"
    assert compose("exec", "-T", "web", "sh", "-c", "echo $GREETING").out == "hello\n"
    compose("up", "-d")
    assert identities(compose) == first

    write(CHAIN.replace("hello", "goodbye"))
    assert compose("up", "-d", "--dry-run").out.splitlines()[0] == (
        f"recreate container {project}-web-1: its configuration changed"
    )
    compose("up", "-d")
    second = identities(compose)
    assert {name for name in second if second[name] != first[name]} == {f"{project}-web-1"}
    compose("down")
    assert identities(compose) == {}
    assert client("volume", "ls", "-q", "--filter", f"name={project}_data").out == f"{project}_data\n"
    compose("down", "-v")
    assert client("volume", "ls", "-q", "--filter", f"name={project}_data").out == ""
    assert client("network", "ls", "-q", "--filter", f"name={project}_default").out == ""


def test_every_container_is_there_before_the_first_starts(
    compose: Compose, write: Write, client: Client, project: str
) -> None:
    write("services:\n" + "".join(f"  s{number}: {IDLE}\n" for number in range(3)))
    compose("up", "-d")
    label = f"label=com.docker.compose.project={project}"
    lines = client(
        "events", "--since", "1m", "--until", "0s", "--filter", label, "--format", "{{json .}}"
    ).out
    happened = [json.loads(line)["Action"] for line in lines.splitlines()]
    kept = [action for action in happened if action in ("create", "start")]
    assert kept == ["create"] * 3 + ["start"] * 3


def test_anonymous_volumes_go_over_to_a_recreated_container(compose: Compose, write: Write) -> None:
    write(f"services:\n  a: {IDLE[:-1]}, volumes: [/kept]}}\n")
    compose("up", "-d")
    compose("exec", "-T", "a", "touch", "/kept/it")
    compose("up", "-d", "--force-recreate", "-t", "0")
    assert compose("exec", "-T", "a", "ls", "/kept").out == "it\n"
    compose("up", "-d", "--force-recreate", "-V", "-t", "0")
    assert compose("exec", "-T", "a", "ls", "/kept").out == ""


def test_scale_orphans_and_profiles(compose: Compose, write: Write, project: str) -> None:
    write(f"services:\n  a: {IDLE}\n  b: {IDLE}\n  c: {IDLE[:-1]}, profiles: [extra]}}\n")
    compose("up", "-d", "--scale", "a=3")
    assert set(identities(compose)) == {f"{project}-{name}" for name in ("a-1", "a-2", "a-3", "b-1")}
    write(f"services:\n  a: {IDLE}\n  c: {IDLE[:-1]}, profiles: [extra]}}\n")
    assert f"Found orphan containers ([{project}-b-1])" in compose("up", "-d", "-t", "0").err
    compose("--profile", "extra", "up", "-d", "--remove-orphans", "-t", "0")
    assert set(identities(compose)) == {f"{project}-a-1", f"{project}-c-1"}
    assert compose("ps", "--services").out.split() == ["a", "c"]


def test_wait_takes_a_job_that_ended_well(compose: Compose, write: Write) -> None:
    sick = f"  sick: {IDLE[:-1]}, healthcheck: {{test: 'false', interval: 100ms, retries: 1}}}}\n"
    write(f"services:\n  a: {IDLE}\n  job: {{image: busybox, command: 'true'}}\n")
    compose("up", "--wait")
    write(f"services:\n  a: {IDLE}\n{sick}")
    failed = compose("up", "--wait", "--remove-orphans", check=False)
    assert failed.code == 1
    assert failed.err.splitlines()[-1].endswith("-sick-1 is unhealthy")


def test_a_dependency_that_fails(compose: Compose, write: Write, project: str) -> None:
    write(
        f"""services:
  web: {IDLE[:-1]}, depends_on: {{job: {{condition: service_completed_successfully}}}}}}
  job: {{image: busybox, command: "false"}}
  sick: {IDLE[:-1]}, healthcheck: {{test: "false", interval: 100ms, retries: 1}}}}
  needs: {IDLE[:-1]}, depends_on: {{sick: {{condition: service_healthy}}}}}}
  bare: {IDLE[:-1]}, depends_on: {{other: {{condition: service_healthy}}}}}}
  other: {IDLE}
"""
    )
    expected = {
        "web": 'service "job" didn\'t complete successfully: exit 1',
        "needs": f"container {project}-sick-1 is unhealthy",
        "bare": f"container {project}-other-1 has no healthcheck configured",
    }
    for service, words in expected.items():
        failed = compose("up", "-d", service, check=False)
        assert failed.code == 1
        assert failed.err.splitlines()[-1] == f"dependency failed to start: {words}"
        assert compose("ps", "-a", "--format", "{{.State}}", service).out == "created\n"


def test_attached_until_one_ends(compose: Compose, write: Write) -> None:
    write(
        f"""services:
  a: {{image: busybox, command: sh -c 'echo one; echo two >&2; exit 3'}}
  long: {IDLE}
"""
    )
    done = compose("up", "--exit-code-from", "a", check=False)
    assert done.code == 3
    lines = done.out.splitlines()
    assert lines[0] == "a-1     | one"
    assert "a-1     | two" in done.err.splitlines()
    assert "a-1 exited with code 3" in lines
    assert compose("ps", "-q").out == ""


def test_ctrl_c_stops_all(
    compose: Compose, write: Write, client: Client, tmp_path: Path, project: str
) -> None:
    write(
        f"services:\n  a: {IDLE}\n  b: {{image: busybox, command: sh -c 'echo up; sleep 1000', init: true}}\n"
    )
    screen = client.terminal("compose", "--project-directory", str(tmp_path / project), "up")
    screen.expect("| \x1b[0mup", 30)
    os.kill(screen.pid, signal.SIGINT)
    screen.expect("Gracefully Stopping... press Ctrl+C again to force", 20)
    assert screen.wait(30) == 130
    assert compose("ps", "-q").out == ""
    assert len(identities(compose)) == 2


def test_run_is_one_container_more(compose: Compose, write: Write, project: str) -> None:
    write(f"services:\n  a: {IDLE[:-1]}, depends_on: [b]}}\n  b: {IDLE}\n")
    done = compose("run", "--rm", "-T", "-e", "X=y", "a", "sh", "-c", "echo $X; exit 4", check=False)
    assert (done.code, done.out) == (4, "y\n")
    assert set(identities(compose)) == {f"{project}-b-1"}
    assert compose("run", "-T", "--no-deps", "a", "true").code == 0
    assert compose("ps", "--format", "{{.Service}}").out.split() == ["b"]
    assert len(compose("ps", "-aq").out.split()) == 2


def test_stop_start_restart_kill_and_rm(compose: Compose, write: Write) -> None:
    write(f"services:\n  a: {IDLE}\n  b: {IDLE}\n")
    compose("create")
    assert compose("ps", "-a", "--format", "{{.State}}").out.split() == ["created", "created"]
    compose("start")
    compose("restart", "-t", "0", "a")
    compose("pause", "b")
    assert compose("ps", "--status", "paused", "--services").out == "b\n"
    compose("unpause", "b")
    compose("stop", "-t", "0", "a")
    compose("kill", "b")
    assert compose("ps", "-q").out == ""
    compose("rm", "-f")
    assert identities(compose) == {}


def test_the_link_called_docker_compose(client: Client, write: Write, tmp_path: Path, project: str) -> None:
    write(f"services:\n  a: {IDLE}\n")
    client("shim", "install", str(tmp_path))
    link = Client("docker-compose", str(tmp_path / "docker-compose"), client.environment)
    file = str(tmp_path / project / "compose.yaml")
    assert link("-f", file, "config", "--services").out == "a\n"
    try:
        link("-f", file, "up", "-d")
        assert link("-f", file, "ps", "--services").out == "a\n"
    finally:
        link("-f", file, "down", "-t", "0")


@pytest.mark.ours("the context is read by the daemon")
def test_what_has_no_image_is_built(
    compose: Compose, write: Write, client: Client, tmp_path: Path, project: str
) -> None:
    write("services:\n  a: {build: {context: ., args: [WHO=me]}, command: cat /who}\n")
    (tmp_path / project / "Dockerfile").write_text("FROM busybox\nARG WHO\nRUN echo $WHO >/who\n")
    try:
        assert compose("up", "--no-log-prefix").out.startswith("me\n")
        assert client("images", "-q", f"{project}-a").out
    finally:
        compose("down", "--rmi", "local")
        client("builder", "prune", "-af")
    assert client("images", "-q", f"{project}-a").out == ""
