"""Claiming, failing, coming back: what stays and what does not."""

import errno
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sampan.errors import Conflict, SampanError, Unavailable
from sampan.linux import conntrack, rtnetlink
from sampan.linux import nftables as nft
from sampan.network import bridge, default, firewall, ruleset
from sampan.network.bridge import BridgeState
from sampan.network.names import NetworkNames
from sampan.network.ports import Bound, Destination, PortBinding, Ports, Published
from sampan.network.ruleset import Element

pytestmark = pytest.mark.root

WEB, OTHER = "172.17.0.2", "172.17.0.3"


def publish(ports: Ports, owner: str, *bindings: PortBinding, address: str = WEB) -> Published:
    return ports.publish(owner, Destination(address), bindings)


class TestBridge:
    def test_opened_twice_it_is_the_same(self, machine: Any) -> None:
        held = publish(machine.network.ports, "web", PortBinding(80, "tcp", "", 8080))
        again = default.open_default(machine.names)
        assert again.bridge == machine.network.bridge
        assert again.firewall is not None
        assert again.firewall.elements() == [Element("", "tcp", 8080, WEB, 80)]
        held.close()

    def test_it_is_up_and_speaks_no_ipv6(self, machine: Any) -> None:
        with rtnetlink.Socket() as netlink:
            link = next(link for link in netlink.links() if link.name == "sampan0")
            own = [one.address for one in netlink.addresses() if one.ifindex == link.ifindex]
        assert link.up and link.kind == "bridge" and link.mac == "02:42:ac:11:00:01"
        assert own == ["172.17.0.1/16"]

    def test_what_is_missing_is_put_back(self, machine: Any) -> None:
        with rtnetlink.Socket() as netlink:
            netlink.talk([rtnetlink.link_down("sampan0")])
        Path("/proc/sys/net/ipv4/ip_forward").write_text("0")
        again = default.open_default(machine.names)
        assert "ip_forward" in "".join(again.notices)
        with rtnetlink.Socket() as netlink:
            assert next(link for link in netlink.links() if link.name == "sampan0").up
        assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == "1\n"

    def test_engines_that_start_at_the_same_moment_keep_apart(self, machine: Any) -> None:
        owners = [NetworkNames(f"sampan-{number}", f"sampan-{number}") for number in range(6)]
        children, begin = [], os.pipe()
        for names in owners:
            child = os.fork()
            if child == 0:
                os.close(begin[1])
                os.read(begin[0], 1)
                opened = default.open_default(names)
                os._exit(0 if opened.bridge.subnet else 1)
            children.append(child)
        os.close(begin[0])
        os.close(begin[1])
        try:
            assert [os.waitpid(child, 0)[1] for child in children] == [0] * len(owners)
            with rtnetlink.Socket() as netlink:
                found = [one.address for one in netlink.addresses() if one.address.startswith("172.")]
            assert len(set(found)) == len(found) == len(owners) + 1
        finally:
            for names in owners:
                default.remove_default(names)

    def test_it_keeps_away_from_the_machines_networks(self, machine: Any) -> None:
        """172.17.0.0/16 is the first daemon's, 172.18.0.0/16 is routed away."""
        with rtnetlink.Socket() as netlink:
            netlink.talk([rtnetlink.route("172.18.64.0/20", "198.51.100.2")])
        names = NetworkNames("sampan-abcdef", "sampan-abcdef")
        second = default.open_default(names)
        assert second.bridge.subnet == "172.19.0.0/16"
        default.remove_default(names)

    def test_a_link_that_is_no_bridge_is_refused(self, host: Any) -> None:
        with rtnetlink.Socket() as netlink:
            netlink.talk([rtnetlink.veth("sampan0", None, "other")])
        with pytest.raises(Conflict, match="existing interface sampan0 is not a bridge"):
            bridge.ensure(NetworkNames("sampan0", "sampan"), lambda _: True)

    def test_removed_twice_is_removed(self, machine: Any) -> None:
        default.remove_default(machine.names)
        default.remove_default(machine.names)

    def test_on_a_kernel_without_nf_tables(self, host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing(table: str) -> firewall.Firewall:
            raise OSError(errno.EPROTONOSUPPORT, "Protocol not supported")

        monkeypatch.setattr(default, "Firewall", missing)
        opened = default.open_default(NetworkNames("sampan0", "sampan"))
        assert opened.firewall is None and opened.notices == [firewall.UNAVAILABLE]
        assert Path("/proc/sys/net/ipv4/conf/sampan0/route_localnet").read_text() == "0\n"
        held = publish(opened.ports, "web", PortBinding(80, "tcp", "", 8080))
        assert len(held.listeners) == 2
        held.close()
        default.remove_default(NetworkNames("sampan0", "sampan"))

    def test_without_a_guard_loopback_is_not_opened(self, host: Any) -> None:
        names = NetworkNames("sampan0", "sampan")
        path = Path("/proc/sys/net/ipv4/conf/sampan0/route_localnet")
        bridge.ensure(names, lambda _: True)
        assert path.read_text() == "1\n"
        bridge.ensure(names, lambda _: False)
        assert path.read_text() == "0\n"


class TestEndpoint:
    @pytest.mark.parametrize("mtu", [1500, 1200])
    def test_the_hosts_end_speaks_for_nobody(self, machine: Any, mtu: int) -> None:
        machine.network = machine.network._replace(bridge=machine.network.bridge._replace(mtu=mtu))
        web = machine.container("web")
        assert machine.tcp(machine.host, web, web.address, 80, 80) == "172.17.0.1"
        with rtnetlink.Socket() as netlink:
            ports = [link for link in netlink.links() if link.kind == "veth" and link.master]
            spoken = {one.ifindex for one in netlink.addresses()}
        assert [link.mtu for link in ports] == [mtu]
        assert ports[0].ifindex not in spoken

    def test_an_address_used_again_is_behind_its_new_port_at_once(self, machine: Any) -> None:
        """The namespace of the one who had it lingers, as the kernel's do for a while."""
        gone = machine.container("gone")
        assert machine.tcp(machine.host, gone, gone.address, 80, 80) == "172.17.0.1"
        machine.network.pool.release("gone")
        web = machine.container("web")
        assert web.address == gone.address
        assert machine.tcp(machine.host, web, web.address, 80, 80) == "172.17.0.1"


class TestPorts:
    def test_of_another_container(self, machine: Any) -> None:
        ports = machine.network.ports
        first = publish(ports, "web", PortBinding(80, "tcp", "", 80))
        for host_ip in ("", "0.0.0.0", "127.0.0.1"):
            with pytest.raises(Conflict, match=r"^Bind for [0-9.]+:80 failed: port is already allocated$"):
                publish(ports, "other", PortBinding(80, "tcp", host_ip, 80), address=OTHER)
        publish(ports, "udp", PortBinding(80, "udp", "", 80)).close()
        first.close()

    @pytest.mark.parametrize("reuse", [0, 1])
    @pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1"])
    def test_of_another_process(self, machine: Any, address: str, reuse: int) -> None:
        with socket.socket() as theirs:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
            theirs.bind((address, 80))
            theirs.listen()
            with pytest.raises(Conflict) as failed:
                publish(machine.network.ports, "web", PortBinding(80, "tcp", "", 80))
        expected = "failed to bind host port for 0.0.0.0:80:172.17.0.2:80/tcp: address already in use"
        assert str(failed.value) == expected
        publish(machine.network.ports, "web", PortBinding(80, "tcp", "", 80)).close()

    @pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
    @pytest.mark.parametrize("option", [socket.SO_REUSEADDR, socket.SO_REUSEPORT])
    def test_another_process_cannot_take_a_published_one(self, machine: Any, kind: int, option: int) -> None:
        bindings = (PortBinding(80, "tcp", "", 80), PortBinding(80, "udp", "", 80))
        held = publish(machine.network.ports, "web", *bindings)
        with socket.socket(type=kind) as theirs:
            theirs.setsockopt(socket.SOL_SOCKET, option, 1)
            with pytest.raises(OSError, match="Address already in use"):
                theirs.bind(("127.0.0.1", 80))
                theirs.listen()
        held.close()

    def test_an_address_that_the_machine_does_not_have(self, machine: Any) -> None:
        with pytest.raises(Unavailable, match="cannot assign requested address"):
            publish(machine.network.ports, "web", PortBinding(80, "tcp", "203.0.113.9", 80))

    def test_a_failed_publish_leaves_nothing(self, machine: Any) -> None:
        ports = machine.network.ports
        with socket.socket() as theirs:
            theirs.bind(("0.0.0.0", 8082))
            theirs.listen()
            with pytest.raises(Conflict):
                publish(ports, "web", *(PortBinding(80, "tcp", "", port) for port in (8080, 8081, 8082)))
        assert machine.network.firewall.elements() == []
        assert ports.expected() == []
        publish(ports, "other", PortBinding(80, "tcp", "", 8080), PortBinding(80, "tcp", "", 8081)).close()

    def test_a_failing_firewall_undoes_the_sockets(self, machine: Any) -> None:
        """Somebody put another target for this port into our table."""
        machine.network.firewall.add([Element("", "tcp", 8080, OTHER, 80)])
        with pytest.raises(SampanError, match="could not add to the firewall"):
            publish(machine.network.ports, "web", PortBinding(80, "tcp", "", 8080))
        with socket.socket() as free:
            free.bind(("0.0.0.0", 8080))
        assert machine.network.ports.expected() == []

    def test_a_range_takes_the_first_free_one(self, machine: Any) -> None:
        binding = PortBinding(80, "tcp", "", 8000, 8002)
        found = [publish(machine.network.ports, str(n), binding) for n in range(3)]
        assert [one.bindings[0].host_port for one in found] == [8000, 8001, 8002]
        with pytest.raises(Conflict, match="port is already allocated"):
            publish(machine.network.ports, "3", binding)
        for one in found:
            one.close()

    def test_an_ephemeral_one_is_the_same_for_both_families_and_free(self, machine: Any) -> None:
        first, last = 40000, 40003
        Path("/proc/sys/net/ipv4/ip_local_port_range").write_text(f"{first} {last}")
        with socket.socket(socket.AF_INET6) as theirs:
            theirs.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            theirs.bind(("::", first))
            theirs.listen()
            found = [publish(machine.network.ports, str(n), PortBinding(80, "tcp")) for n in range(3)]
            taken = [[bound.host_port for bound in one.bindings] for one in found]
            assert taken == [[n, n] for n in range(first + 1, last + 1)]
            with pytest.raises(Unavailable, match="all ports are allocated"):
                publish(machine.network.ports, "more", PortBinding(80, "tcp"))
        for one in found:
            one.close()

    def test_connections_in_time_wait_do_not_keep_a_port(self, machine: Any) -> None:
        """As a relay leaves them behind: the side that closes first."""
        with socket.socket() as server, socket.socket() as client:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("127.0.0.1", 8080))
            server.listen()
            client.connect(("127.0.0.1", 8080))
            accepted, _ = server.accept()
            accepted.close()
            assert client.recv(1) == b""
        publish(machine.network.ports, "web", PortBinding(80, "tcp", "", 8080)).close()

    def test_ipv6_twins_are_relayed(self, machine: Any) -> None:
        held = publish(machine.network.ports, "web", PortBinding(80, "tcp", "", 8080))
        assert [bound.host_ip for bound in held.bindings] == ["0.0.0.0", "::"]
        twin = held.listeners[1]
        assert twin.relay and twin.target == ("tcp", WEB, 80)
        with socket.create_connection(("::1", 8080), timeout=5), twin.socket.accept()[0]:
            held.close()

    def test_without_a_firewall_everything_is_relayed(self, machine: Any) -> None:
        held = publish(Ports(None), "web", PortBinding(80, "tcp", "", 8080), PortBinding(53, "udp", "", 53))
        assert [one.relay for one in held.listeners] == [True] * 4
        with socket.create_connection(("127.0.0.1", 8080), timeout=5), held.listeners[0].socket.accept()[0]:
            held.close()


class TestRestart:
    def test_sync_adds_what_is_missing_and_drops_what_nobody_owns(self, machine: Any) -> None:
        held = publish(machine.network.ports, "web", PortBinding(80, "tcp", "", 8080))
        machine.network.firewall.add([Element("", "tcp", 9999, "172.17.0.99", 80)])
        again = default.open_default(machine.names)
        again.pool.adopt("web", WEB)
        again.ports.adopt("web", Destination(WEB), [*held.bindings, Bound(81, "tcp", "127.0.0.1", 8081)])
        assert again.firewall is not None
        added, removed = again.firewall.sync(again.ports.expected())
        assert added == [Element("127.0.0.1", "tcp", 8081, WEB, 81)]
        assert removed == [Element("", "tcp", 9999, "172.17.0.99", 80)]
        assert again.firewall.sync(again.ports.expected()) == ([], [])
        with pytest.raises(Conflict, match="port is already allocated"):
            publish(again.ports, "other", PortBinding(80, "tcp", "", 8080))
        again.ports.unpublish("web")
        assert again.firewall.elements() == []
        held.close()

    def test_many_elements_travel_in_one_commit(self, machine: Any) -> None:
        many = [Element("", "tcp", port, WEB, 80) for port in range(20000, 22500)]
        assert len(machine.network.firewall.sync(many)[0]) == 2500
        assert len(machine.network.firewall.elements()) == 2500
        assert len(machine.network.firewall.sync([])[1]) == 2500

    def test_many_bridges_travel_in_one_commit(self, machine: Any) -> None:
        """More than a socket takes unasked (EMSGSIZE)."""
        wall = machine.network.firewall
        many = [BridgeState(f"many{one}", f"10.{one}.0.0/24", f"10.{one}.0.1") for one in range(150)]
        wall.ensure([machine.network.bridge, *many])
        listed = subprocess.run(
            ["nft", "list", "chain", "inet", wall.table, ruleset.FORWARD], capture_output=True
        )
        assert b'"many149"' in listed.stdout
        wall.ensure([machine.network.bridge])

    def test_removing_what_somebody_removed_already(self, machine: Any) -> None:
        held = publish(
            machine.network.ports,
            "web",
            PortBinding(80, "tcp", "", 8080),
            PortBinding(81, "tcp", "127.0.0.1", 81),
        )
        machine.network.firewall.remove([Element("", "tcp", 8080, WEB, 80)])
        machine.network.ports.unpublish("web")
        assert machine.network.firewall.elements() == []
        held.close()

    def test_a_flushed_table_comes_back(self, machine: Any) -> None:
        held = publish(machine.network.ports, "web", PortBinding(80, "tcp", "", 8080))
        machine.network.firewall.destroy()
        machine.network.firewall.ensure([machine.network.bridge])
        machine.network.firewall.sync(machine.network.ports.expected())
        assert machine.network.firewall.elements() == [Element("", "tcp", 8080, WEB, 80)]
        held.close()

    def test_a_flushed_table_comes_back_with_the_next_port(self, machine: Any) -> None:
        first = publish(machine.network.ports, "web", PortBinding(80, "tcp", "", 8080))
        machine.network.firewall.destroy()
        second = publish(machine.network.ports, "other", PortBinding(80, "tcp", "", 8081), address=OTHER)
        assert {one.host_port for one in machine.network.firewall.elements()} == {8080, 8081}
        with nft.Socket() as netlink:
            assert len([chain for chain in netlink.chains() if chain.table == "sampan"]) == 5
        first.close()
        second.close()

    def test_unpublishing_after_the_table_is_gone(self, machine: Any) -> None:
        held = publish(machine.network.ports, "web", PortBinding(80, "tcp", "", 8080))
        machine.network.firewall.destroy()
        machine.network.ports.unpublish("web")
        held.close()

    def test_a_table_of_another_shape_is_replaced(self, machine: Any) -> None:
        wall = machine.network.firewall
        wall.destroy()
        with nft.Socket() as netlink:
            other = nft.Set(wall.table, ruleset.PORTS_ANY, (nft.TYPE_PORT,), (nft.TYPE_IPV4,))
            odd = nft.chain(wall.table, ruleset.FORWARD, nft.Hook("filter", nft.INPUT, 5))
            netlink.commit([nft.table(wall.table), nft.new_set(other, 1), odd])
        wall.ensure([machine.network.bridge])
        wall.add([Element("", "tcp", 8080, WEB, 80)])
        assert wall.elements() == [Element("", "tcp", 8080, WEB, 80)]


class TestFirewall:
    def test_only_our_table_is_touched(self, host: Any) -> None:
        with nft.Socket() as netlink:
            drop = nft.chain("theirs", "forward", nft.Hook("filter", nft.FORWARD, 0, nft.DROP))
            netlink.commit([nft.table("theirs"), drop])
        names = NetworkNames("sampan0", "sampan")
        opened = default.open_default(names)
        assert any(
            "chain forward of table inet theirs drops forwarded packets" in one for one in opened.notices
        )
        default.remove_default(names)
        with nft.Socket() as netlink:
            assert netlink.tables() == ["theirs"]

    @pytest.mark.skipif(shutil.which("iptables-legacy") is None, reason="makes the chain that we look for")
    @pytest.mark.parametrize("policy, told", [("ACCEPT", 0), ("DROP", 1)])
    def test_legacy_iptables_is_seen(self, machine: Any, policy: str, told: int) -> None:
        made = subprocess.run(["iptables-legacy", "-P", "FORWARD", policy], capture_output=True)
        if made.returncode:
            pytest.skip("no legacy iptables in this kernel")
        assert len(machine.network.firewall.foreign_drops("sampan0")) == told

    def test_a_commit_is_all_or_nothing(self, machine: Any) -> None:
        wall = machine.network.firewall
        wall.add([Element("", "tcp", 80, WEB, 80)])
        with pytest.raises(OSError, match="File exists"):
            wall.add([Element("", "tcp", 79, WEB, 80), Element("", "tcp", 80, OTHER, 80)])
        assert wall.elements() == [Element("", "tcp", 80, WEB, 80)]

    @pytest.mark.skipif(shutil.which("nft") is None, reason="the nft program reads back what we wrote")
    def test_nft_reads_it(self, machine: Any) -> None:
        wall = machine.network.firewall
        wall.add([Element("", "tcp", 80, WEB, 8080), Element("127.0.0.1", "udp", 53, WEB, 53)])
        listed = subprocess.run(
            ["nft", "list", "table", "inet", wall.table], capture_output=True, text=True, check=True
        ).stdout
        for line in (
            "tcp . 80 : 172.17.0.2 . 8080",
            "127.0.0.1 . udp . 53 : 172.17.0.2 . 53",
            'iifname != "lo" ip daddr 127.0.0.0/8 counter packets 0 bytes 0 drop',
            'iifname != "lo" iifname != "sampan0" ip daddr 172.17.0.0/16 ip daddr != 172.17.0.1 counter',
            "fib daddr type local dnat ip to meta l4proto . th dport map @ports_any",
            "dnat ip to ip daddr . meta l4proto . th dport map @ports_at",
            'oifname "sampan0" ct state established,related accept',
            'oifname "sampan0" ct status dnat accept',
            'oifname != "sampan0" ip saddr 172.17.0.0/16 masquerade',
            'oifname "sampan0" ct status dnat ip saddr 127.0.0.0/8 masquerade',
        ):
            assert line in listed

    def test_flows_are_forgotten_by_container(self, machine: Any) -> None:
        machine.network.firewall.add([Element("", "udp", 53, WEB, 53), Element("", "udp", 54, OTHER, 53)])
        client = machine.lan.open(socket.SOCK_DGRAM)
        machine.container("web"), machine.container("other")
        with client:
            for port in (53, 54):
                client.sendto(b"?", ("198.51.100.1", port))
        with conntrack.Socket() as netlink:
            assert {flow.replier for flow in netlink.flows(17)} >= {WEB, OTHER}
            firewall.forget([Element("", "udp", 53, WEB, 53)])
            assert {flow.replier for flow in netlink.flows(17)} & {WEB, OTHER} == {OTHER}
