"""Names on networks of users, and networks that come and go while a container runs, in both spellings."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from harness.clients import Client
from harness.looking import inspect

Run = Callable[..., str]


def lookup(cli: Client, network: str, name: str) -> str:
    """The address that a new container finds behind a name; "" for none."""
    return _first(
        cli("run", "--rm", "--network", network, "debian", "getent", "ahostsv4", name, check=False).out
    )


def _first(out: str) -> str:
    return out.split(maxsplit=1)[0] if out.split() else ""


def address(cli: Client, container: str, network: str) -> str:
    return str(inspect(cli, container)["NetworkSettings"]["Networks"][network]["IPAddress"])


def test_names_ids_and_aliases(cli: Client, network: Run, container: Run) -> None:
    name = network()
    one = container("--network", name, "--network-alias", "db", "--hostname", "box", "busybox", "sleep", "60")
    there = address(cli, one, name)
    identity = str(inspect(cli, one)["Id"])
    script = f"for n in {one} {identity[:12]} db box {one}.{name} DB; do getent ahostsv4 $n | head -1; done"
    found = cli("run", "--rm", "--network", name, "debian", "sh", "-c", script).out
    assert [line.split()[0] for line in found.splitlines()] == [there] * 6
    back = cli("run", "--rm", "--network", name, "debian", "getent", "hosts", there).out
    assert back.split() == [there, f"{one}.{name}"]
    gateway = inspect(cli, one)["NetworkSettings"]["Networks"][name]["Gateway"]
    assert lookup(cli, name, "host.docker.internal") == gateway


def test_a_name_is_known_on_its_own_networks_only(cli: Client, network: Run, container: Run) -> None:
    first, second = network("--internal"), network("--internal")
    one = container("--network", first, "busybox", "sleep", "60")
    assert lookup(cli, first, one) == address(cli, one, first)
    assert lookup(cli, second, one) == ""
    assert lookup(cli, first, "example.com") == "", "nothing is forwarded from an internal network"


def test_resolv_conf(cli: Client, network: Run) -> None:
    flags = ("--network", network(), "--dns", "192.0.2.53", "--dns-search", "lan")
    said = cli("run", "--rm", *flags, "busybox", "cat", "/etc/resolv.conf").out
    assert "nameserver 127.0.0.11\nsearch lan\noptions ndots:0\n" in said
    assert "192.0.2.53" in said.partition("# ExtServers:")[2]


def test_an_alias_that_two_share(cli: Client, network: Run, container: Run) -> None:
    name = network()
    both = [container("--network", name, "--network-alias", "web", "busybox", "sleep", "60") for _ in "ab"]
    said = cli("run", "--rm", "--network", name, "debian", "getent", "ahostsv4", "web").out
    assert {line.split()[0] for line in said.splitlines()} == {address(cli, one, name) for one in both}
    cli("rm", "-f", both[0])
    assert lookup(cli, name, "web") == address(cli, both[1], name)


def test_a_new_name_and_a_restart(cli: Client, network: Run, container: Run) -> None:
    name = network()
    one = container("--network", name, "busybox", "sleep", "60")
    other = f"t{os.urandom(4).hex()}"
    cli("rename", one, other)
    try:
        assert lookup(cli, name, other) == address(cli, other, name)
        cli("restart", "-t", "0", other)
        assert lookup(cli, name, other) == address(cli, other, name)
        cli("stop", "-t", "0", other)
        assert lookup(cli, name, other) == ""
    finally:
        cli("rename", other, one)


def test_link_on_a_network_of_users(cli: Client, network: Run, container: Run) -> None:
    name = network()
    one = container("--network", name, "busybox", "sleep", "60")
    flags = ("--network", name, "--link", f"{one}:short")
    found = cli("run", "--rm", *flags, "debian", "getent", "ahostsv4", "short").out
    assert _first(found) == address(cli, one, name)
    assert lookup(cli, name, "short") == "", "nobody else calls it so"


def test_connected_and_disconnected_while_it_runs(cli: Client, network: Run, container: Run) -> None:
    first, second = network(), network()
    peer = container("--network", second, "busybox", "sleep", "60")
    one = container("--network", first, "busybox", "sleep", "60")
    cli("network", "connect", "--alias", "other", second, one)
    there = address(cli, one, second)
    assert there in cli("exec", one, "ip", "-o", "-4", "addr", "show", "eth1").out
    assert lookup(cli, second, "other") == there
    cli("exec", peer, "ping", "-c", "1", one)
    cli("exec", one, "ping", "-c", "1", peer)
    again = cli("network", "connect", second, one, check=False)
    assert f"endpoint with name {one} already exists in network {second}" in again.err
    cli("network", "disconnect", first, one)
    assert list(inspect(cli, one)["NetworkSettings"]["Networks"]) == [second]
    shown = json.loads(cli("network", "inspect", second).out)[0]["IPAM"]["Config"][0]["Gateway"]
    assert f"default via {shown} dev eth1" in cli("exec", one, "ip", "route").out
    assert "eth0" not in cli("exec", one, "ip", "link").out
    missing = cli("network", "disconnect", first, one, check=False)
    assert f"is not connected to network {first}" in missing.err
    cli("restart", "-t", "0", one)
    assert list(inspect(cli, one)["NetworkSettings"]["Networks"]) == [second], "also after a restart"


def test_from_the_default_bridge_to_one_with_names(cli: Client, network: Run, container: Run) -> None:
    name = network()
    peer = container("--network", name, "busybox", "sleep", "60")
    one = container("busybox", "sleep", "60")
    cli("network", "connect", name, one)
    cli("exec", one, "ping", "-c", "1", peer)
    cli("exec", peer, "ping", "-c", "1", one)


def test_connected_before_the_start(cli: Client, network: Run) -> None:
    first, second = network(), network()
    one = f"t{os.urandom(4).hex()}"
    cli("create", "--name", one, "--network", first, "busybox", "sleep", "60")
    cli("network", "connect", second, one)
    cli("start", one)
    assert all(address(cli, one, name) for name in (first, second))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (
            ["--network", "none"],
            "cannot be connected to multiple networks with one of the networks in private",
        ),
        (["--network", "host"], "cannot be disconnected from host network or connected to host network"),
    ],
    ids=["none", "host"],
)
def test_not_connected(cli: Client, network: Run, container: Run, flags: list[str], words: str) -> None:
    one = container(*flags, "busybox", "sleep", "60")
    assert words in cli("network", "connect", network(), one, check=False).err


def test_events(cli: Client, network: Run, container: Run) -> None:
    name = network()
    one = container("busybox", "sleep", "60")
    cli("network", "connect", name, one)
    cli("network", "disconnect", name, one)
    cli("network", "rm", name)
    soon = str(int(time.time()) + 1)
    told = cli("events", "--since", "10m", "--until", soon, "--filter", f"network={name}").out
    assert [line.split()[2] for line in told.splitlines()] == ["create", "connect", "disconnect", "destroy"]


OWN_SERVER = """
import socket
bound = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
for one in bound:
    one.bind(("0.0.0.0", 53))
print("bound")
"""


def test_port_53_is_the_containers_own(cli: Client, network: Run, container: Run) -> None:
    """A name server in a container listens everywhere, 127.0.0.11 or not; and names go on."""
    name = network()
    one = container("--network", name, "debian", "sleep", "60")
    pid = str(inspect(cli, one)["State"]["Pid"])
    inside = ["nsenter", "-t", pid, "-n", sys.executable, "-I", "-c", OWN_SERVER]
    assert subprocess.run(inside, capture_output=True, text=True, check=True).stdout == "bound\n"
    there = address(cli, one, name)
    assert cli("exec", one, "getent", "ahostsv4", one).out.split()[0] == there
    over_tcp = ("exec", "-e", "RES_OPTIONS=use-vc", one, "getent", "ahostsv4", one)
    assert cli(*over_tcp).out.split()[0] == there


@pytest.mark.ours("Docker's CLI asks for it with --add-host host.docker.internal:host-gateway")
def test_this_machine_has_a_name_everywhere(cli: Client, network: Run) -> None:
    ask = ("debian", "getent", "ahostsv4", "host.docker.internal")

    def found(*flags: str) -> str:
        return _first(cli("run", "--rm", *flags, *ask, check=False).out)

    bridge = json.loads(cli("network", "inspect", "bridge").out)[0]["IPAM"]["Config"][0]["Gateway"]
    assert found() == bridge
    assert found("--add-host", "host.docker.internal:192.0.2.9") == "192.0.2.9"
    assert found("--network", "host") == "127.0.0.1"
    assert found("--network", "none") == ""
    inner = network("--internal")
    gateway = json.loads(cli("network", "inspect", inner).out)[0]["IPAM"]["Config"][0]["Gateway"]
    assert found("--network", inner) == gateway
