"""A project as typed values: what the planner and the translation into API requests work on.

`project` takes the normal form, in which every short form, default and name has been settled.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from sampan.compose import emit, hashing, notices
from sampan.compose.tree import Mapping, data
from sampan.errors import InvalidArgument

Options = dict[str, str]


class Dependency(Struct, frozen=True):
    condition: str = "service_started"
    required: bool = True
    restart: bool = False


class Build(Struct):
    context: str = "."
    additional_contexts: Options = {}
    args: dict[str, str | None] = {}
    cache_from: list[str] = []
    cache_to: list[str] = []
    dockerfile: str = ""
    dockerfile_inline: str = ""
    entitlements: list[str] = []
    extra_hosts: dict[str, list[str]] = {}
    labels: Options = {}
    network: str = ""
    no_cache: bool = False
    platforms: list[str] = []
    privileged: bool = False
    pull: bool = False
    secrets: list[Grant] = []
    shm_size: str = ""
    ssh: Options = {}
    tags: list[str] = []
    target: str = ""
    ulimits: dict[str, Limit] = {}


class Limit(Struct):
    soft: int
    hard: int


class Grant(Struct):
    source: str
    target: str = ""
    uid: str = ""
    gid: str = ""
    mode: int | None = None


class Rate(Struct):
    path: str
    rate: str = "0"


class Weight(Struct):
    path: str
    weight: int = 0


class BlockIO(Struct):
    weight: int = 0
    weight_device: list[Weight] = []
    device_read_bps: list[Rate] = []
    device_read_iops: list[Rate] = []
    device_write_bps: list[Rate] = []
    device_write_iops: list[Rate] = []


class DeviceRequest(Struct):
    capabilities: list[str] = []
    count: int | None = None
    device_ids: list[str] = []
    driver: str = ""
    options: Options = {}


class Resources(Struct):
    cpus: float = 0
    memory: str = ""
    pids: int = 0
    devices: list[DeviceRequest] = []


class ResourceLimits(Struct):
    limits: Resources = msgspec.field(default_factory=Resources)
    reservations: Resources = msgspec.field(default_factory=Resources)


class RestartPolicy(Struct):
    condition: str = "any"
    max_attempts: int = 0


class Deploy(Struct):
    labels: Options = {}
    mode: str = ""
    replicas: int | None = None
    resources: ResourceLimits = msgspec.field(default_factory=ResourceLimits)
    restart_policy: RestartPolicy | None = None


class Device(Struct):
    source: str
    target: str = ""
    permissions: str = "rwm"


class Healthcheck(Struct):
    disable: bool = False
    interval: str = ""
    retries: int = 0
    start_interval: str = ""
    start_period: str = ""
    test: list[str] = []
    timeout: str = ""


class Hook(Struct):
    command: list[str]
    environment: dict[str, str | None] = {}
    privileged: bool = False
    user: str = ""
    working_dir: str = ""


class PreStart(Hook):
    """A container of its own. `per_replica`: before each start, else once for the service."""

    image: str = ""
    per_replica: bool = False


class Trigger(Struct):
    path: str
    action: str
    exec: Hook | None = None
    ignore: list[str] = []
    include: list[str] = []
    initial_sync: bool = False
    target: str = ""


class Develop(Struct):
    watch: list[Trigger] = []


class Logging(Struct):
    driver: str = ""
    options: dict[str, str | None] = {}


class Endpoint(Struct):
    aliases: list[str] = []
    driver_opts: Options = {}
    gw_priority: int = 0
    interface_name: str = ""
    ipv4_address: str = ""
    ipv6_address: str = ""
    link_local_ips: list[str] = []
    mac_address: str = ""
    priority: int = 0


class Port(Struct):
    target: int
    published: str = ""
    host_ip: str = ""
    protocol: str = "tcp"


class BindOptions(Struct):
    create_host_path: bool = True
    propagation: str = ""
    recursive: str = ""
    selinux: str = ""


class VolumeOptions(Struct):
    labels: Options = {}
    nocopy: bool = False
    subpath: str = ""


class TmpfsOptions(Struct):
    mode: int = 0
    size: str = ""


class ImageOptions(Struct):
    subpath: str = ""


class Mount(Struct):
    type: str
    target: str
    source: str = ""
    read_only: bool = False
    consistency: str = ""
    bind: BindOptions | None = None
    image: ImageOptions | None = None
    tmpfs: TmpfsOptions | None = None
    volume: VolumeOptions | None = None


class Service(Struct):
    name: str = ""
    hash: str = ""
    annotations: Options = {}
    attach: bool = True
    blkio_config: BlockIO | None = None
    build: Build | None = None
    cap_add: list[str] = []
    cap_drop: list[str] = []
    cgroup: str = ""
    cgroup_parent: str = ""
    command: list[str] | None = None
    configs: list[Grant] = []
    container_name: str = ""
    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_rt_period: int = 0
    cpu_rt_runtime: int = 0
    cpu_shares: int = 0
    cpus: float = 0
    cpuset: str = ""
    depends_on: dict[str, Dependency] = {}
    deploy: Deploy | None = None
    develop: Develop | None = None
    device_cgroup_rules: list[str] = []
    devices: list[Device] = []
    dns: list[str] = []
    dns_opt: list[str] = []
    dns_search: list[str] = []
    domainname: str = ""
    entrypoint: list[str] | None = None
    environment: dict[str, str | None] = {}
    expose: list[str] = []
    external_links: list[str] = []
    extra_hosts: dict[str, list[str]] = {}
    gpus: list[DeviceRequest] = []
    group_add: list[str] = []
    healthcheck: Healthcheck | None = None
    hostname: str = ""
    image: str = ""
    init: bool | None = None
    ipc: str = ""
    isolation: str = ""
    labels: Options = {}
    links: list[str] = []
    logging: Logging | None = None
    mac_address: str = ""
    mem_limit: str = ""
    mem_reservation: str = ""
    mem_swappiness: int | None = None
    memswap_limit: str = ""
    network_mode: str = ""
    networks: dict[str, Endpoint | None] = {}
    oom_kill_disable: bool = False
    oom_score_adj: int = 0
    pid: str | None = None
    pids_limit: int = 0
    platform: str = ""
    ports: list[Port] = []
    post_start: list[Hook] = []
    pre_start: list[PreStart] = []
    pre_stop: list[Hook] = []
    privileged: bool = False
    profiles: list[str] = []
    pull_policy: str = ""
    pull_refresh_after: str = ""
    read_only: bool = False
    restart: str = ""
    runtime: str = ""
    scale: int | None = None
    secrets: list[Grant] = []
    security_opt: list[str] = []
    shm_size: str = ""
    stdin_open: bool = False
    stop_grace_period: str = ""
    stop_signal: str = ""
    storage_opt: Options = {}
    sysctls: Options = {}
    tmpfs: list[str] = []
    tty: bool = False
    ulimits: dict[str, Limit] = {}
    use_api_socket: bool = False
    user: str = ""
    userns_mode: str = ""
    uts: str = ""
    volumes: list[Mount] = []
    volumes_from: list[str] = []
    working_dir: str = ""

    @property
    def copies(self) -> int:
        """How many containers it asks for."""
        if self.scale is not None:
            return self.scale
        replicas = self.deploy.replicas if self.deploy is not None else None
        return 1 if replicas is None else replicas


class Pool(Struct):
    aux_addresses: Options = {}
    gateway: str = ""
    ip_range: str = ""
    subnet: str = ""


class Addressing(Struct):
    config: list[Pool] = []
    driver: str = ""
    options: Options = {}


class Network(Struct):
    name: str
    hash: str = ""
    attachable: bool = False
    driver: str = ""
    driver_opts: Options = {}
    enable_ipv4: bool | None = None
    enable_ipv6: bool | None = None
    external: bool = False
    internal: bool = False
    ipam: Addressing | None = None
    labels: Options = {}


class Volume(Struct):
    name: str
    hash: str = ""
    driver: str = ""
    driver_opts: Options = {}
    external: bool = False
    labels: Options = {}


class Stored(Struct):
    """A secret or a config."""

    name: str
    content: str | None = None
    environment: str = ""
    external: bool = False
    file: str = ""


class Project(Struct):
    """`files` and `directory` are what the labels of its containers say; `variables` for secrets; `known`:
    all services of the files, chosen or not; `socket`: the daemon's own, for `use_api_socket`;
    `separator`: between the parts of names (Compose 1 had "_"); `idle`,
    `refused`: what is to be said when it comes up (`notices`)."""

    name: str
    services: dict[str, Service] = {}
    networks: dict[str, Network] = {}
    volumes: dict[str, Volume] = {}
    secrets: dict[str, Stored] = {}
    configs: dict[str, Stored] = {}
    directory: str = ""
    files: list[str] = []
    variables: dict[str, str] = {}
    known: list[str] = []
    separator: str = "-"
    socket: str = ""
    idle: list[str] = []
    refused: list[str] = []

    def image_of(self, service: Service) -> str:
        """What a service that is only built is called."""
        return service.image or self.joined(service.name)

    def joined(self, *parts: str) -> str:
        """The name of something of this project."""
        return self.separator.join((self.name, *parts))

    def images(self) -> set[str]:
        """All that its containers are made from."""
        found = {self.image_of(service) for service in self.services.values()}
        return found | {
            step.image for service in self.services.values() for step in service.pre_start if step.image
        }


def project(tree: Mapping) -> Project:
    """Raises InvalidArgument for what no rule before has caught."""
    said: Any = data(tree)
    printed = emit.plain(tree)  # hashes are those of what `config` shows
    for name, service in (said.get("services") or {}).items():
        service |= {"name": name, "hash": hashing.of_service(printed["services"][name])}
    for section in ("networks", "volumes"):
        for name, item in (said.get(section) or {}).items():
            item["hash"] = hashing.of_section(printed[section][name])
    try:
        found = msgspec.convert(said, Project, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidArgument(f"invalid compose project: {error}") from None
    found.idle, found.refused = notices.idle(tree), notices.refused(tree)
    return found
