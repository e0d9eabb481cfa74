"""Our table in the kernel's firewall: keep it as `ruleset` says, add and remove published ports.

Nothing outside the table is ever written. What others' tables do is only looked at, to warn.
"""

import contextlib
import threading
from collections.abc import Callable, Collection, Iterable, Sequence

from sampan.linux import conntrack, rtnetlink, xtables
from sampan.linux import nftables as nft
from sampan.linux.netlink import Message
from sampan.network import ruleset
from sampan.network.bridge import BridgeState
from sampan.network.ruleset import Element

UNAVAILABLE = (
    "this kernel has no usable nf_tables: published ports are relayed by a process of ours (clients' "
    "addresses are lost), and containers cannot reach the outside"
)
_UDP = ruleset.PROTOCOLS["udp"]


class Firewall:
    """One table. May be used from several threads."""

    def __init__(self, table: str) -> None:
        """Raises OSError where the kernel has no nf_tables, or we may not use it."""
        self.table = table
        self._lock = threading.Lock()
        self._bridges: Sequence[BridgeState] = ()
        self._socket = nft.Socket()
        try:
            self._socket.tables()
        except BaseException:
            self._socket.close()
            raise

    @property
    def port(self) -> int:
        """How the kernel names us when it tells others what we did."""
        return self._socket.port

    def close(self) -> None:
        """The table stays."""
        self._socket.close()

    def ensure(self, bridges: Sequence[BridgeState]) -> None:
        """The chains and rules for these bridges, in one step; published ports stay as they are, unless
        the table has another shape (of another version of ours): then `sync` brings them back."""
        wanted = ruleset.skeleton(self.table, bridges)
        with self._lock:
            try:
                self._socket.commit(wanted)
            except OSError:
                if self.table not in self._socket.tables():
                    raise
                self._socket.commit([nft.delete_table(self.table), *wanted])
            self._bridges = bridges

    def restore(self, expected: Iterable[Element]) -> None:
        """After somebody flushed the firewall (`nft flush ruleset`, a reload of nftables.service)."""
        self.ensure(self._bridges)
        self.sync(expected)

    def add(self, elements: Sequence[Element]) -> None:
        """Publish ports, all or none. Raises FileExistsError when one goes elsewhere already, and
        FileNotFoundError when our table is gone (see `restore`)."""
        with self._lock:
            self._socket.commit(_messages(self.table, elements, nft.add_elements))
        # A flow that a client keeps up would go on to where it went before.
        forget([one for one in elements if one.protocol == "udp"])

    def swap(self, gone: Sequence[Element], added: Sequence[Element]) -> None:
        """In one step. Raises FileNotFoundError when the table, or one of `gone`, is not there."""
        messages = _messages(self.table, gone, nft.delete_elements)
        messages += _messages(self.table, added, nft.add_elements)
        with self._lock:
            self._socket.commit(messages)
        forget([one for one in (*gone, *added) if one.protocol == "udp"])

    def remove(self, elements: Sequence[Element]) -> None:
        """Already gone is a result."""
        with self._lock:
            try:
                self._socket.commit(_messages(self.table, elements, nft.delete_elements))
            except FileNotFoundError:
                left = set(elements) & set(self._elements())
                self._socket.commit(_messages(self.table, sorted(left), nft.delete_elements))
        forget([one for one in elements if one.protocol == "udp"])

    def elements(self) -> list[Element]:
        with self._lock:
            return self._elements()

    def sync(self, expected: Iterable[Element]) -> tuple[list[Element], list[Element]]:
        """Make the published ports be exactly these, in one step. Returns (added, removed); what is
        right already is not touched."""
        wanted = set(expected)
        with self._lock:
            there = set(self._elements())
            missing, stale = sorted(wanted - there), sorted(there - wanted)
            messages = _messages(self.table, stale, nft.delete_elements)
            messages += _messages(self.table, missing, nft.add_elements)
            self._socket.commit(messages)
        forget([one for one in missing + stale if one.protocol == "udp"])
        return missing, stale

    def destroy(self) -> None:
        """Delete the table. Already gone is a result."""
        with self._lock, contextlib.suppress(FileNotFoundError):
            self._socket.commit([nft.delete_table(self.table)])

    def foreign_drops(self, bridge: str) -> list[str]:
        """A sentence for each base chain of others that drops what it does not know while forwarding:
        an accept of ours cannot overrule it."""
        with self._lock:
            chains = self._socket.chains()
        blocking = [_named(chain) for chain in chains if chain.table != self.table and drops(chain)]
        if xtables.forward_drops():
            blocking.append("FORWARD of iptables-legacy")
        return [_warning(name, bridge) for name in blocking]

    def _elements(self) -> list[Element]:
        """None of a table, or a map, that is not there."""
        found = []
        for name in ruleset.SETS:
            with contextlib.suppress(FileNotFoundError):
                there = self._socket.elements(self.table, name)
                found += [ruleset.decode(name, element) for element in there]
        return found


def drops(chain: nft.Chain) -> bool:
    hook = chain.hook
    families = (nft.NFPROTO_INET, nft.NFPROTO_IPV4)
    return (
        hook is not None
        and chain.family in families
        and hook.number == nft.FORWARD
        and hook.policy == nft.DROP
    )


def forget(elements: Sequence[Element]) -> None:
    """Make the kernel forget the UDP flows through these published ports: a client that never pauses
    keeps its flow alive, and with it the old destination (moby a836506d19)."""
    if not elements:
        return
    with rtnetlink.Socket() as netlink:
        local = {one.address.partition("/")[0] for one in netlink.addresses()}
    with conntrack.Socket() as socket:
        for flow in socket.flows(_UDP):
            if any(goes_through(flow, one, local) for one in elements):
                with contextlib.suppress(FileNotFoundError):  # it ended meanwhile
                    socket.delete(flow)


def goes_through(flow: conntrack.Flow, element: Element, local: Collection[str]) -> bool:
    """Whether the flow came through the port, or would now; or ends at its container anyway. `local`:
    the addresses of this machine."""
    if flow.replier == element.address:
        return True
    if flow.destination_port != element.host_port:
        return False
    if element.host_ip:
        return flow.destination == element.host_ip
    return flow.destination in local or flow.destination.startswith("127.")


def _messages(
    table: str, elements: Iterable[Element], build: Callable[[str, str, Sequence[nft.Element]], list[Message]]
) -> list[Message]:
    """Of both maps, which one commit takes together."""
    sorted_out: dict[str, list[nft.Element]] = {}
    for one in elements:
        name, encoded = ruleset.encode(one)
        sorted_out.setdefault(name, []).append(encoded)
    return [message for name, found in sorted_out.items() for message in build(table, name, found)]


def _named(chain: nft.Chain) -> str:
    family = "inet" if chain.family == nft.NFPROTO_INET else "ip"
    return f"{chain.name} of table {family} {chain.table}"


def _warning(chain: str, bridge: str) -> str:
    return (
        f"chain {chain} drops forwarded packets by policy, which our rules cannot overrule: unless it "
        f"accepts {bridge}, containers do not reach the outside and are not reached from there. If iptables "
        f"made it: iptables -I FORWARD -i {bridge} -j ACCEPT; iptables -I FORWARD -o {bridge} -j ACCEPT"
    )
