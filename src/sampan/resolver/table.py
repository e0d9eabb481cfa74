"""The names, as the daemon writes them to RUN_ROOT/names.json; and how one is looked up. Pure but for
`Table`, which reads the file again when it has changed."""

import ipaddress
import json
import os
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

FILE = "names.json"
MACHINE = ("host.docker.internal", "host.containers.internal")


class Entry(NamedTuple):
    """A container on one network. The first of its names is its own; `addresses` of both families.
    `run`: `run_of` it; without a life while its start is awaited."""

    run: str
    names: Sequence[str]
    addresses: Sequence[str]

    @property
    def container(self) -> str:
        return self.run.partition("#")[0]


class Network(NamedTuple):
    name: str
    internal: bool
    gateways: Sequence[str]
    entries: Sequence[Entry]


class Client(NamedTuple):
    """A container that asks. `links`: what it alone calls others, with their IDs; `servers`: who is asked
    what we do not know."""

    networks: Sequence[str]  # IDs, the one with the default gateway first
    links: Mapping[str, str]
    servers: Sequence[str]


class Names(NamedTuple):
    networks: Mapping[str, Network]
    clients: Mapping[str, Client]


NOTHING = Names({}, {})


def run_of(container: str, life: str) -> str:
    """One run of a container: who is told that it has ended does not take the next one for dead."""
    return f"{container}#{life}"


def encode(names: Names) -> bytes:
    return json.dumps(names).encode()


def decode(data: bytes) -> Names:
    """Raises ValueError."""
    try:
        networks, clients = json.loads(data)
        return Names(
            {
                key: Network(name, internal, gateways, [Entry(*entry) for entry in entries])
                for key, (name, internal, gateways, entries) in networks.items()
            },
            {key: Client(*client) for key, client in clients.items()},
        )
    except (TypeError, AttributeError) as error:
        raise ValueError(str(error)) from error


class Table:
    """The file's content as it is now: who asks after a change was acknowledged gets the new answer."""

    def __init__(self, run_root: str) -> None:
        self._path = f"{run_root}/{FILE}"
        self._mark: tuple[int, int, int] | None = None
        self._names = NOTHING

    def read(self) -> Names:
        try:
            status = os.stat(self._path)
            mark = (status.st_ino, status.st_mtime_ns, status.st_size)
            if mark != self._mark:
                with open(self._path, "rb") as file:
                    self._names = decode(file.read())
                self._mark = mark
        except (OSError, ValueError):
            pass  # what was known last
        return self._names


def forwards(names: Names, client: Client) -> bool:
    """Names of the world are not asked for by who has only internal networks (CVE-2024-29018)."""
    return any(not names.networks[one].internal for one in client.networks if one in names.networks)


def find(names: Names, client: Client, name: str, dead: Collection[str]) -> list[str] | None:
    """The addresses behind a name; None: it is nobody's here. `name` without its last dot, lower case;
    `dead`: runs that have ended."""
    networks = [names.networks[one] for one in client.networks if one in names.networks]
    if name in MACHINE:
        return [gateway for network in networks for gateway in network.gateways] or None
    target = client.links.get(name)
    for network in networks:
        for short in _shortened(name, network.name):
            found = [
                address
                for entry in network.entries
                if entry.run not in dead
                and (entry.container == target or short in map(str.lower, entry.names))
                for address in entry.addresses
            ]
            if found:
                return found
    return None


def _shortened(name: str, network: str) -> list[str]:
    """`web`, and `web.NETWORK`."""
    suffix = f".{network.lower()}"
    return [name, name.removesuffix(suffix)] if name.endswith(suffix) else [name]


def runs(names: Names, container: str) -> set[str]:
    """Those of its entries that are alive."""
    entries = (entry for network in names.networks.values() for entry in network.entries)
    return {entry.run for entry in entries if entry.container == container and not entry.run.endswith("#")}


def find_name(names: Names, client: Client, question: str, dead: Collection[str]) -> str | None:
    """Of 2.0.18.172.in-addr.arpa: `NAME.NETWORK`."""
    address = reverse(question)
    for one in client.networks:
        network = names.networks.get(one)
        for entry in network.entries if network else ():
            if network and address and address in entry.addresses and entry.run not in dead:
                return f"{entry.names[0]}.{network.name}"
    return None


def reverse(question: str) -> str:
    """The address that a name below in-addr.arpa or ip6.arpa stands for; "" for none."""
    labels = question.split(".")[::-1]
    try:
        if labels[:2] == ["arpa", "in-addr"] and len(labels) == 6:
            return str(ipaddress.IPv4Address(".".join(labels[2:])))
        if labels[:2] == ["arpa", "ip6"] and len(labels) == 34:
            return str(ipaddress.IPv6Address(int("".join(labels[2:]), 16)))
    except ValueError:
        pass
    return ""
