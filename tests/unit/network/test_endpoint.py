from sampan.network import endpoint
from sampan.network.bridge import BridgeState
from sampan.runtime.protocol import Interface

BRIDGE = BridgeState("sampan0", "172.17.0.0/16", "172.17.0.1", 1400)


def test_a_plan_has_the_fields_of_the_runtimes_interface() -> None:
    plan = endpoint.plan(BRIDGE, "172.17.0.2")
    interface = Interface(*plan[:10])
    assert interface._fields[:10] == plan._fields[:10]
    assert interface.addresses == ["172.17.0.2/16"]
    assert interface.mac == "02:42:ac:11:00:02"
    assert interface.mtu == 1400
    assert plan.gateway == "172.17.0.1"


def test_names_on_the_host_do_not_repeat_and_fit() -> None:
    """The link of a container that just ended may still be there when its address is used again."""
    names = {endpoint.plan(BRIDGE, "172.17.0.2").host_name for _ in range(100)}
    assert len(names) == 100
    assert all(name.startswith("veth") and len(name) <= 15 for name in names)


def test_a_hardware_address_that_the_user_gave() -> None:
    assert endpoint.plan(BRIDGE, "172.17.0.2", "02:00:00:00:00:01").mac == "02:00:00:00:00:01"


def test_an_internal_network_has_no_way_out() -> None:
    plan = endpoint.plan(BRIDGE._replace(internal=True), "172.17.0.2")
    assert (plan.gateway, plan.gateway6) == ("", "")


def test_both_families() -> None:
    both = BRIDGE._replace(subnet6="fd00::/64", gateway6="fd00::1")
    plan = endpoint.plan(both, "172.17.0.2", name="eth1", address6="fd00::2")
    assert plan.addresses == ["172.17.0.2/16", "fd00::2/64"]
    assert (plan.name, plan.gateway6) == ("eth1", "fd00::1")
