"""One container as the engine knows it: what was asked for, what became of it, and who waits for it.

The record in memory is the authority; `engine.records` writes it through. `Definition` changes with
rename only, `Status` with every turn of the container's life.
"""

import asyncio
from typing import Any

import msgspec

from sampan.engine import state as states
from sampan.engine.containers.config import Config, HostConfig, NetworkingConfig, Ownership
from sampan.engine.containers.health import Health
from sampan.engine.state import ALIVE, State


class MountPoint(msgspec.Struct):
    """A mount with everything resolved. `kind`: "bind" | "volume" | "tmpfs" | "image"; `source`: a host path,
    for a volume its name, for an image what it was called; `options`: of mount(8), for a tmpfs;
    `subpath`: what of the volume or image; `lowerdirs`: of an image, top first."""

    kind: str
    source: str
    destination: str
    writable: bool = True
    mode: str = ""
    propagation: str = ""
    options: list[str] = []
    recursive: bool = True
    recursive_readonly: bool = True
    copy_up: bool = False
    anonymous: bool = False
    driver: str = ""  # of a volume, with what it is to be made with if it is not there
    driver_options: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    subpath: str = ""
    lowerdirs: list[str] = []
    ownership: Ownership | None = None


class Link(msgspec.Struct):
    """`--link`: the other container's ID, and what it is called in this one."""

    container: str
    alias: str


class BoundPort(msgspec.Struct, frozen=True):
    """One published port as it is on the host."""

    container_port: int
    protocol: str
    host_ip: str
    host_port: int


class Endpoint(msgspec.Struct):
    """The place of a running container on a network. `host_name`: of its pair's end on the host; `interface`:
    of the one inside."""

    network: str
    endpoint_id: str = ""
    address: str = ""
    prefix_length: int = 0
    gateway: str = ""
    mac: str = ""
    ports: list[BoundPort] = []
    network_id: str = ""
    address6: str = ""
    prefix_length6: int = 0
    gateway6: str = ""
    host_name: str = ""
    interface: str = ""
    kind: str = "veth"  # or macvlan, ipvlan: then there is nothing of it on the host
    relayed: bool = False  # its ports are not translated


class Definition(msgspec.Struct):
    id: str
    name: str
    created: int
    image_id: str
    path: str
    args: list[str]
    config: Config
    host_config: HostConfig
    networking: NetworkingConfig
    mounts: list[MountPoint]
    lowerdirs: list[str]  # of the overlay, top first: the image may lose its name, the layers are held
    masked: list[str]
    links: list[Link] = []
    cgroup_parent: str = ""  # of the daemon's configuration when it was created
    version: tuple[int, int] = (1, 51)  # of the API that created it: some defaults depend on it
    own: int = (
        0  # so many of `lowerdirs` were its own upper directory before a commit (engine.containers.uppers)
    )


class Status(msgspec.Struct):
    """Times in nanoseconds since the epoch, 0: never. `endpoints`: the one with the default gateway, and the
    published ports, first; `reserved`: the addresses that are kept for its start."""

    state: State = State.CREATED
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    started_at: int = 0
    finished_at: int = 0
    restart_count: int = 0
    stopped_by_user: bool = False
    endpoints: list[Endpoint] = []
    reserved: list[Endpoint] = []
    copied_up: bool = False
    health: Health | None = None

    @property
    def endpoint(self) -> Endpoint | None:
        return self.endpoints[0] if self.endpoints else None


class Container:
    """A record with its lock and its waiters. `link`: to the monitor while it runs."""

    __slots__ = (
        "attaches", "definition", "delay", "entry", "execs", "exits", "link", "lock", "prober", "removals",
        "restart", "size", "status", "supervisor",
    )  # fmt: skip

    def __init__(self, definition: Definition, status: Status | None = None) -> None:
        self.definition = definition
        self.status = status or Status()
        self.lock = asyncio.Lock()
        self.link: Any = None  # engine.monitorlink.MonitorLink
        self.supervisor: asyncio.Task[None] | None = None
        self.restart: asyncio.Task[None] | None = None  # a restart that the policy has set a time for
        self.prober: asyncio.Task[None] | None = None  # asks for its health
        self.exits: list[asyncio.Future[int]] = []
        self.removals: list[asyncio.Future[int]] = []
        self.attaches: list[Any] = []  # clients that wait for the start
        self.delay = 0.0  # seconds before the last restart
        self.execs: dict[str, Any] = {}
        self.entry: dict[str, Any] | None = None  # the cached row of `ps`
        self.size: int | None = None

    @property
    def id(self) -> str:
        return self.definition.id

    @property
    def short_id(self) -> str:
        return self.definition.id[:12]

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def state(self) -> State:
        return self.status.state

    @property
    def running(self) -> bool:
        return self.status.state in ALIVE

    @property
    def dying_or_gone(self) -> bool:
        return self.status.state in (State.REMOVING, State.DEAD)

    @property
    def has_run(self) -> bool:
        return self.status.started_at != 0

    def become(self, following: State) -> None:
        self.status.state = states.check(self.status.state, following)
        self.entry = None

    def tell_exit(self, code: int) -> None:
        """Everybody who waits for an end gets its code."""
        _resolve(self.exits, code)

    def tell_removed(self) -> None:
        _resolve(self.exits, self.status.exit_code)
        _resolve(self.removals, self.status.exit_code)


def _resolve(waiters: list[asyncio.Future[int]], code: int) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(code)
    waiters.clear()
