"""The sockets of 127.0.0.11, and how what is sent to its port 53 reaches them.

They have other ports: a container's own name server may want 53 of every address (0.0.0.0:53), and a socket
bound to 127.0.0.11:53 would keep it from that. So two chains in the container's network namespace change the
ports, and nothing else: no address is translated, no connection tracked, which would cost every packet of the
container.

| chain   | packets                | become                     | seen by rules of the container's own |
|---------|------------------------|----------------------------|--------------------------------------|
| replies | from 127.0.0.11, ours  | from 127.0.0.11, port 53   | from port 53: it runs before them    |
| queries | to 127.0.0.11, port 53 | to 127.0.0.11, ours        | to port 53: it runs after them       |

And so does connection tracking, where the container's own rules make it run (nf_conntrack is at -200).
"""

import contextlib
from _socket import AF_INET, SO_REUSEADDR, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET, inet_aton, socket

from sampan.linux import nftables as nft
from sampan.linux.netlink import Message

RESOLVER = "127.0.0.11"  # as in Docker
_PORT = 53
_TABLE, _REPLIES, _QUERIES = "sampan-resolver", "replies", "queries"
_FIRST, _LAST = -2147483648, 2147483647  # NF_IP_PRI_FIRST, NF_IP_PRI_LAST (uapi linux/netfilter_ipv4.h)
_UDP, _TCP = 17, 6


def open_resolver() -> tuple[int, int]:
    """Inside, with `lo` up: udp and tcp, which are borrowed by nobody yet. Where the kernel has no nf_tables,
    at port 53 itself."""
    try:
        opened = _open(0)
        try:
            _translate(*(one.getsockname()[1] for one in opened))
        except BaseException:
            _close(opened)
            raise
    except OSError:
        opened = _open(_PORT)
    return opened[0].detach(), opened[1].detach()


def _open(port: int) -> tuple[socket, socket]:
    udp, tcp = socket(AF_INET, SOCK_DGRAM), socket(AF_INET, SOCK_STREAM)
    try:
        for one in (udp, tcp):
            one.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
            one.bind((RESOLVER, port))
        tcp.listen(128)
    except BaseException:
        _close((udp, tcp))
        raise
    return udp, tcp


def _close(opened: tuple[socket, socket]) -> None:
    for one in opened:
        one.close()


def _translate(udp: int, tcp: int) -> None:
    """In place of what a resolver before us may have left; by emptying chains: closing a socket
    after a table was deleted would wait for RCU (nft_rcv_nl_event), 12 ms."""
    with contextlib.closing(nft.Socket()) as netlink:
        netlink.commit([*_SKELETON, *_rules(_UDP, udp), *_rules(_TCP, tcp)])


def _rules(protocol: int, port: int) -> list[Message]:
    here = port.to_bytes(2, "big")
    to_here = (nft.immediate(0, here), nft.set_th_dport(0, protocol))
    from_here = (*_FROM[protocol], nft.compare(0, nft.EQ, here), *_AS_53[protocol])
    return [nft.rule(_TABLE, _REPLIES, from_here), nft.rule(_TABLE, _QUERIES, (*_TO_53[protocol], *to_here))]


def _ours(address: bytes, protocol: int, port: bytes) -> tuple[bytes, ...]:
    ipv4 = (nft.meta_nfproto(0), nft.compare(0, nft.EQ, bytes((nft.NFPROTO_IPV4,))))
    kind = (nft.meta_l4proto(0), nft.compare(0, nft.EQ, bytes((protocol,))))
    return (*ipv4, address, nft.compare(0, nft.EQ, inet_aton(RESOLVER)), *kind, port)


# Made once, in the launcher.
_THERE = _PORT.to_bytes(2, "big")
_SKELETON = (
    nft.table(_TABLE),
    nft.chain(_TABLE, _REPLIES, nft.Hook("filter", nft.OUTPUT, _FIRST)),
    nft.chain(_TABLE, _QUERIES, nft.Hook("filter", nft.OUTPUT, _LAST)),
    nft.flush_chain(_TABLE, _REPLIES),
    nft.flush_chain(_TABLE, _QUERIES),
)
_FROM = {one: _ours(nft.ip_saddr(0), one, nft.th_sport(0)) for one in (_UDP, _TCP)}
_AS_53 = {one: (nft.immediate(0, _THERE), nft.set_th_sport(0, one)) for one in (_UDP, _TCP)}
_TO_53 = {
    one: (*_ours(nft.ip_daddr(0), one, nft.th_dport(0)), nft.compare(0, nft.EQ, _THERE))
    for one in (_UDP, _TCP)
}
