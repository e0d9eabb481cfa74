"""macvlan and ipvlan: containers that are machines of their own on the network behind an interface. That is
another network namespace, on whose side of a veth pair somebody serves and looks.
"""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from harness.clients import Client
from harness.looking import TELL, fresh, inspect
from harness.waiting import FACTOR, until
from sampan.linux import rtnetlink

Run = Callable[..., str]
SERVER = "echo hello >/index.html; exec httpd -f -p 80 -h /"
WEB = ("busybox", "sh", "-c", SERVER)
FETCH = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=5).read().decode(), end='')"


def knows(kind: str) -> bool:
    """The kernel: asked for one that hangs on nothing, it has never heard of it, or finds that wrong."""
    with rtnetlink.Socket() as netlink:
        try:
            netlink.talk([rtnetlink.hanging(kind, "probe", None)])
        except OSError as error:
            return error.errno != errno.EOPNOTSUPP
    return True


VLAN = pytest.mark.skipif(not knows("vlan"), reason="this kernel has no 802.1q")
IPVLAN = pytest.mark.skipif(not knows("ipvlan"), reason="this kernel has no ipvlan")
KINDS = [
    pytest.param(("-d", "macvlan"), id="macvlan"),
    *(
        pytest.param(("-d", "ipvlan", "-o", f"ipvlan_mode={mode}"), id=f"ipvlan-{mode}", marks=IPVLAN)
        for mode in ("l2", "l3", "l3s")
    ),
]


class Lan(NamedTuple):
    port: str  # the interface of this machine
    name: str  # of the namespace
    net: str  # three numbers

    def fetch(self, url: str) -> str:
        words = ["ip", "netns", "exec", self.name, sys.executable, "-I", "-c", FETCH, url]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60 * FACTOR, check=False)
        return done.stdout

    def serves(self, address: str) -> str:
        return until(lambda: self.fetch(f"http://{address}/"), 20, f"a page of {address}")

    def flags(self, parent: str = "") -> tuple[str, ...]:
        subnet = ("--subnet", f"{self.net}.0/24", "--ip-range", f"{self.net}.64/26")
        return ("-o", f"parent={parent or self.port}", *subnet, "--gateway", f"{self.net}.1")


@pytest.fixture
def lan() -> Iterator[Lan]:
    made = Lan(fresh("v"), fresh("lan"), f"198.19.{os.getpid() % 256}")
    _ip("netns", "add", made.name)
    try:
        _ip("link", "add", made.port, "type", "veth", "peer", "name", "eth0", "netns", made.name)
        _ip("link", "set", made.port, "up")
        for link in ("lo", "eth0"):
            _ip("-n", made.name, "link", "set", link, "up")
        _ip("-n", made.name, "address", "add", f"{made.net}.1/24", "dev", "eth0")
        yield made
    finally:
        _ip("netns", "delete", made.name)  # and the pair with it


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def endpoint(cli: Client, name: str, network: str) -> dict[str, Any]:
    found: dict[str, Any] = inspect(cli, name)["NetworkSettings"]["Networks"][network]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_containers_are_on_the_network_of_the_interface(
    cli: Client, network: Run, container: Run, lan: Lan, kind: tuple[str, ...]
) -> None:
    name = network(*kind, *lan.flags())
    one, two = (container("--network", name, *WEB) for _ in "ab")
    there = [endpoint(cli, web, name)["IPAddress"] for web in (one, two)]
    assert there == [f"{lan.net}.64", f"{lan.net}.65"]
    assert [lan.serves(address) for address in there] == ["hello\n"] * 2
    assert cli("exec", one, "wget", "-qO-", f"http://{two}/").out == "hello\n", "by name"
    assert cli("exec", one, "ping", "-c1", "-W5", f"{lan.net}.1").code == 0
    words = ["ip", "netns", "exec", lan.name, sys.executable, "-I", "-c", TELL]
    with subprocess.Popen(words) as server:
        try:
            until(lambda: lan.fetch(f"http://{lan.net}.1:8000/"), 20)
            seen = cli("exec", one, "wget", "-qO-", f"http://{lan.net}.1:8000/").out
        finally:
            server.kill()
    assert seen == there[0], "nothing is translated"
    cli("restart", "-t", "0", one)
    assert endpoint(cli, one, name)["IPAddress"] == there[0]
    assert lan.serves(there[0]) == "hello\n"


def test_the_way_out_is_the_one_that_was_asked_for(cli: Client, network: Run, lan: Lan) -> None:
    name = network("-d", "macvlan", *lan.flags())
    shown = cli("run", "--rm", "--network", name, "busybox", "ip", "route").out
    assert f"default via {lan.net}.1 dev eth0" in shown


@pytest.mark.parametrize("kind", KINDS)
def test_plugged_in_and_out_while_it_runs(
    cli: Client, network: Run, container: Run, lan: Lan, kind: tuple[str, ...]
) -> None:
    name = network(*kind, *lan.flags())
    web = container(*WEB)
    cli("network", "connect", name, web)
    there = endpoint(cli, web, name)["IPAddress"]
    assert lan.serves(there) == "hello\n"
    cli("network", "disconnect", name, web)
    assert "eth1" not in cli("exec", web, "ip", "link").out
    cli("network", "connect", name, web)
    assert lan.serves(there) == "hello\n"


@pytest.mark.since(28)
@pytest.mark.parametrize("mode", ["private", "vepa"])
def test_neighbours_on_one_interface_are_kept_apart(
    cli: Client, network: Run, container: Run, lan: Lan, mode: str
) -> None:
    """private: for good; vepa: unless the switch sends back what it got, and a veth pair does not."""
    name = network("-d", "macvlan", "-o", f"macvlan_mode={mode}", *lan.flags())
    one, two = (container("--network", name, *WEB) for _ in "ab")
    there = endpoint(cli, two, name)["IPAddress"]
    assert lan.serves(there) == "hello\n"
    assert cli("exec", one, "timeout", "1", "wget", "-qO-", f"http://{there}/", check=False).code


@pytest.mark.since(28)
@pytest.mark.parametrize("kind", KINDS)
def test_without_an_interface_it_is_a_network_of_its_own(
    cli: Client, network: Run, container: Run, kind: tuple[str, ...]
) -> None:
    name = network(*kind)
    parent = f"dm-{json.loads(cli('network', 'inspect', name).out)[0]['Id'][:12]}"
    assert os.path.exists(f"/sys/class/net/{parent}")
    web = container("--network", name, *WEB)
    fetch = ("busybox", "sh", "-c", f"wget -qO- http://{web}/; ip route | grep -c default")
    assert cli("run", "--rm", "--network", name, *fetch, check=False).out == "hello\n0\n"
    cli("rm", "-f", web)
    cli("network", "rm", name)
    assert not os.path.exists(f"/sys/class/net/{parent}")


@VLAN
def test_a_vlan_of_the_interface(cli: Client, network: Run, container: Run, lan: Lan) -> None:
    """Made with the first network, and gone with the last one."""
    tagged = f"{lan.port}.30"
    _ip("-n", lan.name, "link", "add", "link", "eth0", "name", "eth0.30", "type", "vlan", "id", "30")
    _ip("-n", lan.name, "address", "flush", "dev", "eth0")
    _ip("-n", lan.name, "address", "add", f"{lan.net}.1/24", "dev", "eth0.30")
    _ip("-n", lan.name, "link", "set", "eth0.30", "up")
    name = network("-d", "macvlan", *lan.flags(tagged))
    web = container("--network", name, *WEB)
    assert lan.serves(endpoint(cli, web, name)["IPAddress"]) == "hello\n"
    cli("rm", "-f", web)
    cli("network", "rm", name)
    assert not os.path.exists(f"/sys/class/net/{tagged}")


def test_an_interface_for_one_network_alone(cli: Client, network: Run, lan: Lan) -> None:
    alone = network("-d", "macvlan", "-o", "macvlan_mode=passthru", "-o", f"parent={lan.port}")
    refused = cli("network", "create", "-d", "macvlan", "-o", f"parent={lan.port}", fresh(), check=False)
    assert f"is already using parent interface {lan.port}" in refused.err
    assert cli("run", "--rm", "--network", alone, "busybox", "ip", "link", "show", "eth0").code == 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("macvlan", "parent=lo"), "loopback interface is not a valid macvlan parent link"),
        (
            ("macvlan", "parent=nosuch"),
            "invalid subinterface vlan name nosuch, example formatting is eth0.10",
        ),
        (("macvlan", "parent=nosuch.10"), "-o parent interface does was not found on the host: nosuch"),
        (("macvlan", "parent=lo.9999"), "vlan id must be between 1-4094, received: 9999"),
        (("macvlan", "macvlan_mode=x"), "requested macvlan mode 'x' is not valid, 'bridge' mode is"),
        (("ipvlan", "ipvlan_mode=x"), "requested ipvlan mode 'x' is not valid, 'l2' mode is"),
    ],
    ids=lambda one: one[1] if isinstance(one, tuple) else "",
)
def test_refused(cli: Client, flags: tuple[str, str], words: str) -> None:
    refused = cli("network", "create", "-d", flags[0], "-o", flags[1], fresh(), check=False)
    assert refused.code == 1
    assert words in refused.err
