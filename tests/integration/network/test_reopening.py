"""What a new daemon does to the rules of bridges on which containers are running."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from sampan.engine.network import NetworkFloor
from sampan.engine.networks.store import Network, Networks, Subnet
from sampan.linux import rtnetlink
from sampan.network import default
from sampan.network.bridge import BridgeState
from sampan.network.firewall import Firewall
from sampan.network.names import for_root

pytestmark = pytest.mark.root


def test_no_bridge_is_without_its_rules(
    machine: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not even until its turn comes: the rules are made for all of them at once, and once."""
    made: list[set[str]] = []
    plain = Firewall.ensure

    def ensure(self: Firewall, bridges: Sequence[BridgeState]) -> None:
        made.append({one.name for one in bridges})
        plain(self, bridges)

    monkeypatch.setattr(Firewall, "ensure", ensure)
    networks = Networks(cast("Any", None))
    for number, name in enumerate(("one", "two", "three"), 7):
        subnet = Subnet(f"10.9.{number}.0/24", f"10.9.{number}.1")
        networks.reserve(Network(name * 20, name, 0, interface=f"br-{name}", subnets=[subnet]))
    floor = NetworkFloor(str(tmp_path))
    try:
        asyncio.run(floor.open(networks))
        assert not floor.failure
        assert len(made) == 1 and {"br-one", "br-two", "br-three"} < made[0]
        assert {one.name for one in floor.users()} == {"br-one", "br-two", "br-three"}
        with rtnetlink.Socket() as netlink:
            up = {link.name for link in netlink.links() if link.up}
        assert {"br-one", "br-two", "br-three"} < up
    finally:
        default.remove_default(for_root(str(tmp_path)))


def test_one_whose_name_something_else_has_is_told_of(machine: Any, tmp_path: Path) -> None:
    networks = Networks(cast("Any", None))
    networks.reserve(
        Network("x" * 60, "taken", 0, interface="lo", subnets=[Subnet("10.9.7.0/24", "10.9.7.1")])
    )
    networks.reserve(
        Network("y" * 60, "free", 0, interface="br-y", subnets=[Subnet("10.9.8.0/24", "10.9.8.1")])
    )
    floor = NetworkFloor(str(tmp_path))
    try:
        asyncio.run(floor.open(networks))
        assert "network taken: existing interface lo is not a bridge" in floor.notices()
        with rtnetlink.Socket() as netlink:
            assert "br-y" in [link.name for link in netlink.links() if link.up]
    finally:
        default.remove_default(for_root(str(tmp_path)))
