"""Rows 1 to 8 of what a developer does on the first day, in both spellings, word for word."""

import json
import os
import re
import urllib.request
from collections.abc import Callable, Iterator

import docker
import pytest
from docker.models.containers import Container as PyContainer

from harness.clients import Client
from harness.daemon import Daemon
from harness.looking import free_port
from harness.reference import Reference
from harness.waiting import until


def page(port: int, host: str = "127.0.0.1") -> str:
    with urllib.request.urlopen(f"http://{host}:{port}/", timeout=10) as answer:
        return str(answer.read().decode())


def serves(port: int) -> str:
    """The page, once the server is up."""

    def fetch() -> str:
        try:
            return page(port)
        except OSError:
            return ""

    return until(fetch, what=f"a page on port {port}")


@pytest.fixture
def nginx(cli: Client) -> Iterator[tuple[str, int]]:
    """`run -d -p PORT:80 --name nginx nginx`: its ID and port."""
    port = free_port()
    identity = cli("run", "-d", "-p", f"{port}:80", "--name", "nginx", "nginx").out.strip()
    yield identity, port
    cli("rm", "-f", "nginx", check=False)


@pytest.mark.parametrize("name", ["nginx", "nginx:latest"])
def test_row_1_pull_ends_with_the_whole_name(cli: Client, name: str) -> None:
    lines = cli("pull", name).out.splitlines()
    assert lines[-1] == "docker.io/library/nginx:latest"
    assert "latest: Pulling from library/nginx" in lines
    assert any(line.startswith("Digest: sha256:") for line in lines)
    assert lines[-2] == "Status: Image is up to date for nginx:latest"
    assert ("Using default tag: latest" in lines) == (name == "nginx")


def test_row_1_pull_shows_each_layer(cli: Client) -> None:
    lines = cli("pull", "redis").out.splitlines()
    shared, own = (line.partition(":")[0] for line in lines if line.endswith(": Pulling fs layer"))
    assert len(shared) == len(own) == 12
    assert f"{shared}: Already exists" in lines
    assert f"{own}: Download complete" in lines
    assert f"{own}: Pull complete" in lines
    assert lines[-2] == "Status: Downloaded newer image for redis:latest"
    removed = cli("rmi", "redis").out.splitlines()
    assert removed[0] == "Untagged: redis:latest"
    assert removed[2].startswith("Deleted: sha256:")


def test_row_2_images(cli: Client) -> None:
    heading, *rows = cli("images").out.splitlines()
    assert heading.split("   ")[0] == "REPOSITORY"
    assert heading.split() == ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
    row = next(row for row in rows if row.split()[:2] == ["nginx", "latest"])
    assert row.rstrip().endswith("MB")


def test_row_3_run_prints_the_id_and_serves(nginx: tuple[str, int]) -> None:
    identity, port = nginx
    assert len(identity) == 64
    assert set(identity) <= set("0123456789abcdef")
    assert "Welcome to nginx!" in serves(port)


def test_row_4_ps(cli: Client, nginx: tuple[str, int]) -> None:
    identity, port = nginx
    cli("run", "--name", "ended", "busybox", "true")
    heading, *rows = cli("ps").out.splitlines()
    assert heading.split() == ["CONTAINER", "ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    (row,) = rows
    assert row.startswith(identity[:12])
    assert f"0.0.0.0:{port}->80/tcp, " in row
    assert (
        f"[::]:{port}->80/tcp" in row or f":::{port}->80/tcp" in row
    )  # docker before 23 leaves the brackets out
    assert '"nginx -g \'daemon of…"' in row
    assert row.endswith("nginx")
    everything = cli("ps", "-a").out.splitlines()[1:]
    assert [line.split()[-1] for line in everything] == ["ended", "nginx"]
    assert "Exited (0)" in everything[0]
    cli("rm", "ended")


def test_row_5_stop_and_start_by_name_and_by_prefix(cli: Client, nginx: tuple[str, int]) -> None:
    identity, port = nginx
    serves(port)
    assert cli("stop", "nginx").out == "nginx\n"
    state = json.loads(cli("inspect", "nginx").out)[0]["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 0), "SIGQUIT ends nginx; SIGKILL would give 137"
    assert cli("ps", "-q").out == ""
    assert cli("start", identity[:3]).out == f"{identity[:3]}\n"
    assert "Welcome" in serves(port)
    assert cli("stop", identity[:3]).out == f"{identity[:3]}\n"


def test_row_6_a_shell_inside(cli: Client, nginx: tuple[str, int]) -> None:
    _, port = nginx
    serves(port)
    shell = cli.terminal("exec", "-it", "nginx", "bash", size=(33, 101))
    shell.type("PS1='$ '; stty size\n")
    shell.expect("33 101")
    shell.resize(40, 120)
    shell.type("until [ \"$(stty size)\" = '40 120' ]; do :; done; echo resi''zed\n")
    shell.expect("resized")
    shell.type("cd /usr/share/nginx/html && echo test commit > index.html; echo wri''tten\n")
    shell.expect("written")
    assert page(port) == "test commit\n"
    shell.type("tr a-z A-Z\n")  # it answers: so it runs when the interrupt comes
    shell.type("listening\n")
    shell.expect("LISTENING")
    shell.type("\x03")
    shell.expect("^C")
    shell.expect("$ ")
    shell.type("echo inter''rupted $?\n")
    shell.expect("interrupted 130")
    shell.type("exit 42\n")
    assert shell.wait() == 42


def test_rows_7_and_8_commit_and_run_that(
    cli: Client, nginx: tuple[str, int], new_image: Callable[[], str]
) -> None:
    serves(nginx[1])
    image = new_image()
    cli("exec", "nginx", "sh", "-c", "echo test commit > /usr/share/nginx/html/index.html")
    said = cli("commit", "nginx", image).out
    assert re.fullmatch("sha256:[0-9a-f]{64}\n", said)
    row = next(line for line in cli("images").out.splitlines() if line.startswith(f"{image} "))
    assert row.split()[2] == said[7:19]
    kept = [json.loads(cli("inspect", name).out)[0]["Config"] for name in ("nginx", image)]
    assert all(kept[0][key] == kept[1][key] for key in ("Cmd", "Env", "ExposedPorts"))
    cli("rm", "-f", "nginx")
    port = free_port()
    cli("run", "-dp", f"{port}:80", "--name", "nginx", image)
    assert serves(port) == "test commit\n"
    cli("rm", "-f", "nginx")


def test_the_first_day_with_docker_py(server: Daemon | Reference) -> None:
    client = docker.DockerClient(base_url=server.host)
    port = free_port()
    container: PyContainer = client.containers.run(
        "nginx", detach=True, ports={"80/tcp": port}, name="py-nginx"
    )
    try:
        assert "Welcome" in serves(port)
        assert [one.name for one in client.containers.list()] == ["py-nginx"]
        code, output = container.exec_run(["sh", "-c", "echo out; exit 3"])
        assert (code, output) == (3, b"out\n")
        assert b"GET / HTTP" in container.logs()
        container.stop()
        container.reload()
        assert container.status == "exited"
        assert container.attrs["State"]["ExitCode"] == 0
        container.start()
        assert "Welcome" in serves(port)
    finally:
        container.remove(force=True)
    assert client.containers.run("busybox", ["echo", "hello"], remove=True) == b"hello\n"
    assert any("nginx:latest" in image.tags for image in client.images.list())
    client.close()


def test_a_terminal_of_run_itself(cli: Client) -> None:
    name = f"t{os.urandom(3).hex()}"
    shell = cli.terminal("run", "-it", "--rm", "--name", name, "busybox", "sh", size=(30, 90))
    shell.type("stty size; tty; echo $TERM\n")
    shell.expect("30 90")
    shell.expect("/dev/pts/0")
    shell.expect("xterm")
    shell.type("exit 7\n")
    assert shell.wait() == 7
