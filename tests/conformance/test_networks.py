"""Networks of users' own, in both spellings: made, shown, refused and removed; who is on them and reaches
whom."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from harness.clients import Client
from harness.looking import free_port, inspect, serves

Run = Callable[..., str]
FETCH = ("busybox", "sh", "-c", 'timeout 2 wget -qO- "$0"; exit $?')  # pid 1 does not hear timeout
SERVER = "echo hello >/index.html; exec httpd -f -p 80 -h /"


def shown(cli: Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cli("network", "inspect", name).out)[0]
    return found


def subnet() -> str:
    """Three numbers of a network that nobody else on this machine is likely to have."""
    return f"10.{os.urandom(1)[0] % 120 + 100}.{os.urandom(1)[0]}"


def endpoints(cli: Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = inspect(cli, name)["NetworkSettings"]["Networks"]
    return found


def test_made_shown_and_removed(cli: Client) -> None:
    name = f"n{os.urandom(4).hex()}"
    identity = cli("network", "create", "--label", "a=b", name).out.strip()
    assert len(identity) == 64
    assert cli("network", "ls", "--filter", f"name={name}", "--format", "{{.ID}} {{.Driver}}").out == (
        f"{identity[:12]} bridge\n"
    )
    one = shown(cli, identity[:10])
    assert (one["Name"], one["Labels"], one["Internal"], one["EnableIPv6"]) == (
        name,
        {"a": "b"},
        False,
        False,
    )
    assert one["IPAM"]["Config"][0]["Subnet"].endswith((".0/16", "/20"))
    assert os.path.isdir(f"/sys/class/net/br-{identity[:12]}/bridge")
    assert cli("network", "rm", name).out == f"{name}\n"
    assert not os.path.isdir(f"/sys/class/net/br-{identity[:12]}")
    assert cli("network", "inspect", name, check=False).code == 1


def test_a_pool_in_full(cli: Client, network: Run) -> None:
    net = subnet()
    name = network(
        "--subnet", f"{net}.0/24", "--ip-range", f"{net}.128/25", "--gateway", f"{net}.5",
        "--aux-address", f"x={net}.129", "-o", "com.docker.network.driver.mtu=1400",
    )  # fmt: skip
    assert shown(cli, name)["IPAM"]["Config"] == [
        {
            "Subnet": f"{net}.0/24",
            "IPRange": f"{net}.128/25",
            "Gateway": f"{net}.5",
            "AuxiliaryAddresses": {"x": f"{net}.129"},
        }
    ]
    looking = "ip -o -4 addr show eth0; ip route; ip link show eth0"
    said = cli("run", "--rm", "--network", name, "busybox", "sh", "-c", looking).out
    assert f"inet {net}.128/24" in said
    assert f"default via {net}.5 " in said
    assert "mtu 1400" in said


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["bridge"], "operation is not permitted on predefined bridge network"),
        (["-d", "host", "x"], 'only one instance of "host" network is allowed'),
        (["-d", "nope", "x"], 'plugin "nope" not found'),
        (["--gateway", "10.1.2.3", "x"], "every ip-range or gateway must have a corresponding subnet"),
        (
            ["--subnet", "10.1.2.0/24", "--gateway", "10.3.0.1", "x"],
            "no matching subnet for gateway 10.3.0.1",
        ),
        (
            ["--subnet", "10.231.2.0/24", "--gateway", "10.231.2.255", "x"],
            "failed to allocate gateway (10.231.2.255): Address already in use",
        ),
        (
            ["--subnet", "10.231.2.0/24", "--aux-address", "a=10.231.2.1", "x"],
            "failed to allocate secondary ip address (a:10.231.2.1): Address already in use",
        ),
        (["-o", "com.docker.network.bridge.name=lo", "x"], "existing interface lo is not a bridge"),
        (["--subnet", "10.1.2.3/24", "x"], "invalid subnet 10.1.2.3/24: it should be 10.1.2.0/24"),
        (["--subnet", "10.1.2.0/24", "--subnet", "10.1.2.0/25", "x"], "multiple overlapping subnet"),
    ],
    ids=" ".join,
)
def test_refused(cli: Client, flags: list[str], words: str) -> None:
    refused = cli("network", "create", *flags, check=False)
    assert refused.code == 1
    assert words in refused.err


def test_a_name_and_a_pool_are_taken_once(cli: Client, network: Run) -> None:
    net = subnet()
    name = network("--subnet", f"{net}.0/24")
    again = cli("network", "create", name, check=False)
    assert f"network with name {name} already exists" in again.err
    overlapping = cli("network", "create", "--subnet", f"{net}.64/26", "other", check=False)
    assert "Pool overlaps with other one on this address space" in overlapping.err


def test_off_a_network_that_is_gone(cli: Client, container: Run) -> None:
    """Where one has to stay that was removed while the container did not run, it would never run again."""
    name = f"n{os.urandom(4).hex()}"
    cli("network", "create", name)
    one = container("--network", name, "--stop-signal", "KILL", "busybox", "sleep", "60")
    cli("stop", one)
    cli("network", "rm", name)
    assert "No such container: nobody" in cli("network", "disconnect", name, "nobody", check=False).err
    assert "not found" in cli("start", one, check=False).err
    cli("network", "disconnect", name, one)
    cli("network", "connect", "bridge", one)
    cli("start", one)
    assert list(endpoints(cli, one)) == ["bridge"]
    again = cli("network", "disconnect", name, one, check=False)
    assert again.code == 1 and "not found" in again.err


def test_not_removed_while_somebody_is_on_it(cli: Client, network: Run, container: Run) -> None:
    name = network()
    one = container("--network", name, "busybox", "sleep", "60")
    refused = cli("network", "rm", name, check=False)
    assert refused.code == 1
    assert f"network {name} has active endpoints" in refused.err
    assert f'name:"{one}"' in refused.err
    assert name not in cli("network", "prune", "-f").out
    assert (
        "bridge is a pre-defined network and cannot be removed"
        in cli("network", "rm", "bridge", check=False).err
    )


def test_prune(cli: Client, network: Run) -> None:
    unused, labelled = network(), network("--label", "keep=me")
    pruned = cli("network", "prune", "-f", "--filter", "label!=keep").out
    assert unused in pruned and labelled not in pruned
    assert cli("network", "rm", unused, check=False).code == 1


def test_a_fixed_address_name_and_mac(cli: Client, network: Run, container: Run) -> None:
    net = subnet()
    name = network("--subnet", f"{net}.0/24")
    long = f"name={name},ip={net}.77,mac-address=02:00:00:00:00:07,alias=other"
    one = container("--network", long, "busybox", "sleep", "60")
    found = endpoints(cli, one)[name]
    assert (found["IPAddress"], found["Gateway"], found["IPPrefixLen"]) == (f"{net}.77", f"{net}.1", 24)
    assert found["MacAddress"] == "02:00:00:00:00:07"
    assert found["NetworkID"] == shown(cli, name)["Id"]
    assert "other" in found["Aliases"]
    assert found["DNSNames"][:2] == [one, "other"]
    ((_, seen),) = shown(cli, name)["Containers"].items()
    assert (seen["Name"], seen["IPv4Address"]) == (one, f"{net}.77/24")
    taken = cli("run", "--rm", "--network", name, "--ip", f"{net}.77", "busybox", "true", check=False)
    assert taken.code == 125 and "Address already in use" in taken.err
    cli("restart", "-t", "0", one)
    assert endpoints(cli, one)[name]["IPAddress"] == f"{net}.77"


@pytest.mark.parametrize(
    ("ip", "words"),
    [("10.99.0.1", "no configured subnet contains IP address 10.99.0.1"), ("x", "invalid IPv4 address: x")],
)
def test_an_address_from_elsewhere(cli: Client, network: Run, ip: str, words: str) -> None:
    name = network("--subnet", f"{subnet()}.0/24")
    refused = cli("run", "--rm", "--network", name, "--ip", ip, "busybox", "true", check=False)
    assert refused.code == 125
    assert words in refused.err or "invalid" in refused.err


def test_an_address_needs_a_subnet_of_the_users(cli: Client, network: Run) -> None:
    refused = cli("run", "--rm", "--network", network(), "--ip", "172.18.0.9", "busybox", "true", check=False)
    assert "user specified IP address is supported only when connecting to networks with user" in refused.err


def test_a_network_that_is_not_there(cli: Client) -> None:
    refused = cli("run", "--rm", "--network", "nope", "busybox", "true", check=False)
    assert refused.code == 125
    assert "network nope not found" in refused.err


def test_several_networks_and_whose_gateway(cli: Client, network: Run, container: Run) -> None:
    first, second = network(), network()
    one = container("--network", first, "--network", f"name={second},gw-priority=1", "busybox", "sleep", "60")
    found = endpoints(cli, one)
    assert set(found) == {first, second}
    assert f"default via {found[second]['Gateway']} dev eth1" in cli("exec", one, "ip", "route").out
    assert cli("ps", "--filter", f"network={second}", "--format", "{{.Names}}").out == f"{one}\n"
    for name in (first, second):
        assert one in [seen["Name"] for seen in shown(cli, name)["Containers"].values()]


def test_containers_of_one_network_reach_each_other_and_nobody_else(
    cli: Client, network: Run, container: Run
) -> None:
    first, second = network(), network()
    web = container("--network", first, "busybox", "sh", "-c", SERVER)
    there = endpoints(cli, web)[first]["IPAddress"]
    assert serves(80, there) == "hello\n"
    ask = [*FETCH, f"http://{there}/"]
    assert cli("run", "--rm", "--network", first, *ask).out == "hello\n"
    assert cli("run", "--rm", "--network", second, *ask, check=False).code
    assert cli("run", "--rm", *ask, check=False).code, "nor from the default bridge"


def test_an_internal_network_has_no_way_out(cli: Client, network: Run, container: Run) -> None:
    name = network("--internal")
    web = container("--network", name, "-p", "80", "busybox", "sh", "-c", SERVER)
    there = endpoints(cli, web)[name]["IPAddress"]
    assert endpoints(cli, web)[name]["Gateway"] == ""
    assert "default" not in cli("exec", web, "ip", "route").out
    assert serves(80, there) == "hello\n", "this machine is on it"
    assert cli("port", web).out == "", "nothing is published"


def test_without_icc_containers_do_not_reach_each_other(cli: Client, network: Run, container: Run) -> None:
    name = network("-o", "com.docker.network.bridge.enable_icc=false")
    port = free_port()
    web = container("--network", name, "-p", f"{port}:80", "busybox", "sh", "-c", SERVER)
    there = endpoints(cli, web)[name]["IPAddress"]
    assert serves(port) == "hello\n"
    ask = FETCH
    assert cli("run", "--rm", "--network", name, *ask, f"http://{there}/", check=False).code


def test_a_published_port_is_reached_from_everywhere(cli: Client, network: Run, container: Run) -> None:
    first, second = network(), network()
    port = free_port()
    web = container("--network", first, "-p", f"{port}:80", "busybox", "sh", "-c", SERVER)
    assert serves(port) == "hello\n"
    gateway = shown(cli, first)["IPAM"]["Config"][0]["Gateway"]
    for name in (first, second, "bridge"):
        ask = (*FETCH, f"http://{gateway}:{port}/")
        assert cli("run", "--rm", "--network", name, *ask).out == "hello\n", name
    bound = inspect(cli, web)["NetworkSettings"]["Ports"]["80/tcp"]
    assert bound[0]["HostPort"] == str(port)


def test_a_port_is_published_where_the_network_says(cli: Client, network: Run, container: Run) -> None:
    name = network("-o", "com.docker.network.bridge.host_binding_ipv4=127.0.0.1")
    web = container("--network", name, "-p", "80", "busybox", "sh", "-c", SERVER)
    (bound,) = inspect(cli, web)["NetworkSettings"]["Ports"]["80/tcp"]
    assert bound["HostIp"] == "127.0.0.1"
    assert serves(int(bound["HostPort"])) == "hello\n"


def test_ipv6(cli: Client, network: Run, container: Run) -> None:
    name = network("--ipv6")
    web = container("--network", name, "busybox", "sh", "-c", SERVER)
    found = endpoints(cli, web)[name]
    assert found["GlobalIPv6Address"].startswith("fd") and found["GlobalIPv6PrefixLen"] == 64
    ask = (*FETCH, f"http://[{found['GlobalIPv6Address']}]/")
    assert cli("run", "--rm", "--network", name, *ask).out == "hello\n"
    assert f"default via {found['IPv6Gateway']} " in cli("exec", web, "ip", "-6", "route").out
