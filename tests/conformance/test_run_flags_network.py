"""What the flags of `run` do to the network: ports in all forms of -p, networks, names, who reaches whom."""

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.clients import Client
from harness.looking import address, free_port, inspect, page, serves
from harness.waiting import until

Run = Callable[..., str]
CGI = "#!/bin/sh\\necho\\necho $REMOTE_ADDR\\n"
WHO = f"mkdir -p /w/cgi-bin; printf '{CGI}' >/w/cgi-bin/who; chmod +x /w/cgi-bin/who"
ECHO = """
use IO::Socket::INET;
my $s = IO::Socket::INET->new(LocalPort => 53, Proto => "udp");
while ($s->recv(my $data, 64)) { $s->send($data) }
"""
SERVER = f"{WHO}; echo hello >/w/index.html; exec httpd -f -p 0.0.0.0:80 -h /w"


@pytest.fixture
def web(container: Run) -> Callable[..., str]:
    """A server that says hello at / and the client's address at /cgi-bin/who."""
    return lambda *flags: container(*flags, "busybox", "sh", "-c", SERVER)


def ports(cli: Client, name: str) -> dict[str, list[tuple[str, str]]]:
    shown = inspect(cli, name)["NetworkSettings"]["Ports"]
    return {port: [(one["HostIp"], one["HostPort"]) for one in found or ()] for port, found in shown.items()}


def test_a_port_of_all_addresses(cli: Client, web: Run) -> None:
    port = free_port()
    name = web("-p", f"{port}:80")
    assert serves(port) == "hello\n"
    assert page(port, "[::1]") == "hello\n"
    assert ports(cli, name) == {"80/tcp": [("0.0.0.0", str(port)), ("::", str(port))]}
    assert f"80/tcp -> 0.0.0.0:{port}\n" in cli("port", name).out
    assert cli("port", name, "80/tcp").out.splitlines()[0] == f"0.0.0.0:{port}"


def test_a_port_of_loopback_only(cli: Client, web: Run) -> None:
    port = free_port()
    name = web("-p", f"127.0.0.1:{port}:80/tcp")
    assert serves(port) == "hello\n"
    assert page(port, "127.0.0.2") == ""
    assert ports(cli, name) == {"80/tcp": [("127.0.0.1", str(port))]}


@pytest.mark.parametrize("form", ["80", "0:80", "127.0.0.1::80"])
def test_a_random_port(cli: Client, web: Run, form: str) -> None:
    name = web("-p", form)
    host, port = ports(cli, name)["80/tcp"][0]
    assert host == ("127.0.0.1" if form.startswith("127") else "0.0.0.0")
    assert 1024 <= int(port) <= 65535
    assert serves(int(port)) == "hello\n"


def test_a_range_of_ports(cli: Client, container: Run) -> None:
    first = next(port for port in range(21000, 30000, 2) if _are_free(port, port + 1))
    pages = "mkdir /a /b; echo a >/a/index.html; echo b >/b/index.html"
    script = f"{pages}; httpd -p 80 -h /a; exec httpd -f -p 81 -h /b"
    container("-p", f"{first}-{first + 1}:80-81", "busybox", "sh", "-c", script)
    assert serves(first) == "a\n"
    assert serves(first + 1) == "b\n"
    shown = cli("ps", "--format", "{{.Ports}}").out
    assert f"0.0.0.0:{first}->80/tcp" in shown
    assert f"0.0.0.0:{first + 1}->81/tcp" in shown


def _are_free(*wanted: int) -> bool:
    for port in wanted:
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                return False
    return True


def test_udp(cli: Client, container: Run) -> None:
    port = free_port(socket.SOCK_DGRAM)
    name = container("-p", f"{port}:53/udp", "debian", "perl", "-e", ECHO)
    assert ports(cli, name)["53/udp"][0] == ("0.0.0.0", str(port))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.2)
        client.connect(("127.0.0.1", port))
        assert until(lambda: _echoes(client, b"ping"))


def _echoes(client: socket.socket, data: bytes) -> bool:
    try:
        client.send(data)
        return client.recv(64) == data
    except OSError:
        return False


def test_publish_all(cli: Client, container: Run) -> None:
    name = container("-P", "--expose", "81/udp", "nginx")
    shown = ports(cli, name)
    assert set(shown) == {"80/tcp", "81/udp"}
    assert "Welcome to nginx!" in serves(int(shown["80/tcp"][0][1]))


def test_a_taken_port_is_an_error_and_the_container_stays_created(cli: Client, web: Run) -> None:
    port = free_port()
    web("-p", f"{port}:80")
    refused = cli("run", "-d", "--name", "second", "-p", f"{port}:80", "busybox", "true", check=False)
    shown = cli("ps", "-a", "--filter", "name=second", "--format", "{{.State}}").out
    cli("rm", "second")
    assert refused.code == 125
    assert "driver failed programming external connectivity on endpoint second (" in refused.err
    assert f"Bind for 0.0.0.0:{port} failed: port is already allocated" in refused.err
    assert shown == "created\n"


def test_a_port_that_another_program_holds(cli: Client) -> None:
    with socket.socket() as holder:
        holder.bind(("0.0.0.0", 0))
        holder.listen()
        port = holder.getsockname()[1]
        refused = cli("run", "--rm", "-p", f"{port}:80", "busybox", "true", check=False)
    assert refused.code == 125
    assert "address already in use" in refused.err


def test_a_port_is_free_again_after_stop_and_taken_again_by_start(cli: Client, web: Run) -> None:
    port = free_port()
    name = web("-p", f"{port}:80")
    serves(port)
    cli("stop", "-t", "0", name)
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("0.0.0.0", port))
    cli("start", name)
    assert serves(port) == "hello\n"


def test_containers_reach_each_other_by_address(cli: Client, web: Run) -> None:
    name = web()
    there = address(cli, name)
    serves(80, there)
    assert cli("run", "--rm", "busybox", "wget", "-qO-", f"http://{there}/").out == "hello\n"
    who = cli("run", "--rm", "busybox", "sh", "-c", f"hostname -i; wget -qO- http://{there}/cgi-bin/who").out
    assert len(set(who.split())) == 1, "with its own address"


def test_address_gateway_and_mac(cli: Client, web: Run) -> None:
    name = web()
    (endpoint,) = inspect(cli, name)["NetworkSettings"]["Networks"].values()
    there = endpoint["IPAddress"]
    shown = cli("exec", name, "sh", "-c", "ip -o -4 addr show eth0; ip route; ip link show eth0").out
    assert f"inet {there}/{endpoint['IPPrefixLen']} " in shown
    assert f"default via {endpoint['Gateway']} dev eth0" in shown
    assert f"link/ether {endpoint['MacAddress']}" in shown
    assert endpoint["MacAddress"] == "02:42:" + ":".join(f"{int(part):02x}" for part in there.split("."))


def test_hosts_and_resolv_conf(cli: Client, web: Run) -> None:
    name = web()
    there, identity = address(cli, name), inspect(cli, name)["Id"]
    assert cli("exec", name, "grep", there, "/etc/hosts").out.split() == [there, identity[:12]]
    assert "127.0.0.1\tlocalhost" in cli("exec", name, "cat", "/etc/hosts").out
    inside = set(re.findall(r"^nameserver (\S+)", cli("exec", name, "cat", "/etc/resolv.conf").out, re.M))
    outside = set(re.findall(r"^nameserver (\S+)", Path("/etc/resolv.conf").read_text(), re.M))
    reachable = {server for server in outside if not server.startswith("127.")}
    assert inside == reachable if reachable else inside


@pytest.mark.parametrize(
    ("flags", "command", "lines"),
    [
        (["--network", "none"], "ls /sys/class/net", {"lo"}),
        (["--add-host", "there:192.0.2.1"], "grep there /etc/hosts", {"192.0.2.1\tthere"}),
        (
            ["--dns", "192.0.2.53", "--dns-search", "lan", "--dns-opt", "ndots:3"],
            "grep -v '^#' /etc/resolv.conf | grep .",
            {"nameserver 192.0.2.53", "search lan", "options ndots:3"},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_flag(cli: Client, flags: list[str], command: str, lines: set[str]) -> None:
    assert set(cli("run", "--rm", *flags, "busybox", "sh", "-c", command).out.splitlines()) == lines


def test_the_network_of_another_container(cli: Client, web: Run) -> None:
    name = web("--hostname", "owner")
    fetch = "until wget -qO- http://127.0.0.1/; do :; done 2>/dev/null; hostname; ls /sys/class/net"
    shown = cli("run", "--rm", "--network", f"container:{name}", "busybox", "sh", "-c", fetch).out.split()
    assert shown == ["hello", "owner", "eth0", "lo"]


def test_the_network_of_the_machine(cli: Client) -> None:
    before = set(os.listdir("/sys/class/net"))
    script = "hostname; ls /sys/class/net"
    hostname, *shown = cli("run", "--rm", "--network", "host", "busybox", "sh", "-c", script).out.split()
    assert set(shown) >= before & set(os.listdir("/sys/class/net"))  # bridges of others come and go
    assert hostname == socket.gethostname()


def test_ports_mean_nothing_on_the_network_of_the_machine(cli: Client) -> None:
    port = free_port()
    result = cli("run", "--rm", "--network", "host", "-p", f"{port}:80", "busybox", "echo", "runs")
    assert result.out == "runs\n"
    assert "Published ports are discarded when using host network mode" in result.err
