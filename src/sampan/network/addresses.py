"""Subnets for bridges and addresses for containers, in memory: the kernel and the engine's records hold
the truth across restarts (`Pool.adopt`)."""

import ipaddress
import threading
from collections.abc import Iterable, Iterator

from sampan.errors import Conflict, InvalidArgument, Unavailable

# Docker 28's default address pools (daemon/libnetwork/ipamutils), in its order.
_WIDE = ("172.17.0.0/16", "172.18.0.0/16", "172.19.0.0/16", "172.20.0.0/14", "172.24.0.0/14", "172.28.0.0/14")
_NARROW = "192.168.0.0/16"


def default_pools() -> Iterator[str]:
    for base in _WIDE:
        yield from (str(net) for net in ipaddress.IPv4Network(base).subnets(new_prefix=16))
    yield from (str(net) for net in ipaddress.IPv4Network(_NARROW).subnets(new_prefix=20))


def free_subnet(pools: Iterable[str], taken: Iterable[str]) -> str:
    """The first pool that overlaps nothing in `taken` (networks or addresses; of default routes, which
    overlap everything, the caller must not tell)."""
    occupied = [ipaddress.IPv4Network(one, strict=False) for one in taken]
    for pool in pools:
        network = ipaddress.IPv4Network(pool)
        if not any(network.overlaps(other) for other in occupied):
            return pool
    raise Unavailable("all predefined address pools have been fully subnetted")


def gateway_of(subnet: str) -> str:
    """The first address."""
    return str(next(ipaddress.IPv4Network(subnet).hosts()))


def mac_of(address: str) -> str:
    """02:42 and the four bytes of the address, as Docker's: who reuses an address has the same hardware
    address, so that no neighbour cache on the bridge goes stale."""
    return f"02:42:{ipaddress.IPv4Address(address).packed.hex(':')}"


class Pool:
    """The addresses of one subnet. Each owner has at most one.

    The lowest free one, as Docker gives it: what is stopped and started again usually keeps its address.
    The bridge's forwarding table may still send the address to the port that it had a moment ago;
    `rtnetlink.forward` puts that right when the new port is made.
    """

    def __init__(self, subnet: str, gateway: str) -> None:
        self._network = ipaddress.IPv4Network(subnet)
        first, last = int(self._network.network_address), int(self._network.broadcast_address)
        if self._network.prefixlen < 31:
            first, last = first + 1, last - 1
        self._first, self._last = first, last
        self._gateway = int(ipaddress.IPv4Address(gateway))
        self._owners: dict[int, str] = {self._gateway: ""}
        self._lock = threading.Lock()

    @property
    def prefix_length(self) -> int:
        return self._network.prefixlen

    def allocate(self, owner: str, wanted: str | None = None) -> str:
        """An address for `owner`, without prefix length. The same again if it has one already."""
        with self._lock:
            number = self._find(owner)
            if number is None:
                number = self._next() if wanted is None else self._wanted(wanted)
                self._take(number, owner)
            return str(ipaddress.IPv4Address(number))

    def adopt(self, owner: str, address: str) -> None:
        """After a restart of the daemon: `owner` has this address already."""
        with self._lock:
            number = self._find(owner)
            if number is None or str(ipaddress.IPv4Address(number)) != address:
                self._take(self._wanted(address), owner)

    def release(self, owner: str) -> None:
        """Already so is a result: nothing happens for an owner without an address."""
        with self._lock:
            number = self._find(owner)
            if number is not None:
                del self._owners[number]

    def owners(self) -> dict[str, str]:
        """{owner: address}."""
        with self._lock:
            return {who: str(ipaddress.IPv4Address(n)) for n, who in self._owners.items() if who}

    def _take(self, number: int, owner: str) -> None:
        self._owners[number] = owner

    def _find(self, owner: str) -> int | None:
        return next((number for number, who in self._owners.items() if who == owner), None)

    def _next(self) -> int:
        for number in range(self._first, self._last + 1):
            if number not in self._owners:
                return number
        raise Unavailable("no available IPv4 addresses on this network's address pools")

    def _wanted(self, address: str) -> int:
        try:
            number = int(ipaddress.IPv4Address(address))
        except ValueError as error:
            raise InvalidArgument(f"invalid IPv4 address: {address}") from error
        if not self._first <= number <= self._last:
            raise InvalidArgument(f"invalid IPv4 address: {address} is not in {self._network}")
        if number in self._owners:
            raise Conflict("Address already in use")
        return number
