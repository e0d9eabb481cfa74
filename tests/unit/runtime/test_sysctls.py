"""runc's rules for sysctls."""

import pytest

from sampan.linux.process import CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWUTS
from sampan.runtime.failure import OciError
from sampan.runtime.sysctls import check, path_of

ALL = CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS


@pytest.mark.parametrize(
    "key", ["net.ipv4.ip_forward", "kernel.shmmax", "fs.mqueue.msg_max", "kernel.domainname"]
)
def test_what_belongs_to_a_namespace_needs_it(key: str) -> None:
    check(key, ALL)
    with pytest.raises(OciError, match="not allowed in"):
        check(key, 0)


@pytest.mark.parametrize(
    "key",
    ["kernel.core_pattern", "vm.swappiness", "kernel.hostname", "net..ipv4", "net/../kernel/core_pattern"],
)
def test_what_does_not_is_refused(key: str) -> None:
    with pytest.raises(OciError):
        check(key, ALL)


def test_dots_and_slashes() -> None:
    assert path_of("net.ipv4.ip_forward") == "net/ipv4/ip_forward"
    assert path_of("net/ipv4/conf/eth0.1/forwarding") == "net/ipv4/conf/eth0.1/forwarding"
    assert path_of("net.ipv4.conf.eth0/1.forwarding") == "net/ipv4/conf/eth0.1/forwarding"
