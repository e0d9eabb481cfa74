"""Subnets for bridges and addresses for containers, in memory: the kernel and the engine's records hold
the truth across restarts (`Pool.adopt`)."""

import hashlib
import ipaddress
import threading
from collections.abc import Iterable, Iterator, Sequence

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


def private_pools(seed: bytes) -> Iterator[str]:
    """/64 networks of IPv6 below one unique local /48 (RFC 4193), whose 40 bits come from `seed`."""
    prefix = bytes((0xFD,)) + hashlib.sha256(seed).digest()[:5]
    base = int.from_bytes(prefix, "big") << 80
    yield from (f"{ipaddress.IPv6Address(base | number << 64)}/64" for number in range(1 << 16))


def free_subnet6(pools: Iterable[str], taken: Iterable[str]) -> str:
    occupied = [ipaddress.IPv6Network(one, strict=False) for one in taken]
    for pool in pools:
        if not any(ipaddress.IPv6Network(pool).overlaps(other) for other in occupied):
            return pool
    raise Unavailable("all predefined address pools have been fully subnetted")


def overlap(one: str, other: str) -> bool:
    """Of two subnets; those of different families never do."""
    first, second = ipaddress.ip_network(one), ipaddress.ip_network(other)
    return first.version == second.version and first.overlaps(second)


def gateway_of(subnet: str) -> str:
    """The first address."""
    network = ipaddress.ip_network(subnet)
    return str(network[0] if network.num_addresses < 3 else network[1])


def mac_of(address: str) -> str:
    """02:42 and the four bytes of the address, as Docker's: who reuses an address has the same hardware
    address, so that no neighbour cache on the bridge goes stale. Where there is no IPv4, four bytes that come
    of all of the address."""
    packed = ipaddress.ip_interface(address).ip.packed
    four = packed if len(packed) == 4 else hashlib.sha256(packed).digest()[:4]
    return f"02:42:{four.hex(':')}"


class Pool:
    """The addresses of one subnet. Each owner has at most one.

    The lowest free one, as Docker gives it: what is stopped and started again usually keeps its address.
    The bridge's forwarding table may still send the address to the port that it had a moment ago;
    `rtnetlink.forward` puts that right when the new port is made.

    An address can be reserved before it is needed: its owner gets that one, unless somebody asked for it by
    its number meanwhile, or there was no other left.

    `span`: the part of the subnet that addresses are chosen from; those asked for may lie outside of it.
    `reserved`: are never given. `gateway` "": the subnet has none.
    """

    def __init__(self, subnet: str, gateway: str, span: str = "", reserved: Sequence[str] = ()) -> None:
        self._network = ipaddress.ip_network(subnet)
        self.gateway = gateway
        self._lowest, self._highest = _ends(self._network)
        chosen = ipaddress.ip_network(span) if span else self._network
        self._first = max(int(chosen.network_address), self._lowest)
        self._last = min(int(chosen.broadcast_address), self._highest)
        kept = [one for one in (gateway, *reserved) if one]
        self._owners: dict[int, str] = {int(ipaddress.ip_address(one)): "" for one in kept}
        self._reserving: set[str] = set()  # owners that do not use theirs yet
        self._lock = threading.Lock()

    @property
    def version(self) -> int:
        return self._network.version

    @property
    def prefix_length(self) -> int:
        return self._network.prefixlen

    @property
    def subnet(self) -> str:
        return str(self._network)

    def __contains__(self, address: str) -> bool:
        return ipaddress.ip_address(address) in self._network

    def allocate(self, owner: str, wanted: str | None = None) -> str:
        """An address for `owner`, without prefix length. The same again if it has one already."""
        with self._lock:
            number = self._find(owner)
            if number is None or owner in self._reserving:
                number = self._settle(owner, number, wanted)
            self._reserving.discard(owner)
            return self._text(number)

    def reserve(self, owner: str, wanted: str | None = None) -> str:
        """The address that `owner` will have when it asks. The same again if it has or reserves one already.
        Takes nothing from others."""
        with self._lock:
            number = self._find(owner)
            if number is None:
                number = self._free() if wanted is None else self._unowned(wanted)
                self._owners[number] = owner
                self._reserving.add(owner)
            return self._text(number)

    def adopt(self, owner: str, address: str) -> None:
        """After a restart of the daemon: `owner` has this address already."""
        with self._lock:
            number = self._find(owner)
            if number is None or self._text(number) != address:
                self._settle(owner, number if owner in self._reserving else None, address)
            self._reserving.discard(owner)

    def held(self, owner: str) -> str:
        """What it has, or has reserved; "" for nothing."""
        with self._lock:
            number = self._find(owner)
            return "" if number is None else self._text(number)

    def keep(self, owner: str) -> None:
        """What it has, it has only reserved from now on."""
        with self._lock:
            if self._find(owner) is not None:
                self._reserving.add(owner)

    def give_back(self, owner: str) -> None:
        """What is only reserved is free again."""
        if owner in self._reserving:
            self.release(owner)

    def release(self, owner: str) -> None:
        """Already so is a result: nothing happens for an owner without an address."""
        with self._lock:
            number = self._find(owner)
            if number is not None:
                del self._owners[number]
                self._reserving.discard(owner)

    def owners(self) -> dict[str, str]:
        """{owner: address}, without what is only reserved."""
        with self._lock:
            found = self._owners.items()
            return {who: self._text(n) for n, who in found if who and who not in self._reserving}

    def _text(self, number: int) -> str:
        kind = ipaddress.IPv4Address if self._network.version == 4 else ipaddress.IPv6Address
        return str(kind(number))

    def _find(self, owner: str) -> int | None:
        return next((number for number, who in self._owners.items() if who == owner), None)

    def _settle(self, owner: str, reserved: int | None, wanted: str | None) -> int:
        """What becomes its own, in place of what it has reserved."""
        if reserved is not None and wanted in (None, self._text(reserved)):
            return reserved
        number = self._next() if wanted is None else self._wanted(wanted)
        if reserved is not None:
            del self._owners[reserved]
        self._reserving.discard(self._owners.get(number, ""))  # who had it reserved takes another one
        self._owners[number] = owner
        return number

    def _next(self) -> int:
        """One that nobody has; the last ones are taken from those who have them reserved."""
        try:
            return self._free()
        except Unavailable:
            reserved = [number for number, who in self._owners.items() if who in self._reserving]
            inside = [number for number in reserved if self._first <= number <= self._last]
            if not inside:
                raise
            return max(inside)

    def _free(self) -> int:
        for number in range(self._first, self._last + 1):
            if number not in self._owners:
                return number
        family = f"IPv{self._network.version}"
        raise Unavailable(f"no available {family} addresses on this network's address pools")

    def _unowned(self, address: str) -> int:
        number = self._number(address)
        if number in self._owners:
            raise Conflict("Address already in use")
        return number

    def _wanted(self, address: str) -> int:
        number = self._number(address)
        if number in self._owners and self._owners[number] not in self._reserving:
            raise Conflict("Address already in use")
        return number

    def _number(self, address: str) -> int:
        family = f"IPv{self._network.version}"
        try:
            number = int(ipaddress.ip_address(address))
        except ValueError as error:
            raise InvalidArgument(f"invalid {family} address: {address}") from error
        if address not in self:
            raise InvalidArgument(f"invalid {family} address: {address} is not in {self._network}")
        if not self._lowest <= number <= self._highest:  # the network's own, or for all of it
            raise Conflict("Address already in use")
        return number


def _ends(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> tuple[int, int]:
    """The lowest and the highest address that a host may have."""
    first, last = int(network.network_address), int(network.broadcast_address)
    if network.prefixlen >= network.max_prefixlen - 1:
        return first, last
    return first + 1, last - 1 if network.version == 4 else last
