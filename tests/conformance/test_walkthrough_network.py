"""Rows 11 and 12 of what a developer does on the first day, in both spellings, word for word: containers that
find each other."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.clients import Client
from harness.looking import free_port, serves

# nginx' own image has curl, the tests' has not; bash can.
CURL = (
    "command -v curl >/dev/null && exec curl -s http://{0}/; "
    "exec 3<>/dev/tcp/{0}/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
)
NAMES = ("myng", "myng2", "myng3")
Run = Callable[..., str]


@pytest.fixture
def container1(cli: Client) -> Iterator[dict[str, Any]]:
    """The first of two: `docker run -dp 80:80 --name myng nginx`, whose page says who it is."""
    port = free_port()
    cli("run", "-dp", f"{port}:80", "--name", "myng", "nginx")
    try:
        page = "echo container1 > /usr/share/nginx/html/index.html"
        cli("exec", "myng", "bash", "-c", page)
        assert serves(port) == "container1\n"
        yield json.loads(cli("inspect", "myng").out)[0]
    finally:
        cli("rm", "-f", *NAMES, check=False)


def curl(cli: Client, name: str, where: str) -> str:
    return cli("exec", name, "bash", "-c", CURL.format(where)).out.splitlines()[-1]


def test_row_11_one_container_curls_the_other_by_its_address(cli: Client, container1: dict[str, Any]) -> None:
    network = container1["NetworkSettings"]["Networks"]["bridge"]
    there, gateway = network["IPAddress"], network["Gateway"]
    identity = cli("run", "-dp", f"{free_port()}:80", "--name", "myng2", "nginx").out.strip()
    assert gateway.rpartition(".")[0] == there.rpartition(".")[0] and gateway.endswith(".1")
    assert curl(cli, "myng2", there) == "container1"
    own = cli("inspect", "--format", "{{.NetworkSettings.Networks.bridge.IPAddress}}", "myng2").out.strip()
    hosts = cli("exec", "myng2", "cat", "/etc/hosts").out.splitlines()
    assert f"{own}\t{identity[:12]}" in hosts, "its own line"
    assert own != there


def test_row_12_a_link(cli: Client, container1: dict[str, Any]) -> None:
    there = container1["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    cli("run", "-dp", f"{free_port()}:80", "--name", "myng3", "--link", "myng", "nginx")
    assert curl(cli, "myng3", "myng") == "container1"
    hosts = cli("exec", "myng3", "cat", "/etc/hosts").out.splitlines()
    assert f"{there}\tmyng {container1['Id'][:12]}" in hosts


def test_row_12_a_link_to_nobody(cli: Client) -> None:
    """In the text it is `--link myng1`, and there is no such container."""
    refused = cli(
        "run", "-dp", f"{free_port()}:80", "--name", "myng3", "--link", "myng1", "nginx", check=False
    )
    assert refused.code == 125
    assert "could not get container for myng1: No such container: myng1" in refused.err
    assert cli("ps", "-aq", "--filter", "name=myng3").out == ""
