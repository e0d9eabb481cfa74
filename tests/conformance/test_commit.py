"""`commit`: of containers that run and of others, in both spellings."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.clients import Client

Run = Callable[..., str]
Name = Callable[[], str]
CHANGE = "echo new > /root/new; rm /etc/passwd; ln /root/new /root/twin; mkdir -m 700 /d; echo x > /d/f"


def config(cli: Client, image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cli("inspect", image).out)[0]
    return found


@pytest.fixture(params=["runs", "runs, not paused", "has ended"])
def changed(request: pytest.FixtureRequest, cli: Client, container: Run) -> tuple[str, list[str]]:
    """A container with changes, and the flags that its commit takes."""
    if request.param == "has ended":
        name = container("busybox", "sh", "-c", CHANGE)
        cli("wait", name)
        return name, []
    name = container("busybox", "sleep", "1000")
    cli("exec", name, "sh", "-c", CHANGE)
    return name, ["--pause=false"] if "not" in request.param else []


def test_the_image_has_what_the_container_has(
    cli: Client, changed: tuple[str, list[str]], new_image: Name
) -> None:
    name, flags = changed
    image = new_image()
    identity = cli("commit", *flags, name, image).out.strip()
    assert config(cli, image)["Id"] == identity
    script = "cat /root/new; stat -c '%h %a' /root/twin /d; ls /etc/passwd"
    shown = cli("run", "--rm", image, "sh", "-c", script, check=False)
    assert shown.out.splitlines() == ["new", "2 644", "2 700"]
    assert "No such file" in shown.err


def test_the_container_goes_on_as_before(
    cli: Client, changed: tuple[str, list[str]], new_image: Name
) -> None:
    name, flags = changed
    state = config(cli, name)["State"]["Status"]
    first, second = new_image(), new_image()
    cli("commit", *flags, name, first)
    assert config(cli, name)["State"]["Status"] == state
    cli("start", name)
    cli("restart", "-t", "0", name)
    if state == "running":
        cli("exec", name, "sh", "-c", "echo more >> /root/new")
    cli("commit", *flags, name, second)
    cli("rm", "-f", name)
    lines = ["new", "more"] if state == "running" else ["new"]
    assert cli("run", "--rm", second, "cat", "/root/new").out.split() == lines
    assert cli("run", "--rm", first, "cat", "/root/new").out.split() == ["new"]


def test_configuration_is_inherited_and_changed(cli: Client, container: Run, new_image: Name) -> None:
    name = container("-e", "A=1", "--label", "l=1", "-w", "/tmp", "--expose", "81", "nginx")
    image = new_image()
    changes = [
        'CMD ["echo","hi"]', 'ENTRYPOINT ["/bin/sh","-c"]', "ENV B=2 C=3", "EXPOSE 99/udp", "LABEL m=2",
        "ONBUILD RUN true", "USER nobody", "VOLUME /v", "WORKDIR /etc", "STOPSIGNAL SIGUSR1",
        "HEALTHCHECK --interval=5s --retries=2 CMD true",
    ]  # fmt: skip
    flags = [word for change in changes for word in ("-c", change)]
    cli("commit", "-a", "Me <me@here>", "-m", "a message", *flags, name, f"{image}:tag")
    shown = config(cli, f"{image}:tag")
    run = shown["Config"]
    assert (shown["Author"], shown["Comment"]) == ("Me <me@here>", "a message")
    assert run["Cmd"] == ["echo", "hi"]
    assert run["Entrypoint"] == ["/bin/sh", "-c"]
    assert {"A=1", "B=2", "C=3"} <= set(run["Env"])
    assert {"80/tcp", "81/tcp", "99/udp"} <= set(run["ExposedPorts"])
    assert {"l": "1", "m": "2"}.items() <= run["Labels"].items()
    assert (run["OnBuild"], run["User"]) == (["RUN true"], "nobody")
    assert (run["WorkingDir"], run["StopSignal"]) == ("/etc", "SIGUSR1")
    assert "/v" in run["Volumes"]
    health = {"Test": ["CMD-SHELL", "true"], "Interval": 5000000000, "Retries": 2}
    assert {key: value for key, value in run["Healthcheck"].items() if value} == health


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["absent"], "No such container: absent"),
        (["{}", "Upper"], "must be lowercase"),
        (["{}", "a:b:c"], "invalid reference format"),
        (["-c", "RUN x", "{}"], "run is not a valid change command"),
        (["-c", "FROM x", "{}"], "from is not a valid change command"),
    ],
)
def test_what_is_refused(cli: Client, container: Run, arguments: list[str], sentence: str) -> None:
    name = container("busybox", "true")
    before = cli("images", "-a", "-q").out
    refused = cli("commit", *(word.format(name) for word in arguments), check=False)
    assert refused.code == 1
    assert sentence.lower() in refused.err.lower()
    assert cli("images", "-a", "-q").out == before


def test_volumes_are_not_committed(cli: Client, container: Run, new_image: Name) -> None:
    name = container("-v", "/data", "busybox", "sh", "-c", "echo x > /data/file")
    cli("wait", name)
    image = new_image()
    cli("commit", name, image)
    assert cli("run", "--rm", image, "ls", "-A", "/data").out == ""


def test_events(cli: Client, container: Run, new_image: Name) -> None:
    name = container("busybox", "sleep", "1000")
    cli("commit", name, new_image())
    end = str(int(time.time()) + 1)  # the stock client counts in whole seconds
    told = cli("events", "--since", "1m", "--until", end, "--filter", f"container={name}").out
    actions = [line.split(" container ")[1].split()[0] for line in told.splitlines()]
    assert [one for one in actions if one in ("pause", "unpause", "commit")] == ["pause", "unpause", "commit"]


@pytest.mark.ours("the change is hashed when somebody asks for it")
@pytest.mark.parametrize("running", [True, False])
def test_a_large_change_is_the_same_image_everywhere(
    cli: Client, container: Run, new_image: Name, tmp_path: Path, running: bool
) -> None:
    """Too large to be hashed at once: its id is that of its configuration all the same, as soon as anybody
    looks, and the one that `commit` told goes on to name it."""
    script = "dd if=/dev/urandom of=/big bs=1M count=40 2>/dev/null; sha256sum /big > /sum"
    name = container("busybox", "sh", "-c", f"{script}; touch /done" + ("; sleep 1000" if running else ""))
    if running:
        cli("exec", name, "sh", "-c", "until [ -e /done ]; do usleep 10000; done")
    else:
        cli("wait", name)
    first, second = new_image(), new_image()
    identity = cli("commit", name, first).out.strip()
    on_top = cli("create", identity, "true").out.strip()
    try:
        cli("commit", on_top, second)  # its configuration is written before the layer below is hashed
    finally:
        cli("rm", on_top)
    listed = cli("images", "-q", "--no-trunc", first).out.strip()
    shown = config(cli, first)
    assert shown["Id"] == listed == config(cli, identity)["Id"] == config(cli, identity[7:19])["Id"]
    assert (
        config(cli, second)["RootFS"]["Layers"][: len(shown["RootFS"]["Layers"])] == shown["RootFS"]["Layers"]
    )
    assert cli("run", "--rm", second, "sha256sum", "-c", "/sum").out == "/big: OK\n"
    cli("save", "-o", f"{tmp_path}/first.tar", first)
    cli("rmi", first)
    cli("load", "-q", "-i", f"{tmp_path}/first.tar")
    assert config(cli, first)["Id"] == listed
    cli("rmi", first)


_WITH_DOCKER_PY = """
import docker, sys
client = docker.from_env()
image = client.containers.get(sys.argv[1]).commit(sys.argv[2], tag="x", message="m", conf={"Cmd": ["id"]})
print(image.tags[0], image.attrs["Config"]["Cmd"], client.containers.run(image.id, remove=True).decode())
"""


def test_docker_py(cli: Client, container: Run, new_image: Name) -> None:
    pytest.importorskip("docker")
    name, image = container("busybox", "sleep", "1000"), new_image()
    done = subprocess.run(
        [sys.executable, "-c", _WITH_DOCKER_PY, name, image],
        env=cli.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.startswith(f"{image}:x ['id'] uid=0(root)"), done.stderr


@pytest.mark.ours("the change is hashed when somebody asks for it")
def test_a_build_on_top_of_a_large_change(sampan: Client, tmp_path: Path) -> None:
    script = "dd if=/dev/urandom of=/big bs=1M count=40 2>/dev/null; sha256sum /big > /sum"
    sampan("run", "--name", "base-of-build", "busybox", "sh", "-c", script)
    try:
        sampan("commit", "base-of-build", "large-base")
        sampan("build", "-q", "-t", "large-built", "-", stdin=b"FROM large-base\nWORKDIR /made/here\n")
        shown = sampan("run", "--rm", "large-built", "sh", "-c", "pwd; sha256sum -c /sum").out
        assert shown == "/made/here\n/big: OK\n"
        sampan("save", "-o", f"{tmp_path}/built.tar", "large-built")
        identity = sampan("inspect", "-f", "{{.Id}}", "large-built").out
        sampan("rmi", "large-built")
        sampan("builder", "prune", "-a", "-f")
        sampan("load", "-i", f"{tmp_path}/built.tar")
        assert sampan("inspect", "-f", "{{.Id}}", "large-built").out == identity
    finally:
        sampan("rm", "-f", "base-of-build")
        sampan("rmi", "-f", "large-built", "large-base", check=False)
        sampan("builder", "prune", "-a", "-f", check=False)
