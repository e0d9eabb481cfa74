"""Networks: a row for each that a user made. The record in memory is the authority."""

from collections.abc import Iterator

import msgspec

from sampan.engine.records import Records
from sampan.errors import InvalidArgument, NotFound

PREDEFINED = ("bridge", "host", "none")


class Subnet(msgspec.Struct):
    """As it was asked for, or chosen."""

    subnet: str
    gateway: str = ""
    span: str = ""  # ip-range
    auxiliary: dict[str, str] | None = None
    chosen: bool = False  # by us: nobody may ask for an address in it


class Network(msgspec.Struct):
    """`interface`: the bridge, or the host's interface that macvlan and ipvlan hang on. `config_only`: not a
    network, but what others are made of (`config_from` has its name)."""

    id: str
    name: str
    created: int
    driver: str = "bridge"
    interface: str = ""
    internal: bool = False
    attachable: bool = False
    ipv6: bool = False
    subnets: list[Subnet] = []
    ipam_options: dict[str, str] | None = None
    options: dict[str, str] = {}
    labels: dict[str, str] = {}
    ipv4: bool = True
    config_only: bool = False
    config_from: str = ""

    @property
    def predefined(self) -> bool:
        return self.name in PREDEFINED

    def subnet(self, version: int) -> Subnet | None:
        """The first of a family."""
        return next((one for one in self.subnets if (":" in one.subnet) == (version == 6)), None)


class Networks:
    def __init__(self, records: Records) -> None:
        self._records = records
        self._by_id: dict[str, Network] = {}

    def __iter__(self) -> Iterator[Network]:
        return iter(list(self._by_id.values()))

    def named(self, name: str) -> Network | None:
        return next((one for one in self._by_id.values() if one.name == name), None)

    def get(self, identity: str) -> Network | None:
        return self._by_id.get(identity)

    def find(self, word: str) -> Network:
        """By ID, name, or a unique beginning of an ID. Raises NotFound, InvalidArgument."""
        found = self._by_id.get(word) or self.named(word)
        if found is not None:
            return found
        starting = [one for one in self._by_id.values() if word and one.id.startswith(word)]
        if not starting:
            raise NotFound(f"network {word} not found")
        if len(starting) > 1:
            raise InvalidArgument(f"multiple IDs found with provided prefix: {word}")
        return starting[0]

    def resolve(self, mode: str) -> Network | None:
        """The network behind a container's network mode."""
        try:
            return self.find(mode)
        except (NotFound, InvalidArgument):
            return None

    def predefine(self, network: Network) -> None:
        """One that has no row."""
        self._by_id[network.id] = network

    def reserve(self, network: Network) -> None:
        """From here on its name is taken."""
        self._by_id[network.id] = network

    def forget(self, network: Network) -> None:
        self._by_id.pop(network.id, None)

    async def save(self, network: Network) -> None:
        row = (network.id, msgspec.json.encode(network))
        await self._records.execute("INSERT OR REPLACE INTO networks (id, body) VALUES (?, ?)", row)

    async def delete(self, network: Network) -> None:
        self._by_id.pop(network.id, None)
        await self._records.execute("DELETE FROM networks WHERE id = ?", (network.id,))

    async def load(self) -> None:
        rows = await self._records.run(lambda sql: sql.execute("SELECT id, body FROM networks").fetchall())
        for identity, body in rows:
            self._by_id[identity] = msgspec.json.decode(body, type=Network)
