"""Who reaches whom, from where to where, and as whom: real packets through the rules."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sampan.linux import nftables as nft
from sampan.network import ruleset
from sampan.network.ports import Destination, PortBinding

pytestmark = pytest.mark.root

HOST, LAN = "198.51.100.1", "198.51.100.2"
GATEWAY = "172.17.0.1"


@pytest.fixture(params=["0", "1"], ids=["plain bridge", "bridge-nf-call-iptables"])
def bridged(request: pytest.FixtureRequest, host: Any) -> str:
    """Docker and Kubernetes set the second; it changes how bridged packets meet the rules."""
    path = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if not path.exists():
        if request.param == "1":
            pytest.skip("no br_netfilter here")
        return "0"
    path.write_text(request.param)
    return str(request.param)


@pytest.fixture
def served(bridged: str, machine: Any) -> Iterator[Any]:
    """Container `web` with its port 80 as 8080 of every address and as 8081 of 127.0.0.1 (tcp and udp),
    and 8082 of the machine's LAN address; and container `other`."""
    machine.web, machine.other = machine.container("web"), machine.container("other")
    machine.published = machine.network.ports.publish(
        "web",
        Destination(machine.web.address),
        [
            PortBinding(80, "tcp", "", 8080),
            PortBinding(80, "udp", "", 8080),
            PortBinding(80, "tcp", "127.0.0.1", 8081),
            PortBinding(80, "udp", "127.0.0.1", 8081),
            PortBinding(80, "tcp", HOST, 8082),
        ],
    )
    yield machine
    machine.published.close()


def reaches(served: Any, protocol: str, *way: Any) -> bool:
    """Whether anything comes in the time that is left for what must not."""
    return getattr(served, protocol)(*way, seconds=served.doubt) is not None


PROTOCOLS = pytest.mark.parametrize("protocol", ["tcp", "udp"])


@PROTOCOLS
class TestReaches:
    def test_host_to_container(self, served: Any, protocol: str) -> None:
        assert getattr(served, protocol)(served.host, served.web, served.web.address, 80, 80) == GATEWAY

    def test_container_to_container(self, served: Any, protocol: str) -> None:
        seen = getattr(served, protocol)(served.other, served.web, served.web.address, 80, 80)
        assert seen == served.other.address

    def test_container_to_the_outside_as_the_machine(self, served: Any, protocol: str) -> None:
        assert getattr(served, protocol)(served.web, served.lan, LAN, 5000, 5000) == HOST

    def test_container_to_a_service_of_the_machine(self, served: Any, protocol: str) -> None:
        seen = getattr(served, protocol)(served.web, served.host, GATEWAY, 5000, 5000)
        assert seen == served.web.address

    def test_neighbour_to_published_port_with_its_own_address(self, served: Any, protocol: str) -> None:
        assert getattr(served, protocol)(served.lan, served.web, HOST, 8080, 80) == LAN

    @pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"])
    def test_loopback_to_published_port(self, served: Any, protocol: str, address: str) -> None:
        assert getattr(served, protocol)(served.host, served.web, address, 8080, 80) == GATEWAY

    def test_loopback_to_port_published_there(self, served: Any, protocol: str) -> None:
        assert getattr(served, protocol)(served.host, served.web, "127.0.0.1", 8081, 80) == GATEWAY

    def test_machine_to_its_own_address(self, served: Any, protocol: str) -> None:
        assert getattr(served, protocol)(served.host, served.web, HOST, 8080, 80) is not None

    @pytest.mark.parametrize("address", [HOST, GATEWAY])
    def test_container_to_published_port_of_another(self, served: Any, protocol: str, address: str) -> None:
        assert getattr(served, protocol)(served.other, served.web, address, 8080, 80) is not None

    @pytest.mark.parametrize("address", [HOST, GATEWAY])
    def test_container_to_its_own_published_port(self, served: Any, protocol: str, address: str) -> None:
        assert getattr(served, protocol)(served.web, served.web, address, 8080, 80) is not None


@PROTOCOLS
class TestDoesNotReach:
    def test_neighbour_to_container_address(self, served: Any, protocol: str) -> None:
        """Neither a port that is published nor one that is not."""
        for port in (80, 81):
            assert not reaches(served, protocol, served.lan, served.web, served.web.address, port, port)

    def test_neighbour_to_port_published_on_loopback(self, served: Any, protocol: str) -> None:
        assert not reaches(served, protocol, served.lan, served.web, "127.0.0.1", 8081, 80)
        assert not reaches(served, protocol, served.lan, served.web, HOST, 8081, 80)

    def test_neighbour_to_a_service_on_loopback(self, served: Any, protocol: str) -> None:
        assert not reaches(served, protocol, served.lan, served.host, "127.0.0.1", 5000, 5000)

    def test_container_to_a_service_on_the_machines_loopback(self, served: Any, protocol: str) -> None:
        """It has to route 127.0.0.0/8 out to try."""
        _without_loopback(served.web)
        assert not reaches(served, protocol, served.web, served.host, "127.0.0.1", 5000, 5000)


def test_a_port_of_one_address_is_not_one_of_another(served: Any) -> None:
    assert served.tcp(served.lan, served.web, HOST, 8082, 80) == LAN
    assert not reaches(served, "tcp", served.host, served.web, GATEWAY, 8082, 80)


def test_nothing_is_left_of_an_unpublished_port(served: Any) -> None:
    served.network.ports.unpublish("web")
    served.published.close()
    assert served.network.firewall.elements() == []
    assert not reaches(served, "tcp", served.lan, served.web, HOST, 8080, 80)
    assert not reaches(served, "tcp", served.host, served.web, "127.0.0.1", 8080, 80)


def test_without_our_drops_the_neighbour_would_get_in(served: Any) -> None:
    """The control: these tests fail where the rules are missing."""
    with nft.Socket() as netlink:
        chains = (ruleset.RAW, ruleset.FORWARD)
        netlink.commit([nft.flush_chain(served.names.table, chain) for chain in chains])
    assert served.tcp(served.lan, served.web, served.web.address, 80, 80) == LAN
    assert served.tcp(served.lan, served.host, "127.0.0.1", 5000, 5000) == LAN
    served.network.firewall.ensure([served.network.bridge])
    assert not reaches(served, "tcp", served.lan, served.web, served.web.address, 80, 80)
    assert served.tcp(served.lan, served.web, HOST, 8080, 80) == LAN


def test_udp_of_a_client_that_never_pauses_goes_to_the_next_container(served: Any) -> None:
    with (
        served.web.open(socket.SOCK_DGRAM) as web,
        served.other.open(socket.SOCK_DGRAM) as other,
        served.lan.open(socket.SOCK_DGRAM) as client,
    ):
        web.bind(("0.0.0.0", 80))
        other.bind(("0.0.0.0", 80))
        assert served.exchange(client, web, (HOST, 8080)) == LAN
        served.network.ports.unpublish("web")
        served.published.close()
        again = served.network.ports.publish(
            "other", Destination(served.other.address), [PortBinding(80, "udp", "", 8080)]
        )
        assert served.exchange(client, other, (HOST, 8080)) == LAN
        again.close()


def test_udp_that_came_before_the_port_was_published_does_not_stick(served: Any) -> None:
    with served.lan.open(socket.SOCK_DGRAM) as client, served.other.open(socket.SOCK_DGRAM) as server:
        server.bind(("0.0.0.0", 80))
        client.connect((HOST, 9000))
        with served.host.open(socket.SOCK_DGRAM) as before:
            before.bind(("0.0.0.0", 9000))
            client.send(b"early")
            assert before.recv(5) == b"early"
        again = served.network.ports.publish(
            "other", Destination(served.other.address), [PortBinding(80, "udp", "", 9000)]
        )
        assert served.exchange(client, server, (HOST, 9000)) == LAN
        again.close()


def _without_loopback(container: Any) -> None:
    from sampan.linux import rtnetlink

    with container.inside(), rtnetlink.Socket() as netlink:
        netlink.talk([rtnetlink.link_down("lo"), rtnetlink.route("127.0.0.0/8", GATEWAY)])
        Path("/proc/sys/net/ipv4/conf/eth0/route_localnet").write_text("1")
