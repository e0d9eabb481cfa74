"""Published ports: which are taken, and the sockets that keep others off them.

A port is claimed three times, each for a reason of its own: in our table (two containers), by really
binding a socket (another process on the machine), and as one element of the firewall's map (the way in).
The socket goes to the container's monitor and lives as long as the container does. While the firewall
serves, nothing ever arrives at it: the address is translated before the packet finds a socket. Where it
does not serve (IPv6 to a container that has none, ::1, no nf_tables, the table gone), the monitor relays; and
where the user wants published ports to pass the machine's own INPUT chain (`Destination.relayed`).

On a network whose gateway routes, a published port is open at the container's own address: there is no port
on the host then, and no socket.
"""

import errno
import ipaddress
import socket
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, Protocol

from sampan.errors import Conflict, InvalidArgument, SampanError, Unavailable, Unsupported
from sampan.network.ruleset import Element

_ANY = "0.0.0.0"
_ANY6 = "::"
_PROTOCOLS = {
    "tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "udp": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "sctp": (socket.SOCK_STREAM, socket.IPPROTO_SCTP),
}
_FALLBACK_RANGE = (49153, 65535)  # Docker's, where /proc says nothing
_BACKLOG = 4096


class PortBinding(NamedTuple):
    """What the user asked for."""

    container_port: int
    protocol: str  # "tcp" | "udp" | "sctp"
    host_ip: str = ""  # "": every address of both families
    host_port: int = 0  # 0: an ephemeral one
    host_port_end: int = 0  # of a range, from which the first free one is taken; 0: no range


class Bound(NamedTuple):
    """What the user got: one per address family."""

    container_port: int
    protocol: str
    host_ip: str  # "0.0.0.0", "::", or the one asked for
    host_port: int  # 0: none, the container's own address is open


class Destination(NamedTuple):
    """The container, as its network has it. "" for a family that it has not."""

    address: str
    address6: str = ""
    routed: bool = False  # the gateway routes IPv4: nothing is translated
    routed6: bool = False
    relayed: bool = False  # never translate: what arrives shall meet the machine's INPUT chain
    direct: bool = False  # published ports are open at the container's own address, too

    def of(self, host_ip: str) -> str:
        """Where that address of the machine leads: IPv6 to IPv4, too, if need be."""
        return (self.address6 or self.address) if ":" in host_ip else self.address

    def routes(self, host_ip: str) -> bool:
        return self.routed6 and bool(self.address6) if ":" in host_ip else self.routed


class PortTarget(NamedTuple):
    protocol: str
    address: str
    port: int


class Held(NamedTuple):
    """A socket for the monitor, which owns it once it has been sent there: close ours then.

    `relay` is always worth heeding: with the firewall in front nothing comes in, and should somebody
    flush the firewall, the port goes on working."""

    socket: socket.socket
    target: PortTarget
    relay: bool


class Published(NamedTuple):
    bindings: list[Bound]
    listeners: list[Held]

    def close(self) -> None:
        """Our copies of the sockets, after they have been sent, or when they will not be."""
        for held in self.listeners:
            held.socket.close()


class Translator(Protocol):
    """What ports need of the firewall."""

    def add(self, elements: Sequence[Element]) -> None: ...
    def remove(self, elements: Sequence[Element]) -> None: ...
    def swap(self, gone: Sequence[Element], added: Sequence[Element]) -> None: ...
    def restore(self, expected: Iterable[Element]) -> None: ...


def parse(container: str, host_ip: str, host_port: str) -> PortBinding:
    """The API's form: "80/tcp" and a HostPort of "", "8080" or "8000-8010"."""
    number, _, protocol = container.partition("/")
    protocol = protocol.lower() or "tcp"
    if protocol not in _PROTOCOLS:
        raise InvalidArgument(f"invalid proto: {protocol}")
    first, dash, last = host_port.partition("-")
    start = _port(first, "hostPort") if first else 0
    end = _port(last, "hostPort") if dash else 0
    if dash and not 0 < start <= end:
        raise InvalidArgument(f"invalid range specified for port: {host_port}")
    target = _port(number, "containerPort")
    if not target:
        raise InvalidArgument(f"invalid containerPort: {number}")
    return PortBinding(target, protocol, host_ip, start, end)


class Ports:
    """The table of published ports. `firewall` None: this kernel cannot translate, everything is relayed."""

    def __init__(self, firewall: Translator | None) -> None:
        self._firewall = firewall
        self._taken: dict[tuple[str, int], set[str]] = {}  # (protocol, host port) → host addresses
        self._claims: dict[str, list[_Claim]] = {}
        self._ephemeral: dict[str, int] = {}  # by protocol: where the last search ended
        self._lock = threading.Lock()

    def publish(self, owner: str, to: Destination, bindings: Iterable[PortBinding]) -> Published:
        """Claim, bind and translate all of `bindings`, or none.

        Raises Conflict or Unavailable with Docker's sentence; the caller puts the endpoint before it.
        """
        with self._lock, ExitStack() as undo:
            undo.callback(self._forget, owner)
            listeners: list[Held] = []
            for binding in bindings:
                for bound, held in self._publish(to, binding, undo):
                    self._claims.setdefault(owner, []).append(_Claim(bound, to))
                    listeners += [held] if held else []
            mine = self._claims.get(owner, [])
            self._translate(_elements(mine))
            undo.pop_all()
            return Published([claim.bound for claim in mine], listeners)

    def unpublish(self, owner: str) -> None:
        """Stop translating, and free the ports in our table. The sockets close with their holders."""
        with self._lock:
            gone = _elements(self._claims.get(owner, []))
            self._forget(owner)
            if self._firewall is not None and gone:
                self._firewall.remove(gone)

    # A change while the container runs: `extend`, `turn`, and `free` what was turned away from; or, the way
    # back, `turn` again and `free` what was new.

    def extend(
        self, to: Destination, bindings: Iterable[PortBinding], instead_of: Collection[Bound]
    ) -> Published:
        """Claim and bind more ports, all or none; they are not translated yet. They may overlap `instead_of`,
        ports of the same container that it gives up and whose sockets are closed. Raises as `publish`."""
        with self._lock, ExitStack() as undo:
            taken: list[tuple[Bound, Held | None]] = []
            for binding in bindings:
                taken += self._publish(to, binding, undo, instead_of)
            undo.pop_all()
            return Published([bound for bound, _ in taken], [held for _, held in taken if held is not None])

    def turn(self, owner: str, to: Destination, gone: Sequence[Bound], added: Sequence[Bound]) -> None:
        """Translate `added` in place of `gone`, in one step. Raises Unavailable, with nothing changed."""
        with self._lock:
            before, left = self._claims.get(owner, []), set(gone)
            arriving = [_Claim(bound, to) for bound in added]
            self._claims[owner] = [one for one in before if one.bound not in left] + arriving
            try:
                self._swap(before, self._claims[owner])
            except BaseException:
                self._claims[owner] = before
                raise

    def free(self, owner: str, bounds: Iterable[Bound]) -> None:
        """In our table, those that the owner does not have in another form."""
        with self._lock:
            kept = {(_key(one.bound), one.bound.host_ip) for one in self._claims.get(owner, [])}
            for bound in bounds:
                if (_key(bound), bound.host_ip) not in kept:
                    self._free(bound)

    def adopt(self, owner: str, to: Destination, bindings: Iterable[Bound]) -> None:
        """After a restart of the daemon: the monitor of `owner` holds these already. The elements follow
        with `firewall.sync(ports.expected())`."""
        with self._lock:
            self._forget(owner)
            for bound in bindings:
                if bound.host_port:
                    self._taken.setdefault(_key(bound), set()).add(bound.host_ip)
                self._claims.setdefault(owner, []).append(_Claim(bound, to))

    def expected(self) -> list[Element]:
        """Every element that the firewall should have."""
        with self._lock:
            return self._expected()

    def _expected(self) -> list[Element]:
        return [one for claims in self._claims.values() for one in _elements(claims)]

    def _publish(
        self, to: Destination, binding: PortBinding, undo: ExitStack, instead_of: Collection[Bound] = ()
    ) -> list[tuple[Bound, Held | None]]:
        """One binding, for each address family, with one host port for all of them."""
        found = [ip for ip in host_addresses(binding) if to.of(ip)]
        kind = (binding.container_port, binding.protocol)
        opened: list[tuple[Bound, Held | None]] = [
            (Bound(*kind, _ANY6 if ":" in ip else _ANY, 0), None) for ip in found if to.routes(ip)
        ]
        translated = [ip for ip in found if not to.routes(ip)]
        if not translated:
            return opened
        taken = self._allocate(to, binding, translated, undo, instead_of)
        return sorted(taken + opened, key=lambda one: ":" in one[0].host_ip)

    def _allocate(
        self,
        to: Destination,
        binding: PortBinding,
        host_ips: Sequence[str],
        undo: ExitStack,
        instead_of: Collection[Bound],
    ) -> list[tuple[Bound, Held | None]]:
        error: SampanError = Unavailable("all ports are allocated")
        fixed = binding.host_port and not binding.host_port_end
        for port in self._candidates(binding):
            wanted = [Bound(binding.container_port, binding.protocol, ip, port) for ip in host_ips]
            try:
                return self._take(to, wanted, undo, instead_of)
            except Conflict as conflict:
                error = conflict if binding.host_port else error
                if fixed:
                    break
        raise error

    def _take(
        self, to: Destination, wanted: Sequence[Bound], undo: ExitStack, instead_of: Collection[Bound]
    ) -> list[tuple[Bound, Held | None]]:
        with ExitStack() as attempt:
            taken = []
            for bound in wanted:
                new = self._claim(bound, instead_of)
                if new:
                    attempt.callback(self._free, bound)
                held = hold(bound, to.of(bound.host_ip))
                if held is not None:
                    attempt.callback(held.socket.close)
                elif self._firewall is None or _element(_Claim(bound, to)) is None:
                    if new:
                        self._free(bound)
                    continue
                taken.append((bound, held))
            if not taken:
                raise Unsupported(f"this kernel cannot publish a port of protocol {wanted[0].protocol}")
            undo.push(attempt.pop_all())
            return taken

    def _claim(self, bound: Bound, instead_of: Collection[Bound]) -> bool:
        """False: it was in our table, and stays there."""
        there = self._taken.setdefault(_key(bound), set())
        own = {one.host_ip for one in instead_of if _key(one) == _key(bound)}
        if any(_overlap(bound.host_ip, other) for other in there - own):
            raise Conflict(f"Bind for {_at(bound)} failed: port is already allocated")
        if bound.host_ip in there:
            return False
        there.add(bound.host_ip)
        return True

    def _free(self, bound: Bound) -> None:
        there = self._taken.get(_key(bound), set())
        there.discard(bound.host_ip)
        if not there:
            self._taken.pop(_key(bound), None)

    def _forget(self, owner: str) -> None:
        for claim in self._claims.pop(owner, []):
            self._free(claim.bound)

    def _translate(self, elements: Sequence[Element]) -> None:
        if self._firewall is None or not elements:
            return
        try:
            try:
                self._firewall.add(elements)
            except FileNotFoundError:
                self._firewall.restore(self._expected())
        except OSError as error:
            raise Unavailable(f"could not add to the firewall: {error.strerror}") from error

    def _swap(self, before: "Sequence[_Claim]", after: "Sequence[_Claim]") -> None:
        there, wanted = _elements(before), _elements(after)
        gone = [one for one in there if one not in wanted]
        added = [one for one in wanted if one not in there]
        if self._firewall is None or not (gone or added):
            return
        try:
            try:
                self._firewall.swap(gone, added)
            except FileNotFoundError:
                self._firewall.restore(self._expected())
        except OSError as error:
            raise Unavailable(f"could not change the firewall: {error.strerror}") from error

    def _candidates(self, binding: PortBinding) -> Iterator[int]:
        if binding.host_port:
            yield from range(binding.host_port, (binding.host_port_end or binding.host_port) + 1)
            return
        first, last = ephemeral_range()
        start = self._ephemeral.get(binding.protocol, first - 1) + 1
        if not first <= start <= last:
            start = first
        for port in (*range(start, last + 1), *range(first, start)):
            self._ephemeral[binding.protocol] = port
            yield port


class _Claim(NamedTuple):
    bound: Bound
    to: Destination


def host_addresses(binding: PortBinding) -> list[str]:
    """Without an address: all of IPv4, and of IPv6 where the machine has it."""
    if not binding.host_ip:
        return [_ANY, _ANY6] if has_ipv6() else [_ANY]
    try:
        return [str(ipaddress.ip_address(binding.host_ip.strip("[]")))]
    except ValueError as error:
        raise InvalidArgument(f"invalid IP address: {binding.host_ip}") from error


def has_ipv6() -> bool:
    try:
        return bool(Path("/proc/net/if_inet6").read_bytes())
    except OSError:
        return False


def ephemeral_range() -> tuple[int, int]:
    try:
        first, last = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
        return int(first), int(last)
    except (OSError, ValueError):
        return _FALLBACK_RANGE


def hold(bound: Bound, address: str) -> Held | None:
    """A socket on the host's port. None where the kernel has no sockets of this protocol (sctp); raises
    Conflict when somebody has the port, Unavailable when it cannot be had at all."""
    family = socket.AF_INET6 if ":" in bound.host_ip else socket.AF_INET
    kind, protocol = _PROTOCOLS[bound.protocol]
    target = PortTarget(bound.protocol, address, bound.container_port)
    try:
        with ExitStack() as undo:
            held = undo.enter_context(socket.socket(family, kind, protocol))
            _occupy(held, bound)
            undo.pop_all()
            return Held(held, target, relay=True)
    except OSError as error:
        if error.errno in (errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT):
            return None
        raise _refusal(error, bound, target) from error


def _occupy(held: socket.socket, bound: Bound) -> None:
    """Listening at once: with SO_REUSEADDR (past connections of a relay in TIME_WAIT must not keep the
    port) only a listening socket excludes others that set SO_REUSEADDR too (inet_csk_get_port)."""
    if held.family == socket.AF_INET6:
        held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if held.type == socket.SOCK_STREAM:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((bound.host_ip, bound.host_port))
    if held.type == socket.SOCK_STREAM:
        held.listen(_BACKLOG)


def _refusal(error: OSError, bound: Bound, target: PortTarget) -> SampanError:
    reason = (error.strerror or str(error)).lower()
    text = (
        f"failed to bind host port for {_at(bound)}:{target.address}:{target.port}/{bound.protocol}: {reason}"
    )
    return Conflict(text) if error.errno == errno.EADDRINUSE else Unavailable(text)


def _elements(claims: Iterable[_Claim]) -> list[Element]:
    """Each one once: several claims may open the same port of a container."""
    found: dict[Element, None] = {}
    for claim in claims:
        if (element := _element(claim)) is not None:
            found[element] = None
        if claim.to.direct:
            bound = claim.bound
            address = claim.to.of(bound.host_ip)
            found[Element("", bound.protocol, 0, address, bound.container_port)] = None
    return list(found)


def _element(claim: _Claim) -> Element | None:
    """None: the firewall has no part in it. It translates within a family, and nothing of ::1 (`ruleset`)."""
    bound, to = claim
    address = to.of(bound.host_ip)
    if not bound.host_port:
        return Element("", bound.protocol, 0, address, bound.container_port)
    if to.relayed or bound.host_ip == "::1" or (":" in bound.host_ip) != (":" in address):
        return None
    host_ip = "" if bound.host_ip in (_ANY, _ANY6) else bound.host_ip
    return Element(host_ip, bound.protocol, bound.host_port, address, bound.container_port)


def competes(bound: Bound, binding: PortBinding) -> bool:
    """Whether a socket of `bound` may stand in the way of one of `binding`."""
    first, last = binding.host_port, binding.host_port_end or binding.host_port
    return (
        bound.protocol == binding.protocol
        and first <= bound.host_port <= last
        and any(_overlap(bound.host_ip, one) for one in host_addresses(binding))
    )


def _overlap(one: str, other: str) -> bool:
    """Of two host addresses: all of a family overlap each of its addresses."""
    if (":" in one) != (":" in other):
        return False
    return one == other or bool({one, other} & {_ANY, _ANY6})


def _key(bound: Bound) -> tuple[str, int]:
    return bound.protocol, bound.host_port


def _at(bound: Bound) -> str:
    host = f"[{bound.host_ip}]" if ":" in bound.host_ip else bound.host_ip
    return f"{host}:{bound.host_port}"


def _port(text: str, what: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise InvalidArgument(f"invalid {what}: {text}")
    return int(text)
