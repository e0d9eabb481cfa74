"""What a client asks for when it creates a container: the API's `Config`, `HostConfig` and
`NetworkingConfig`, typed. Field names follow the Engine API, so that inspect gives back what came in.

Go's clients write `null` for an empty list or map, hence the `| None` everywhere.
"""

from typing import Annotated, Any

import msgspec

Strings = list[str] | None
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]  # what Go, and the database, can hold


class Wire(msgspec.Struct, rename="pascal", kw_only=True):
    """Fields travel in PascalCase; unknown ones are ignored, as Docker ignores them."""


class HealthConfig(Wire):
    test: Strings = msgspec.field(default=None, name="Test")
    interval: Int64 = 0
    timeout: Int64 = 0
    retries: Int64 = 0
    start_period: Int64 = 0
    start_interval: Int64 = 0


class Config(Wire):
    hostname: str = ""
    domainname: str = ""
    user: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    exposed_ports: dict[str, dict[str, Any]] | None = None
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    env: Strings = None
    cmd: Strings | str = None
    healthcheck: HealthConfig | None = None
    args_escaped: bool = False
    image: str = ""
    volumes: dict[str, dict[str, Any] | None] | None = None
    working_dir: str = ""
    entrypoint: Strings | str = None
    network_disabled: bool = False
    mac_address: str = ""
    on_build: Strings = None
    labels: dict[str, str] | None = None
    stop_signal: str = ""
    stop_timeout: Int64 | None = None
    shell: Strings = None


class PortBinding(msgspec.Struct):
    host_ip: str = msgspec.field(default="", name="HostIp")
    host_port: str = msgspec.field(default="", name="HostPort")


Ports = dict[str, list[PortBinding] | None] | None


class RestartPolicy(Wire):
    name: str = ""
    maximum_retry_count: Int64 = 0


class LogConfig(msgspec.Struct):
    type: str = msgspec.field(default="", name="Type")
    config: dict[str, str] | None = msgspec.field(default=None, name="Config")


class Device(Wire):
    path_on_host: str = ""
    path_in_container: str = ""
    cgroup_permissions: str = ""


class WeightDevice(Wire):
    path: str = ""
    weight: Annotated[int, msgspec.Meta(ge=0, le=2**16 - 1)] = 0


class ThrottleDevice(Wire):
    path: str = ""
    rate: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0


class Ulimit(Wire):
    name: str = ""
    soft: Int64 = 0
    hard: Int64 = 0


class BindOptions(Wire, omit_defaults=True):
    propagation: str = ""
    non_recursive: bool = False
    create_mountpoint: bool = False
    read_only_non_recursive: bool = False
    read_only_force_recursive: bool = False


class DriverConfig(Wire, omit_defaults=True):
    name: str = ""
    options: dict[str, str] | None = None


class VolumeOptions(Wire, omit_defaults=True):
    no_copy: bool = False
    labels: dict[str, str] | None = None
    driver_config: DriverConfig | None = None
    subpath: str = ""


class TmpfsOptions(Wire, omit_defaults=True):
    size_bytes: Int64 = 0
    mode: Int64 = 0
    options: list[list[str]] | None = None


class ImageOptions(Wire, omit_defaults=True):
    subpath: str = ""


class Ownership(Wire, omit_defaults=True):
    """Not of Docker: `engine.containers.ownership`."""

    uid: int | None = None
    gid: int | None = None
    idmap: str | None = None
    chown: bool = False


class MountRequest(Wire, omit_defaults=True):
    type: str = ""
    source: str = ""
    target: str = ""
    read_only: bool = False
    consistency: str = ""
    bind_options: BindOptions | None = None
    volume_options: VolumeOptions | None = None
    tmpfs_options: TmpfsOptions | None = None
    image_options: ImageOptions | None = None
    ownership: Ownership | None = None


Throttles = list[ThrottleDevice] | None


class HostConfig(Wire):
    """Everything of v1.51, in its order. What is not honoured is refused by `check` when it is set."""

    binds: Strings = None
    container_id_file: str = msgspec.field(default="", name="ContainerIDFile")
    log_config: LogConfig = msgspec.field(default_factory=LogConfig)
    network_mode: str = ""
    port_bindings: Ports = None
    restart_policy: RestartPolicy = msgspec.field(default_factory=RestartPolicy)
    auto_remove: bool = False
    volume_driver: str = ""
    volumes_from: Strings = None
    console_size: list[int] | None = None
    annotations: dict[str, str] | None = None
    cap_add: Strings = None
    cap_drop: Strings = None
    cgroupns_mode: str = ""
    dns: Strings = None
    dns_options: Strings = None
    dns_search: Strings = None
    extra_hosts: Strings = None
    group_add: Strings = None
    ipc_mode: str = ""
    cgroup: str = ""
    links: Strings = None
    oom_score_adj: Int64 = 0
    pid_mode: str = ""
    privileged: bool = False
    publish_all_ports: bool = False
    readonly_rootfs: bool = False
    security_opt: Strings = None
    storage_opt: dict[str, str] | None = None
    tmpfs: dict[str, str] | None = None
    uts_mode: str = msgspec.field(default="", name="UTSMode")
    userns_mode: str = ""
    shm_size: Int64 = 0
    sysctls: dict[str, str] | None = None
    runtime: str = ""
    isolation: str = ""
    cpu_shares: Int64 = 0
    memory: Int64 = 0
    nano_cpus: Int64 = 0
    cgroup_parent: str = ""
    blkio_weight: Int64 = 0
    blkio_weight_device: list[WeightDevice] | None = None
    blkio_device_read_bps: Throttles = None
    blkio_device_write_bps: Throttles = None
    blkio_device_read_iops: Throttles = msgspec.field(default=None, name="BlkioDeviceReadIOps")
    blkio_device_write_iops: Throttles = msgspec.field(default=None, name="BlkioDeviceWriteIOps")
    cpu_period: Int64 = 0
    cpu_quota: Int64 = 0
    cpu_realtime_period: Int64 = 0
    cpu_realtime_runtime: Int64 = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    devices: list[Device] | None = None
    device_cgroup_rules: Strings = None
    device_requests: list[Any] | None = None
    memory_reservation: Int64 = 0
    memory_swap: Int64 = 0
    memory_swappiness: Int64 | None = None
    oom_kill_disable: bool | None = None
    pids_limit: Int64 | None = None
    ulimits: list[Ulimit] | None = None
    cpu_count: Int64 = 0
    cpu_percent: Int64 = 0
    io_maximum_iops: Int64 = msgspec.field(default=0, name="IOMaximumIOps")
    io_maximum_bandwidth: Int64 = msgspec.field(default=0, name="IOMaximumBandwidth")
    mounts: list[MountRequest] | None = None
    masked_paths: Strings = None
    readonly_paths: Strings = None
    init: bool | None = None


class UpdateRequest(HostConfig):
    """What an update changes. Ours, not Docker's: ports that are published from now on, and ports that are
    not any more (without a binding: wherever they are)."""

    publish_add: Ports = None
    publish_rm: Ports = None


class EndpointRequest(msgspec.Struct):
    """One network that the container shall join, with what it asks for there."""

    ipam_config: dict[str, Any] | None = msgspec.field(default=None, name="IPAMConfig")
    links: Strings = msgspec.field(default=None, name="Links")
    aliases: Strings = msgspec.field(default=None, name="Aliases")
    mac_address: str = msgspec.field(default="", name="MacAddress")
    driver_opts: dict[str, str] | None = msgspec.field(default=None, name="DriverOpts")
    gw_priority: Int64 = msgspec.field(default=0, name="GwPriority")


class NetworkingConfig(Wire):
    endpoints_config: dict[str, EndpointRequest | None] | None = None
