"""Options of networks, and of a container on one: what they mean, and what is wrong with them."""

import re
from typing import Any

import pytest

from sampan.engine.containers.config import EndpointRequest
from sampan.engine.networks import defaults, endpoint_options, options
from sampan.engine.settings import Settings
from sampan.errors import InvalidArgument


def test_options_of_the_bridge() -> None:
    found = options.bridge_options(
        {
            "com.docker.network.bridge.name": "mine",
            "com.docker.network.driver.mtu": "1400",
            "com.docker.network.bridge.enable_icc": "false",
            "com.docker.network.bridge.enable_ip_masquerade": "0",
            "com.docker.network.bridge.host_binding_ipv4": "127.0.0.1",
            "com.docker.network.bridge.gateway_mode_ipv6": "routed",
            "sampan.network.publish": "relay",
            "com.docker.network.bridge.trusted_host_interfaces": "vxlan.1:eth3",
            "anything": "else",
        }
    )
    assert found == ("mine", 1400, False, False, "127.0.0.1", "nat", "routed", True, ("vxlan.1", "eth3"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("driver.mtu", "x"),
        ("bridge.enable_icc", "perhaps"),
        ("bridge.host_binding_ipv4", "localhost"),
        ("bridge.name", "longer-than-15-bytes"),
        ("bridge.gateway_mode_ipv4", "rooted"),
    ],
)
def test_options_that_are_wrong(name: str, value: str) -> None:
    with pytest.raises(InvalidArgument):
        options.bridge_options({f"com.docker.network.{name}": value})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("-1", "invalid MTU number: -1"),
        ("67", "invalid MTU number: 67"),
        ("65536", "invalid MTU number: 65536"),
        (
            "1e3",
            'failed to parse com.docker.network.driver.mtu value: 1e3 (strconv.Atoi: parsing "1e3": invalid',
        ),
    ],
)
def test_an_mtu_that_cannot_be(value: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^{re.escape(words)}"):
        options.bridge_options({"com.docker.network.driver.mtu": value})
    assert options.bridge_options({"com.docker.network.driver.mtu": "0"}).mtu == 1500


def test_only_an_internal_network_is_isolated() -> None:
    isolated = options.bridge_options({"com.docker.network.bridge.gateway_mode_ipv4": "isolated"})
    options.check_isolated(isolated, internal=True)
    with pytest.raises(InvalidArgument, match="'isolated' can only be used for an internal network"):
        options.check_isolated(isolated, internal=False)


@pytest.mark.parametrize(
    ("driver", "given", "found"),
    [
        ("macvlan", {"parent": "eth0"}, ("eth0", "bridge", "", 0)),
        ("macvlan", {"parent": "eth0", "macvlan_mode": "vepa"}, ("eth0", "vepa", "", 0)),
        ("ipvlan", {"parent": "eth0.10"}, ("eth0.10", "l2", "bridge", 0)),
        ("ipvlan", {"ipvlan_mode": "l3s", "ipvlan_flag": "private"}, ("", "l3s", "private", 0)),
    ],
)
def test_options_of_what_hangs(driver: str, given: dict[str, str], found: tuple[str, str, str, int]) -> None:
    assert options.hanging_options(driver, given, internal=False) == found
    assert options.hanging_options(driver, given, internal=True).parent == ""


@pytest.mark.parametrize(
    ("driver", "given", "words"),
    [
        ("macvlan", {"parent": "lo"}, "loopback interface is not a valid macvlan parent link"),
        ("macvlan", {"macvlan_mode": "l2"}, "requested macvlan mode 'l2' is not valid, 'bridge' mode is"),
        ("ipvlan", {"ipvlan_mode": "bridge"}, "requested ipvlan mode 'bridge' is not valid, 'l2' mode is"),
        ("ipvlan", {"ipvlan_flag": "x"}, "requested ipvlan flag 'x' is not valid, 'bridge' is"),
    ],
)
def test_what_hangs_wrong(driver: str, given: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        options.hanging_options(driver, given, internal=False)


def asked(**fields: Any) -> EndpointRequest:
    names = {"ifname": "com.docker.network.endpoint.ifname", "sysctls": "com.docker.network.endpoint.sysctls"}
    return EndpointRequest(driver_opts={names[key]: value for key, value in fields.items()})


def test_sysctls_are_those_of_the_interface() -> None:
    request = asked(sysctls="net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.neigh.ifname.gc_stale_time=9")
    assert endpoint_options.sysctls(request, "eth3") == [
        ["net/ipv4/conf/eth3/log_martians", "1"],
        ["net/ipv6/neigh/eth3/gc_stale_time", "9"],
    ]


@pytest.mark.parametrize(
    "text",
    [
        "net.ipv4.conf.all.log_martians=1",
        "net.ipv4.ip_forward=1",
        "net.ipv4.conf.IFNAME.log_martians",
        "net.ipv4.conf.IFNAME./../../../kernel/x=1",
        "kernel.IFNAME.x=1",
        "net.ipv4.conf.IFNAME.forwarding=1\n2",
    ],
)
def test_sysctls_of_anything_else(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid endpoint sysctl"):
        endpoint_options.sysctls(asked(sysctls=text), "eth0")


@pytest.mark.parametrize("name", ["a/b", "..", "sixteen-letters-", "a b", "lo", "all", "a:1", "%d"])
def test_names_that_no_interface_has(name: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid interface name"):
        endpoint_options.interface(asked(ifname=name))


def test_link_local_addresses() -> None:
    request = EndpointRequest(ipam_config={"LinkLocalIPs": ["169.254.8.8", "fe80::8", "192.0.2.8"]})
    assert endpoint_options.link_local(request) == ["169.254.8.8/16", "fe80::8/64", "192.0.2.8/32"]
    with pytest.raises(InvalidArgument, match="invalid link-local IP address: x"):
        endpoint_options.link_local(EndpointRequest(ipam_config={"LinkLocalIPs": ["x"]}))


def test_the_daemons_settings() -> None:
    table = {"bridge": {"com.docker.network.driver.mtu": 1400}}
    settings = Settings("/d", "/r", {"ip": "127.0.0.1", "publish": "relay", "default-network-opts": table})
    defaults.check(settings)
    assert defaults.binding(settings) == "127.0.0.1"
    assert defaults.relayed(settings) and not defaults.relayed(Settings("/d", "/r"))
    assert defaults.options(settings, "bridge") == {"com.docker.network.driver.mtu": "1400"}
    assert defaults.options(settings, "macvlan") == {}


@pytest.mark.parametrize(
    "file",
    [
        {"ip": "localhost"},
        {"publish": "magic"},
        {"default-network-opts": {"bridge": {"com.docker.network.driver.mtu": "x"}}},
        {"default-network-opts": ["x"]},
        {"host-gateway-ip": "here"},
    ],
)
def test_settings_that_are_wrong(file: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        defaults.check(Settings("/d", "/r", file))
