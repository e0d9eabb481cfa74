"""What a network can be told: gateways of other modes, no IPv4, configurations, names and addresses of
interfaces; and where published ports go when networks come and go."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from harness.clients import Client
from harness.looking import free_port, fresh, inspect, page, serves
from harness.waiting import until

Run = Callable[..., str]
SERVER = "echo hello >/index.html; exec httpd -f -p 80 -h /"
WEB = ("busybox", "sh", "-c", SERVER)
GATEWAY = "com.docker.network.bridge.gateway_mode_"
IFNAME, SYSCTLS = "com.docker.network.endpoint.ifname", "com.docker.network.endpoint.sysctls"


def endpoint(cli: Client, name: str, network: str) -> dict[str, Any]:
    found: dict[str, Any] = inspect(cli, name)["NetworkSettings"]["Networks"][network]
    return found


def ports(cli: Client, name: str) -> Any:
    return inspect(cli, name)["NetworkSettings"]["Ports"]["80/tcp"]


def about(cli: Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cli("network", "inspect", name).out)[0]
    return found


def subnet() -> str:
    return f"10.{os.urandom(1)[0] % 120 + 100}.{os.urandom(1)[0]}"


@pytest.mark.since(28)
def test_without_ipv4(cli: Client, network: Run, container: Run) -> None:
    name = network("--ipv4=false", "--ipv6")
    assert (about(cli, name)["EnableIPv4"], about(cli, name)["EnableIPv6"]) == (False, True)
    port = free_port()
    web = container("--network", name, "-p", f"{port}:80", *WEB)
    found = endpoint(cli, web, name)
    assert found["IPAddress"] == "" and found["GlobalIPv6Address"].startswith("fd")
    assert "inet " not in cli("exec", web, "ip", "addr", "show", "eth0").out
    assert ports(cli, web) == [{"HostIp": "::", "HostPort": str(port)}]
    assert serves(port, "[::1]") == "hello\n"
    assert serves(80, f"[{found['GlobalIPv6Address']}]") == "hello\n"
    refused = cli("network", "create", "--ipv4=false", fresh(), check=False)
    assert "IPv4 or IPv6 must be enabled" in refused.err


@pytest.mark.since(28)
def test_a_gateway_that_routes(cli: Client, network: Run, container: Run) -> None:
    """A published port is open at the container's own address, from other networks, too; no other port is."""
    name = network("-o", f"{GATEWAY}ipv4=routed")
    web = container("--network", name, "-p", "80", "busybox", "sh", "-c", f"httpd -p 81 -h /; {SERVER}")
    there = endpoint(cli, web, name)["IPAddress"]
    assert {"HostIp": "0.0.0.0", "HostPort": ""} in ports(cli, web)
    assert serves(80, there) == "hello\n"
    other = container("--network", network(), "busybox", "sleep", "60")
    assert cli("exec", other, "timeout", "9", "wget", "-qO-", f"http://{there}/").out == "hello\n"
    assert cli("exec", other, "ping", "-c1", "-W5", there).code == 0
    assert cli("exec", other, "timeout", "1", "wget", "-qO-", f"http://{there}:81/", check=False).code


@pytest.mark.since(28)
def test_an_isolated_network_has_no_address_of_this_machine(
    cli: Client, network: Run, container: Run
) -> None:
    name = network("--internal", "-o", f"{GATEWAY}ipv4=isolated")
    assert "Gateway" not in about(cli, name)["IPAM"]["Config"][0]
    one, two = (container("--network", name, *WEB) for _ in "ab")
    there = endpoint(cli, one, name)["IPAddress"]
    until(lambda: cli("exec", two, "wget", "-qO-", f"http://{there}/", check=False).out == "hello\n")
    bridge = f"br-{about(cli, name)['Id'][:12]}"
    shown = subprocess.run(["ip", "addr", "show", bridge], capture_output=True, text=True, check=True)
    assert "inet" not in shown.stdout
    refused = cli("network", "create", "-o", f"{GATEWAY}ipv4=isolated", fresh(), check=False)
    assert "gateway mode 'isolated' can only be used for an internal network" in refused.err
    unknown = cli("network", "create", "-o", f"{GATEWAY}ipv6=x", fresh(), check=False)
    assert "unknown gateway mode x" in unknown.err


def test_a_configuration_and_networks_of_it(cli: Client, network: Run) -> None:
    net = subnet()
    name = network("--config-only", "--subnet", f"{net}.0/24", "-o", "com.docker.network.driver.mtu=1400")
    found = about(cli, name)
    assert (found["ConfigOnly"], found["Driver"]) == (True, "null")
    refused = cli("run", "--rm", "--network", name, "busybox", "true", check=False)
    assert refused.code == 125
    assert "cannot create endpoint on configuration-only network" in refused.err
    more = cli("network", "create", "--config-from", name, "--subnet", f"{net}.0/24", fresh(), check=False)
    assert "user specified configurations are not supported if the network depends on a" in more.err
    missing = cli("network", "create", "--config-from", "nope", fresh(), check=False)
    assert 'configuration network "nope" does not exist' in missing.err
    made = network("--config-from", name)
    try:
        assert about(cli, made)["ConfigFrom"] == {"Network": name}
        assert about(cli, made)["IPAM"]["Config"][0]["Subnet"] == f"{net}.0/24"
        looked = cli("run", "--rm", "--network", made, "busybox", "ip", "addr", "show", "eth0").out
        assert f"inet {net}.2/24" in looked and "mtu 1400" in looked
        used = cli("network", "rm", name, check=False)
        assert f'configuration network "{name}" is in use' in used.err
    finally:
        cli("network", "rm", made)


@pytest.mark.since(28)
def test_names_sysctls_and_more_addresses_of_an_interface(cli: Client, network: Run) -> None:
    name, other = network(), network()
    options = f"driver-opt={IFNAME}=lan7,driver-opt={SYSCTLS}=net.ipv4.conf.IFNAME.log_martians=1"
    looking = "ip addr show lan7; ip addr show eth0; cat /proc/sys/net/ipv4/conf/lan7/log_martians"
    flags = ("--network", f"name={name},{options},link-local-ip=169.254.9.9", "--network", other)
    said = cli("run", "--rm", *flags, "busybox", "sh", "-c", looking).out
    assert "inet 169.254.9.9/16" in said
    assert ": eth0@" in said, "the next one is called as if it were the first"
    assert said.endswith("\n1\n")


@pytest.mark.ours("28 has words of its own for it")
@pytest.mark.parametrize(
    ("option", "words"),
    [
        (f"driver-opt={IFNAME}=a/b", "invalid interface name"),
        (f"driver-opt={SYSCTLS}=net.ipv4.ip_forward=0", "invalid endpoint sysctl"),
        ("link-local-ip=x", "invalid link-local IP address: x"),
    ],
    ids=["ifname", "sysctl", "address"],
)
def test_an_interface_that_cannot_be(cli: Client, network: Run, option: str, words: str) -> None:
    refused = cli("run", "--rm", "--network", f"name={network()},{option}", "busybox", "true", check=False)
    assert refused.code == 125
    assert words in refused.err


def test_ports_follow_the_default_gateway(cli: Client, network: Run, container: Run) -> None:
    """A network goes, and another remains; and the way round."""
    first, second = network(), network()
    port = free_port()
    web = container("--network", first, "-p", f"{port}:80", *WEB)
    assert serves(port) == "hello\n"
    cli("network", "connect", second, web)
    assert serves(port) == "hello\n"
    cli("network", "disconnect", first, web)
    assert serves(port) == serves(port, "[::1]") == "hello\n"
    assert ports(cli, web)[0]["HostPort"] == str(port)
    cli("network", "disconnect", second, web)
    assert page(port) == ""
    with socket_on(port):
        pass  # it is free
    cli("network", "connect", first, web)
    assert serves(port) == "hello\n"
    cli("restart", "-t", "0", web)
    assert serves(port) == "hello\n"


@contextmanager
def socket_on(port: int) -> Iterator[None]:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("0.0.0.0", port))
        one.listen()
        yield


@pytest.mark.ours("Docker has no such mode")
@pytest.mark.skipif(shutil.which("nft") is None, reason="needs the nft program")
def test_ports_that_pass_the_machines_firewall(cli: Client, network: Run, container: Run) -> None:
    """What the INPUT chain drops does not come through; translated, it never meets that chain."""
    found = {}
    for mode in ("nat", "relay"):
        port = free_port()
        web = container(
            "--network", network("-o", f"sampan.network.publish={mode}"), "-p", f"{port}:80", *WEB
        )
        address = endpoint(cli, web, next(iter(inspect(cli, web)["NetworkSettings"]["Networks"])))["Gateway"]
        assert serves(port, address) == "hello\n"
        table = fresh("reach")
        rule = f"tcp dport {port} reject with tcp reset"
        chain = f"chain input {{ type filter hook input priority 0; {rule}; }};"
        subprocess.run(["nft", "-f", "-"], input=f"table inet {table} {{ {chain} }}\n", text=True, check=True)
        try:
            found[mode] = page(port, address)
        finally:
            subprocess.run(["nft", "delete", "table", "inet", table], check=True)
        assert serves(port, address) == "hello\n"
    assert found == {"nat": "hello\n", "relay": ""}
    refused = cli("network", "create", "-o", "sampan.network.publish=x", fresh(), check=False)
    assert "failed to parse sampan.network.publish value: x" in refused.err
