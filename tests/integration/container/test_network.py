"""Interfaces, between a container and a bridge in a network namespace of the test's own."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from sampan.linux import process, rtnetlink
from sampan.runtime.failure import OciError
from sampan.runtime.protocol import Interface

pytestmark = pytest.mark.root
ETH0 = Interface("kbr0", "veth0", "eth0", "02:42:ac:11:00:02", ["172.17.0.2/16"], 1400)


@pytest.fixture
def bridge() -> Iterator[int]:
    """Index of "kbr0", 172.17.0.1/16."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    process.unshare(process.CLONE_NEWNET)
    try:
        with rtnetlink.Socket() as socket:
            socket.talk([rtnetlink.bridge("kbr0")])
            index = rtnetlink.index_of("kbr0")
            socket.talk([rtnetlink.address(index, "172.17.0.1/16"), rtnetlink.link_up(index)])
        yield index
    finally:
        process.setns(home, process.CLONE_NEWNET)
        os.close(home)


def test_an_interface(box: Any, bridge: int) -> None:
    script = (
        "ping -c 1 -W 5 172.17.0.1 | grep -c '1 packets received'; cat /sys/class/net/eth0/address;"
        "cat /sys/class/net/eth0/mtu; ip route; ip -o -4 addr show eth0"
    )
    launch = box.launch(interfaces=[ETH0], gateway="172.17.0.1")
    lines = box.run(box.spec(script=script), launch).output.splitlines()
    assert lines[:3] == ["1", "02:42:ac:11:00:02", "1400"]
    assert lines[3].startswith("default via 172.17.0.1 dev eth0")
    assert "172.17.0.2/16 brd 172.17.255.255" in lines[5]
    assert bridge


def test_two_interfaces(box: Any, bridge: int) -> None:
    second = Interface("kbr0", "veth1", "eth1", "", ["172.17.0.3/16", "fd00::3/64"], 1500)
    launch = box.launch(interfaces=[ETH0, second], gateway="172.17.0.1")
    output = box.run(box.spec(script="ip -o addr show eth1; ls /sys/class/net"), launch).output
    assert "172.17.0.3/16" in output
    assert "fd00::3/64" in output
    assert output.split()[-3:] == ["eth0", "eth1", "lo"]
    assert bridge


def test_a_bridge_that_is_gone(box: Any, bridge: int) -> None:
    launch = box.launch(interfaces=[ETH0._replace(bridge="kbr9")])
    with pytest.raises(OciError, match="OCI runtime create failed"):
        box.run(box.spec("true"), launch)
    with rtnetlink.Socket() as socket:
        assert {link.name for link in socket.links()} == {"lo", "kbr0"}
    assert bridge
