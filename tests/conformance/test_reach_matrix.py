"""Who reaches whom: everybody tries everything, tcp and udp, IPv4 and IPv6; every cell is as in Docker 28.

```
 lan ── 198.18.200.2        198.18.200.1 ── machine ── default bridge ── plain
        2001:db8:77::2      2001:db8:77::1     │  ├── aa ── web, peer
        and routes to everything behind it     │  ├── bb ── other
                                198.18.201.1 ──┘  └── inner (--internal) ── secret
```

For ours the machine is a network namespace with a daemon of its own, as unsafe as a machine gets (it routes
127.0.0.0/8, believes every source, and forwards), so that only our rules stand in the way; a dockerd has the
machine itself. The lan has no 127.0.0.1 of its own and sends it to the machine: a neighbour that attacks.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from harness import audit
from harness.clients import Client, ours, stock
from harness.daemon import Daemon, fresh_root
from harness.reaching import Namespace, Service, Trial, Try
from harness.reference import CACHE, Reference
from harness.waiting import until

MACHINE, LAN, SECOND = "198.18.200.1", "198.18.200.2", "198.18.201.1"
MACHINE6, LAN6 = "2001:db8:77::1", "2001:db8:77::2"
NETS = {"aa": ("10.231.1", "fd31:1"), "bb": ("10.231.2", "fd31:2"), "inner": ("10.231.3", "fd31:3")}
FIRST = 28  # Docker's version that has it so
CONTROL = os.environ.get("SAMPAN_TEST_CONTROL", "")  # a dockerd to be started in our daemon's place
ACTORS = ("machine", "lan", "web", "peer", "other", "secret", "plain")
PUBLISHED = [
    f"{at}{port}:80/{protocol}"
    for at, port in (
        ("", 8080), ("127.0.0.1:", 8081), (f"{MACHINE}:", 8082), ("[::1]:", 8083), (f"[{MACHINE6}]:", 8084),
    )
    for protocol in ("tcp", "udp")
]  # fmt: skip

# What is tried, and who reaches it in Docker 28, by the first letters of the actors, in their order; "-"
# is one who does not. One column for IPv4 and one for IPv6; "": there is nothing to try.
TABLE = {
    # A container's own address: the machine, and who is on the same bridge. The lan not even at a port that
    # is published (raw PREROUTING, new in 28), nor containers of other bridges (isolation): their way is
    # through the machine's ports.
    "web:80": ("m-wp---", "m-wp---"),
    "web:81, not published": ("m-wp---", "m-wp---"),
    # Of an internal network: the machine, which has an address there, and nobody else.
    "secret:80": ("m----s-", "m----s-"),
    # Published on every address: whoever has a way to the machine. An internal network has none; and the
    # default bridge has no IPv6.
    "8080 at the machine": ("mlwpo-p", "mlwpo--"),
    "8080 at the second address": ("mlwpo-p", ""),
    "8080 at the gateway of aa": ("mlwpo-p", "mlwpo--"),
    # 127.0.0.1 and ::1 are the machine's own, and nobody else's (moby#45610: the lan's, too, before 28).
    "8080 at loopback": ("m------", "m------"),
    "8081, of 127.0.0.1, there": ("m------", ""),
    "8081, of 127.0.0.1, at the machine": ("-------", ""),
    "8083, of ::1, there": ("", "m------"),
    "8083, of ::1, at the machine": ("", "-------"),
    # Published on one address: there, and at no other.
    "8082, of one, there": ("mlwpo-p", ""),
    "8082, of one, at the second address": ("-------", ""),
    "8084, of one, there": ("", "mlwpo--"),
    # The machine's own services: containers are neighbours like any other; who is on an internal network
    # reaches the address that the machine has there. What listens on 127.0.0.1 is for the machine.
    "service of the machine": ("mlwpo-p", "mlwpo--"),
    "service of the machine at the gateway of inner": ("mlwposp", "mlwpos-"),
    "service of the machine on loopback": ("m------", "m------"),
    # The way out: everybody but who is on an internal network; and the lan, whose loopback is down.
    "service of the lan": ("m-wpo-p", "m-wpo--"),
}


class Place(NamedTuple):
    """A machine, and who is on it."""

    actors: dict[str, Namespace]
    addresses: dict[str, tuple[str, str]]  # of the containers
    gateways: dict[str, tuple[str, str]]  # of the networks
    major: int


class Elsewhere(Daemon):
    """In a network namespace."""

    netns = ""

    @property
    def command(self) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self.netns}", *super().command]


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    names = {name: f"{name}-{os.getpid()}" for name in ("machine", "lan")}
    with ExitStack() as stack:
        _add(stack, names["lan"])
        path = f"/run/netns/{names['machine']}"
        if os.environ.get("SAMPAN_REFERENCE"):
            dockerd: Reference = request.getfixturevalue("reference")
            _wire(stack, names["lan"], [])
            cli, major, path = dockerd.docker, dockerd.major, "/proc/self/ns/net"
        else:
            _add(stack, names["machine"])
            _wire(stack, names["lan"], ["-n", names["machine"]])
            _make_unsafe(names["machine"])
            cli, major = _control(stack, path) if CONTROL else (_ours(stack, names["machine"]), FIRST)
            cli("load", "-q", "-i", str(CACHE / "busybox.tar"), timeout=300)
        actors = {"machine": Namespace(path), "lan": Namespace(f"/run/netns/{names['lan']}")}
        stack.callback(lambda: [one.close() for one in actors.values()])
        yield _people(stack, cli, actors, major)


def _ours(stack: ExitStack, netns: str) -> Client:
    daemon = Elsewhere(fresh_root())
    daemon.netns = netns
    stack.enter_context(audit.leaving_nothing(daemon))
    found = stock(daemon.environment())
    return found if os.path.exists(found.program) else ours(daemon.environment())


def _control(stack: ExitStack, netns: str) -> tuple[Client, int]:
    """A dockerd of its own in the same place."""
    root = fresh_root()
    stack.callback(shutil.rmtree, root)
    places = ["--data-root", f"{root}/data", "--exec-root", f"{root}/exec", "-p", f"{root}/pid"]
    words = ["nsenter", f"--net={netns}", CONTROL, *places, "-H", f"unix://{root}/sock"]
    log = stack.enter_context((root / "log").open("wb"))
    dockerd = stack.enter_context(subprocess.Popen(words, stdout=log, stderr=log, cwd="/"))
    stack.callback(dockerd.terminate)
    cli = stock({**os.environ, "DOCKER_HOST": f"unix://{root}/sock"})
    until(lambda: cli("version", check=False).code == 0, 60, "dockerd's first answer")
    return cli, int(cli("version", "--format", "{{.Server.Version}}").out.split(".")[0])


def _add(stack: ExitStack, name: str) -> None:
    _ip("netns", "add", name)
    stack.callback(_ip, "netns", "delete", name)


def _wire(stack: ExitStack, lan: str, machine: list[str]) -> None:
    port = f"lan{os.getpid()}"
    _ip(*machine, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", lan)
    if not machine:
        stack.callback(_ip, "link", "delete", port)
    for address in (f"{MACHINE}/24", f"{SECOND}/24", f"{MACHINE6}/64"):
        _ip(*machine, "address", "add", address, "dev", port, *(["nodad"] if ":" in address else []))
    for link in ("lo", port):
        _ip(*machine, "link", "set", link, "up")
    for address in (f"{LAN}/24", f"{LAN6}/64"):
        _ip("-n", lan, "address", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))
    _ip("-n", lan, "link", "set", "eth0", "up")
    attacker = Namespace(f"/run/netns/{lan}")
    attacker.sysctl("ipv4/conf/eth0/route_localnet", "1")
    attacker.close()
    for route in ("127.0.0.0/8", "10.231.0.0/16", "172.16.0.0/12", "192.168.0.0/16", f"{SECOND}/32"):
        _ip("-n", lan, "route", "add", route, "via", MACHINE)
    _ip("-n", lan, "route", "add", "fd31::/16", "via", MACHINE6)


def _make_unsafe(netns: str) -> None:
    machine = Namespace(f"/run/netns/{netns}")
    for path in ("ipv4/conf/all/route_localnet", "ipv4/ip_forward", "ipv6/conf/all/forwarding"):
        machine.sysctl(path, "1")
    for path in ("ipv4/conf/all/rp_filter", "ipv4/conf/default/rp_filter"):
        machine.sysctl(path, "0")
    machine.close()


def _people(stack: ExitStack, cli: Client, actors: dict[str, Namespace], major: int) -> Place:
    gateways, addresses = {}, {}
    for name, (four, six) in NETS.items():
        flags = ("--internal",) if name == "inner" else ()
        subnets = ("--subnet", f"{four}.0/24", "--ipv6", "--subnet", f"{six}::/64", "--gateway", f"{six}::1")
        cli("network", "create", *flags, *subnets, f"reach-{name}")
        stack.callback(cli, "network", "rm", f"reach-{name}", check=False)
        gateways[name] = (f"{four}.1", f"{six}::1")
    ports = [word for one in PUBLISHED for word in ("-p", one)]
    for name, network, more in (
        ("web", "reach-aa", ports),
        ("peer", "reach-aa", []),
        ("other", "reach-bb", []),
        ("secret", "reach-inner", []),
        ("plain", "bridge", []),
    ):
        full = f"reach-{name}"
        cli("run", "-d", "--name", full, "--network", network, *more, "busybox", "sleep", "3600")
        stack.callback(cli, "rm", "-f", full, check=False)
        about: dict[str, Any] = json.loads(cli("inspect", full).out)[0]
        (endpoint,) = about["NetworkSettings"]["Networks"].values()
        addresses[name] = (endpoint["IPAddress"], endpoint["GlobalIPv6Address"])
        actors[name] = Namespace(f"/proc/{about['State']['Pid']}/ns/net")
    return Place(actors, addresses, gateways, major)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def _targets(place: Place) -> dict[str, tuple[str, str, int]]:
    """(IPv4, IPv6, port) of each row."""
    loopback = ("127.0.0.1", "::1")
    machine = (MACHINE, MACHINE6)
    return {
        "web:80": (*place.addresses["web"], 80),
        "web:81, not published": (*place.addresses["web"], 81),
        "secret:80": (*place.addresses["secret"], 80),
        "8080 at the machine": (*machine, 8080),
        "8080 at the second address": (SECOND, "", 8080),
        "8080 at the gateway of aa": (*place.gateways["aa"], 8080),
        "8080 at loopback": (*loopback, 8080),
        "8081, of 127.0.0.1, there": (*loopback, 8081),
        "8081, of 127.0.0.1, at the machine": (*machine, 8081),
        "8083, of ::1, there": (*loopback, 8083),
        "8083, of ::1, at the machine": (*machine, 8083),
        "8082, of one, there": (*machine, 8082),
        "8082, of one, at the second address": (SECOND, "", 8082),
        "8084, of one, there": (*machine, 8084),
        "service of the machine": (*machine, 5000),
        "service of the machine at the gateway of inner": (*place.gateways["inner"], 5000),
        "service of the machine on loopback": (*loopback, 5001),
        "service of the lan": (LAN, LAN6, 5000),
    }


def _services(place: Place) -> list[Service]:
    every = ("0.0.0.0", "::")
    found = [Service(place.actors["web"], one, port) for one in every for port in (80, 81)]
    found += [Service(place.actors["secret"], one, 80) for one in every]
    own = (MACHINE, MACHINE6, *place.gateways["inner"])
    found += [Service(place.actors["machine"], one, 5000) for one in own]
    found += [Service(place.actors["machine"], one, 5001) for one in ("127.0.0.1", "::1")]
    return found + [Service(place.actors["lan"], one, 5000) for one in (LAN, LAN6)]


def _cells(place: Place) -> tuple[list[Try], set[str]]:
    """Every try, and the names of those that Docker 28 lets through."""
    tries, expected = [], set()
    for row, columns in TABLE.items():
        *addresses, port = _targets(place)[row]
        for column, address in zip(columns, addresses, strict=True):
            if not column:
                continue
            for letter, actor in zip(column, ACTORS, strict=True):
                for protocol in ("tcp", "udp"):
                    family = 6 if ":" in str(address) else 4
                    name = f"{actor} → {row} ({protocol}, IPv{family})"
                    tries.append(Try(name, place.actors[actor], str(address), int(port), protocol))
                    assert letter in ("-", actor[0])
                    if letter != "-":
                        expected.add(name)
    return tries, expected


def _tried(place: Place, tries: list[Try], expected: set[str]) -> dict[str, str]:
    trial = Trial(_services(place))
    try:
        outcome = trial.run(tries, expected)
    finally:
        trial.close()
    assert outcome.answered <= outcome.arrived.keys()
    return outcome.arrived


def test_every_cell(place: Place) -> None:
    if place.major < FIRST:
        pytest.skip(f"Docker does so since version {FIRST}")
    tries, expected = _cells(place)
    assert len(tries) == len({one.name for one in tries}) > 300
    arrived = _tried(place, tries, expected)
    assert sorted(expected - arrived.keys()) == [], "do not reach, and should"
    assert sorted(arrived.keys() - expected) == [], "reach, and should not"
    for protocol in ("tcp", "udp"):
        assert arrived[f"lan → 8080 at the machine ({protocol}, IPv4)"] == LAN, "clients keep their address"
        assert arrived[f"lan → 8080 at the machine ({protocol}, IPv6)"] == LAN6
        assert arrived[f"web → service of the lan ({protocol}, IPv4)"] == MACHINE, "and containers have ours"
        assert arrived[f"web → service of the lan ({protocol}, IPv6)"] == MACHINE6


@pytest.mark.ours("changes the firewall of the whole machine")
@pytest.mark.skipif(shutil.which("nft") is None, reason="needs the nft program")
@pytest.mark.parametrize("policy", ["accept", "drop"])
def test_nothing_leaks_whatever_others_do_with_forwarded_packets(place: Place, policy: str) -> None:
    """A drop of somebody else's keeps things from where they should go; an accept opens nothing."""
    if CONTROL or os.environ.get("SAMPAN_REFERENCE"):
        pytest.skip("ours only")
    chain = f"type filter hook forward priority 0; policy {policy};"
    tries, expected = _cells(place)
    own = {one for one in expected if one.startswith("machine")}
    _nft(place, f"table inet foreign {{ chain forward {{ {chain} }}; }}\n")
    try:
        arrived = _tried(place, tries, expected if policy == "accept" else own)
    finally:
        _nft(place, "delete table inet foreign\n")
    assert sorted(arrived.keys() - expected) == []
    assert own <= arrived.keys()


def _nft(place: Place, script: str) -> None:
    descriptor = place.actors["machine"].fd
    inside = ["nsenter", f"--net=/proc/self/fd/{descriptor}", "nft", "-f", "-"]
    subprocess.run(inside, input=script, text=True, check=True, pass_fds=(descriptor,))


def test_the_control_leaks(place: Place) -> None:
    """A Docker before 28 in the same place lets the lan in: the trial would have seen it."""
    if place.major >= FIRST:
        pytest.skip("for a dockerd before 28 (SAMPAN_TEST_CONTROL)")
    tries, expected = _cells(place)
    leaks = _tried(place, tries, expected).keys() - expected
    print("\n".join(sorted(leaks)))
    assert "lan → 8081, of 127.0.0.1, there (tcp, IPv4)" in leaks
    assert "lan → web:80 (tcp, IPv4)" in leaks
