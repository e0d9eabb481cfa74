"""Published ports seen from another machine, and the other machine seen from a container.

The neighbour is a network namespace behind a veth pair: what it sends arrives as from the wire.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from harness.clients import Client
from harness.looking import TELL
from harness.waiting import FACTOR, until

Run = Callable[..., str]
FETCH = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=5).read().decode()[:60])"
BRIEF = ("timeout", "0.5", sys.executable, "-I", "-c", FETCH)
# No program in the image of nginx fetches, but bash can.
BASH_FETCH = "exec 3<>/dev/tcp/{}/{}; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"


class Lan(NamedTuple):
    name: str
    machine: str  # our address in it
    port: str  # our interface in it
    neighbour: str

    def command(self, *words: str) -> list[str]:
        return ["ip", "netns", "exec", self.name, *words]

    def fetch(self, url: str) -> "subprocess.CompletedProcess[str]":
        """What a browser on the neighbour gets."""
        words = self.command(sys.executable, "-I", "-c", FETCH, url)
        return subprocess.run(words, capture_output=True, text=True, timeout=30 * FACTOR, check=False)


@pytest.fixture
def lan() -> Iterator[Lan]:
    """Addresses of RFC 2544, which no real network has."""
    net = f"198.18.{os.getpid() % 256}"
    port = f"lan{os.getpid()}"
    made = Lan(f"lan-{os.getpid()}", f"{net}.1", port, f"{net}.2")
    _ip("netns", "add", made.name)
    try:
        _ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", made.name)
        _ip("address", "add", f"{made.machine}/24", "dev", port)
        _ip("link", "set", port, "up")
        _ip("-n", made.name, "address", "add", f"{made.neighbour}/24", "dev", "eth0")
        _ip("-n", made.name, "link", "set", "lo", "up")
        _ip("-n", made.name, "link", "set", "eth0", "up")
        _ip("-n", made.name, "route", "add", "default", "via", made.machine)
        yield made
    finally:
        _ip("netns", "delete", made.name)  # the pair goes with it


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def published(cli: Client, name: str) -> int:
    ports = json.loads(cli("inspect", name).out)[0]["NetworkSettings"]["Ports"]["80/tcp"]
    return int(ports[0]["HostPort"])


def test_a_neighbour_reaches_a_published_port_and_is_seen_with_its_own_address(
    cli: Client, container: Run, lan: Lan
) -> None:
    name = container("-p", "80", "nginx")
    url = f"http://{lan.machine}:{published(cli, name)}/"
    assert "<!DOCTYPE html>" in until(lambda: lan.fetch(url).stdout)
    visitors = [line.split()[0] for line in cli("logs", name).out.splitlines() if '"GET / HTTP' in line]
    assert visitors == [lan.neighbour]


def test_a_neighbour_does_not_reach_a_port_published_on_loopback(
    cli: Client, container: Run, lan: Lan
) -> None:
    open_one, closed = container("-p", "80", "nginx"), container("-p", "127.0.0.1::80", "nginx")
    until(lambda: lan.fetch(f"http://{lan.machine}:{published(cli, open_one)}/").stdout)
    refused = lan.fetch(f"http://{lan.machine}:{published(cli, closed)}/")
    assert "Connection refused" in refused.stderr
    assert "GET" not in cli("logs", closed).out


@pytest.mark.since(28)
def test_a_neighbour_does_not_reach_the_address_of_a_container(cli: Client, container: Run, lan: Lan) -> None:
    name = container("-p", "80", "nginx")
    until(lambda: lan.fetch(f"http://{lan.machine}:{published(cli, name)}/").stdout)
    (endpoint,) = json.loads(cli("inspect", name).out)[0]["NetworkSettings"]["Networks"].values()
    assert "timed out" in lan.fetch(f"http://{endpoint['IPAddress']}/").stderr
    assert cli("logs", name).out.count('"GET / HTTP') == 1


@pytest.mark.since(28)
def test_a_network_that_trusts_an_interface(cli: Client, container: Run, network: Run, lan: Lan) -> None:
    """What is published there, if only on 127.0.0.1, is open at the container's address; nothing else is."""
    trusting = network("-o", f"com.docker.network.bridge.trusted_host_interfaces=none0:{lan.port}")
    serving = "echo hello >/index.html; httpd -p 81 -h /; exec httpd -f -p 80 -h /"
    name = container("--network", trusting, "-p", "127.0.0.1::80", "busybox", "sh", "-c", serving)
    endpoint = json.loads(cli("inspect", name).out)[0]["NetworkSettings"]["Networks"][trusting]
    until(lambda: lan.fetch(f"http://{endpoint['IPAddress']}/").stdout == "hello\n\n")
    unpublished = lan.command(*BRIEF, f"http://{endpoint['IPAddress']}:81/")
    assert subprocess.run(unpublished, check=False).returncode == 124
    asked = f"timeout 1 wget -qO- http://{endpoint['IPAddress']}/; exit $?"
    refused = cli("run", "--rm", "--network", network(), "busybox", "sh", "-c", asked, check=False)
    assert refused.code and not refused.out, "nor from a network that it does not trust"


def test_a_container_reaches_a_neighbour_as_the_machine(cli: Client, lan: Lan) -> None:
    with subprocess.Popen(lan.command(sys.executable, "-I", "-c", TELL)) as server:
        try:
            until(lambda: lan.fetch(f"http://{lan.neighbour}:8000/").stdout)
            told = cli("run", "--rm", "busybox", "wget", "-qO-", f"http://{lan.neighbour}:8000/").out
        finally:
            server.kill()
    assert told == lan.machine


def test_a_container_reaches_published_ports_through_the_machine(
    cli: Client, container: Run, lan: Lan
) -> None:
    """Its own, too."""
    name = container("-p", "80", "nginx")
    url = f"http://{lan.machine}:{published(cli, name)}/"
    until(lambda: lan.fetch(url).stdout)
    assert "nginx" in cli("run", "--rm", "busybox", "wget", "-qO-", url).out
    by_itself = BASH_FETCH.format(lan.machine, published(cli, name))
    assert "nginx" in cli("exec", name, "bash", "-c", by_itself).out
