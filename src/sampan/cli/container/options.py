"""The flags that `run` and `create` share, and what they are in the API: a ContainerConfig with its
HostConfig.
"""

from __future__ import annotations

from sampan.cli.console import ExitWith
from sampan.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values

FLAGS = (
    ("add-host", "", "list", None, "Add a line to the container's hosts file (host:ip)"),
    ("annotation", "", "map", None, "Add an annotation to the container (passed through to the OCI runtime)"),
    ("attach", "a", "list", None, "Attach to STDIN, STDOUT or STDERR"),
    ("blkio-weight", "", "uint16", 0, "Weight of block I/O, 10 to 1000; 0 is none"),
    ("blkio-weight-device", "", "weight", None, "Weight of block I/O for one device (path:weight)"),
    ("cap-add", "", "list", None, "Add Linux capabilities"),
    ("cap-drop", "", "list", None, "Drop Linux capabilities"),
    ("cgroup-parent", "", "string", "", "Cgroup that the container's is made in"),
    ("cgroupns", "", "string", "", "Cgroup namespace of the container (host|private)"),
    ("cidfile", "", "string", "", "File to write the container's ID to"),
    ("cpu-count", "", "int", 0, "Number of processors (Windows only)"),
    ("cpu-percent", "", "int", 0, "Share of the processors (Windows only)"),
    ("cpu-period", "", "int", 0, "Period of the processor quota, in microseconds"),
    ("cpu-quota", "", "int", 0, "Processor time per period, in microseconds"),
    ("cpu-rt-period", "", "int", 0, "Period of real-time processor time, in microseconds"),
    ("cpu-rt-runtime", "", "int", 0, "Real-time processor time per period, in microseconds"),
    ("cpu-shares", "c", "int", 0, "Share of processor time (relative weight)"),
    ("cpus", "", "decimal", 0, "Number of processors"),
    ("cpuset-cpus", "", "string", "", "Processors to run on (0-3, 0,1)"),
    ("cpuset-mems", "", "string", "", "Memory nodes to use (0-3, 0,1)"),
    ("device", "", "list", None, "Give a device of the host to the container"),
    ("device-cgroup-rule", "", "list", None, "Add a rule to the devices that the container may use"),
    ("device-read-bps", "", "throttle", None, "Limit reading from a device (path:bytes per second)"),
    ("device-read-iops", "", "throttle", None, "Limit reads from a device (path:number per second)"),
    ("device-write-bps", "", "throttle", None, "Limit writing to a device (path:bytes per second)"),
    ("device-write-iops", "", "throttle", None, "Limit writes to a device (path:number per second)"),
    ("disable-content-trust", "", "bool", True, "Skip the verification of signatures"),
    ("disk", "", "bytes", 0, "Limit of what the container writes to its root"),
    ("dns", "", "list", None, "Use these DNS servers"),
    ("dns-opt", "", "list", None, ""),
    ("dns-option", "", "list", None, "Set resolver options"),
    ("dns-search", "", "list", None, "Set DNS search domains"),
    ("domainname", "", "string", "", "NIS domain name of the container"),
    ("entrypoint", "", "string", "", "Run this instead of the image's ENTRYPOINT"),
    ("env", "e", "list", None, "Set environment variables"),
    ("env-file", "", "list", None, "Read environment variables from a file"),
    ("expose", "", "list", None, "Expose a port or a range of ports"),
    ("gpus", "", "gpu-request", None, 'GPUs for the container ("all" for every one)'),
    ("group-add", "", "list", None, "Join these groups too"),
    ("health-cmd", "", "string", "", "Command that tells whether the container is healthy"),
    ("health-interval", "", "duration", 0, "Time between two health checks (ms|s|m|h)"),
    ("health-on-failure", "", "string", "", "What to do when it is unhealthy (none|restart|kill|stop)"),
    ("health-retries", "", "int", 0, "Failures in a row that make it unhealthy"),
    ("health-start-interval", "", "duration", 0, "Time between two checks during the start period"),
    ("health-start-period", "", "duration", 0, "Time to start in, during which failures do not count"),
    ("health-timeout", "", "duration", 0, "Longest time that one check may take (ms|s|m|h)"),
    ("hostname", "h", "string", "", "Host name of the container"),
    ("init", "", "bool", False, "Run an init that forwards signals and reaps processes"),
    ("interactive", "i", "bool", False, "Keep STDIN open, attached or not"),
    ("io-maxbandwidth", "", "bytes", 0, "Limit of the system drive (Windows only)"),
    ("io-maxiops", "", "uint", 0, "Limit of the system drive (Windows only)"),
    ("ip", "", "string", "", "The container's address on its network, IPv4"),
    ("ip6", "", "string", "", "The container's address on its network, IPv6"),
    ("ipc", "", "string", "", "IPC mode to use"),
    ("isolation", "", "string", "", "Isolation technology"),
    ("kernel-memory", "", "bytes", 0, "Limit of kernel memory (has no effect any more)"),
    ("label", "l", "list", None, "Set metadata on the container"),
    ("label-file", "", "list", None, "Read labels from a file, one a line"),
    ("link", "", "list", None, "Link to another container (name[:alias])"),
    ("link-local-ip", "", "list", None, "A link-local address of the container"),
    ("log-driver", "", "string", "", "Log driver of the container"),
    ("log-opt", "", "list", None, "Options of the log driver"),
    ("mac-address", "", "string", "", "MAC address of the container"),
    ("memory", "m", "bytes", 0, "Memory limit"),
    ("memory-reservation", "", "bytes", 0, "Memory soft limit"),
    ("memory-swap", "", "bytes", 0, "Limit of memory and swap together; -1 is no limit"),
    ("memory-swappiness", "", "int", -1, "How readily memory is swapped out (0 to 100)"),
    ("mount", "", "mount", None, "Mount a file system in the container"),
    ("name", "", "string", "", "Name of the container"),
    ("net", "", "network", None, ""),
    ("net-alias", "", "list", None, ""),
    ("network", "", "network", None, "Connect the container to a network"),
    ("network-alias", "", "list", None, "A name that the container has on its network only"),
    ("no-healthcheck", "", "bool", False, "Turn the image's HEALTHCHECK off"),
    ("oom-kill-disable", "", "bool", False, "Keep the OOM killer away"),
    ("oom-score-adj", "", "int", 0, "Preference of the kernel's OOM killer (-1000 to 1000)"),
    ("pid", "", "string", "", "PID namespace to use"),
    ("pids-limit", "", "int", 0, "Limit of the number of processes (-1 is no limit)"),
    ("platform", "", "string", "", "Platform to choose of a multi-platform image"),
    ("privileged", "", "bool", False, "Lift the container's restrictions"),
    ("publish", "p", "list", None, "Publish ports of the container on the host"),
    ("publish-all", "P", "bool", False, "Publish all exposed ports on free ports of the host"),
    ("pull", "", "string", "missing", 'When to pull the image ("always", "missing", "never")'),
    ("quiet", "q", "bool", False, "Do not show the progress of a pull"),
    ("read-only", "", "bool", False, "Mount the container's root file system read-only"),
    ("restart", "", "string", "no", "When to start the container again after it ended"),
    ("rm", "", "bool", False, "Remove the container and its anonymous volumes when it ends"),
    ("runtime", "", "string", "", "OCI runtime that runs the container"),
    ("security-opt", "", "list", None, "Security options"),
    ("shm-size", "", "bytes", 0, "Size of /dev/shm"),
    ("stop-signal", "", "string", "", "Signal that asks the container to end"),
    ("stop-timeout", "", "int", 0, "Seconds to wait before a stopping container is killed"),
    ("storage-opt", "", "list", None, "Options of the storage driver"),
    ("sysctl", "", "map", None, "Kernel parameters of the container's namespaces"),
    ("tmpfs", "", "list", None, "Mount a tmpfs at a directory"),
    ("tty", "t", "bool", False, "Give the container a terminal"),
    ("ulimit", "", "ulimit", None, "Resource limits"),
    ("use-api-socket", "", "bool", False, "Give the container the API's socket and our credentials"),
    ("user", "u", "string", "", "User to run as (<name|uid>[:<group|gid>])"),
    ("userns", "", "string", "", "User namespace to use"),
    ("uts", "", "string", "", "UTS namespace to use"),
    ("volume", "v", "list", None, "Mount a directory of the host, or a volume"),
    ("volume-driver", "", "string", "", "Driver of the volumes that are made"),
    ("volumes-from", "", "list", None, "Mount the volumes of other containers"),
    ("workdir", "w", "string", "", "Working directory in the container"),
)

# flag → field: sent as it is when it was given
_CONFIG = (
    ("domainname", "Domainname"),
    ("hostname", "Hostname"),
    ("mac-address", "MacAddress"),
    ("stop-signal", "StopSignal"),
    ("stop-timeout", "StopTimeout"),
    ("user", "User"),
    ("workdir", "WorkingDir"),
)
_HOST_CONFIG = (
    ("add-host", "ExtraHosts"),
    ("cap-add", "CapAdd"),
    ("cap-drop", "CapDrop"),
    ("blkio-weight", "BlkioWeight"),
    ("blkio-weight-device", "BlkioWeightDevice"),
    ("cgroup-parent", "CgroupParent"),
    ("cgroupns", "CgroupnsMode"),
    ("cpu-period", "CpuPeriod"),
    ("cpu-quota", "CpuQuota"),
    ("cpu-rt-period", "CpuRealtimePeriod"),
    ("cpu-rt-runtime", "CpuRealtimeRuntime"),
    ("cpu-shares", "CpuShares"),
    ("cpus", "NanoCpus"),
    ("cpuset-cpus", "CpusetCpus"),
    ("cpuset-mems", "CpusetMems"),
    ("device-cgroup-rule", "DeviceCgroupRules"),
    ("device-read-bps", "BlkioDeviceReadBps"),
    ("device-read-iops", "BlkioDeviceReadIOps"),
    ("device-write-bps", "BlkioDeviceWriteBps"),
    ("device-write-iops", "BlkioDeviceWriteIOps"),
    ("dns", "Dns"),
    ("dns-search", "DnsSearch"),
    ("group-add", "GroupAdd"),
    ("init", "Init"),
    ("ipc", "IpcMode"),
    ("isolation", "Isolation"),
    ("kernel-memory", "KernelMemory"),
    ("link", "Links"),
    ("memory", "Memory"),
    ("memory-reservation", "MemoryReservation"),
    ("memory-swap", "MemorySwap"),
    ("memory-swappiness", "MemorySwappiness"),
    ("mount", "Mounts"),
    ("oom-kill-disable", "OomKillDisable"),
    ("oom-score-adj", "OomScoreAdj"),
    ("pid", "PidMode"),
    ("pids-limit", "PidsLimit"),
    ("privileged", "Privileged"),
    ("publish-all", "PublishAllPorts"),
    ("read-only", "ReadonlyRootfs"),
    ("rm", "AutoRemove"),
    ("runtime", "Runtime"),
    ("shm-size", "ShmSize"),
    ("ulimit", "Ulimits"),
    ("userns", "UsernsMode"),
    ("uts", "UTSMode"),
    ("volume-driver", "VolumeDriver"),
    ("volumes-from", "VolumesFrom"),
    ("cidfile", "ContainerIDFile"),
)
_WINDOWS = ("cpu-count", "cpu-percent", "io-maxbandwidth", "io-maxiops")


def config(options: Values, image: str, command: list[str]) -> dict[str, Any]:
    """The body of POST /containers/create. Raises InvalidArgument for what contradicts itself."""
    given = options.changed
    host: dict[str, Any] = {field: options[flag] for flag, field in _HOST_CONFIG if flag in given}
    result: dict[str, Any] = {field: options[flag] for flag, field in _CONFIG if flag in given}
    result["Image"] = image
    if command:
        result["Cmd"] = command
    if "entrypoint" in given:
        result["Entrypoint"] = [options["entrypoint"]]
    _streams(result, options)
    _texts(result, options)
    _ports(result, host, options)
    _volumes(result, host, options)
    _networks(result, host, options)
    _policy(host, options)
    _health(result, options)
    _addresses(result, options)
    _modes(options)
    _maps(host, options)
    result["HostConfig"] = host
    return result


def _streams(result: dict[str, Any], options: Values) -> None:
    attach = options["attach"]
    stdin = options["interactive"] or "stdin" in attach
    result["AttachStdin"] = stdin
    result["AttachStdout"] = not attach or "stdout" in attach
    result["AttachStderr"] = not attach or "stderr" in attach
    if options["interactive"]:
        result["OpenStdin"] = True
        result["StdinOnce"] = stdin
    if options["tty"]:
        result["Tty"] = True


def _texts(result: dict[str, Any], options: Values) -> None:
    from_files = options["env-file"] or options["label-file"]
    if not (from_files or options["env"] or options["label"]):
        return
    from sampan.cli.container import environment

    if options["env"] or options["env-file"]:
        result["Env"] = environment.variables(options["env-file"], options["env"])
    if options["label"] or options["label-file"]:
        result["Labels"] = environment.labels(options["label-file"], options["label"])


def _ports(result: dict[str, Any], host: dict[str, Any], options: Values) -> None:
    if not (options["publish"] or options["expose"]):
        return
    from sampan.cli.container import ports

    exposed, bindings = ports.publish(options["publish"])
    result["ExposedPorts"] = exposed | ports.expose(options["expose"])
    if bindings:
        host["PortBindings"] = bindings


def _volumes(result: dict[str, Any], host: dict[str, Any], options: Values) -> None:
    if not (options["volume"] or options["tmpfs"]):
        return
    from sampan.cli.container import mounts

    binds, anonymous = mounts.split_volumes(options["volume"])
    if binds:
        host["Binds"] = binds
    if anonymous:
        result["Volumes"] = anonymous
    if options["tmpfs"]:
        host["Tmpfs"] = mounts.tmpfs(options["tmpfs"])


def _networks(result: dict[str, Any], host: dict[str, Any], options: Values) -> None:
    wanted = options["network"] + options["net"]
    if not wanted:
        return
    from sampan.cli.container import networks

    host["NetworkMode"], endpoints = networks.modes(wanted)
    if endpoints:
        result["NetworkingConfig"] = {"EndpointsConfig": endpoints}


def _policy(host: dict[str, Any], options: Values) -> None:
    if "restart" not in options.changed:
        return
    host["RestartPolicy"] = policy(options["restart"])
    if options["rm"] and host["RestartPolicy"]["Name"] not in ("", "no"):
        raise InvalidArgument("conflicting options: cannot specify both --restart and --rm")


def policy(text: str) -> dict[str, Any]:
    """`on-failure:3`, as the API takes it."""
    name, colon, count = text.partition(":")
    if colon and not name:
        raise InvalidArgument("invalid restart policy format: no policy provided before colon")
    found: dict[str, Any] = {"Name": name}
    if count:
        if not (count.removeprefix("-").isascii() and count.removeprefix("-").isdigit()):
            raise InvalidArgument("invalid restart policy format: maximum retry count must be an integer")
        found["MaximumRetryCount"] = int(count)
    return found


def _health(result: dict[str, Any], options: Values) -> None:
    if not any(flag.startswith(("health-", "no-health")) for flag in options.changed):
        return
    from sampan.cli.container import health

    if (check := health.check(options)) is not None:
        result["Healthcheck"] = check
    if options["health-on-failure"]:
        result.setdefault("Labels", {})[health.HOOK] = health.action(options["health-on-failure"])


def _modes(options: Values) -> None:
    pid = options["pid"]
    if pid not in ("", "host") and not (pid.startswith("container:") and len(pid) > 10):
        raise InvalidArgument("--pid: invalid PID mode")
    if options["uts"] not in ("", "host"):
        raise InvalidArgument("--uts: invalid UTS mode")
    if options["userns"] not in ("", "host"):
        raise InvalidArgument("--userns: invalid USER mode")
    if options["cgroupns"] not in ("", "host", "private"):
        raise InvalidArgument("--cgroupns: invalid CGROUP mode")
    if not -1 <= options["memory-swappiness"] <= 100:
        raise InvalidArgument(
            f"invalid value: {options['memory-swappiness']}. Valid memory swappiness range is 0-100"
        )
    for flag in _WINDOWS:
        if flag in options.changed:
            raise ExitWith(
                1,
                f'"--{flag}" is only supported on a Docker daemon running on windows, but the Docker daemon'
                " is running on linux",
            )


_OF_A_NETWORK = ("ip", "ip6", "link-local-ip", "mac-address", "net-alias", "network-alias")


def _addresses(result: dict[str, Any], options: Values) -> None:
    """Flags that are a matter of one network: of the first."""
    given = [name for name in _OF_A_NETWORK if options[name]]
    if not given and not (options["link"] and options["network"] + options["net"]):
        return
    from sampan.cli.container import networks

    endpoints = result.setdefault("NetworkingConfig", {}).setdefault("EndpointsConfig", {})
    if not endpoints:
        wanted = options["network"] + options["net"]
        endpoints[wanted[0]["name"] if wanted else "default"] = {}
    networks.settle(endpoints, options)


def _maps(host: dict[str, Any], options: Values) -> None:
    if options["sysctl"]:
        host["Sysctls"] = dict(options["sysctl"])
    if options["annotation"]:
        host["Annotations"] = dict(options["annotation"])
    if options["dns-option"] or options["dns-opt"]:
        host["DnsOptions"] = options["dns-option"] + options["dns-opt"]
    if options["storage-opt"] or options["disk"]:
        host["StorageOpt"] = _storage(options["storage-opt"]) | _disk(options)
    if options["device"] or options["gpus"]:
        from sampan.cli.container import devices

        host.update(devices.host_fields(options["device"], [options["gpus"]] if options["gpus"] else []))
    if options["log-driver"] or options["log-opt"]:
        host["LogConfig"] = _log(options["log-driver"], options["log-opt"])
    if options["security-opt"]:
        from sampan.cli.container import security

        host.update(security.options(options["security-opt"]))


def _disk(options: Values) -> dict[str, str]:
    if not options["disk"]:
        return {}
    if any(text.partition("=")[0] == "size" for text in options["storage-opt"]):
        raise InvalidArgument("--disk and --storage-opt size are the same, and exclude each other")
    return {"size": str(options["disk"])}


def _storage(texts: list[str]) -> dict[str, str]:
    settings = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise InvalidArgument("invalid storage option")
        settings[name] = value
    return settings


def _log(driver: str, texts: list[str]) -> dict[str, Any]:
    if driver == "none" and texts:
        raise InvalidArgument(f"invalid logging opts for driver {driver}")
    settings = {}
    for text in texts:
        name, _, value = text.partition("=")
        settings[name] = value
    return {"Type": driver, "Config": settings}


def detached(options: Values, config: dict[str, Any]) -> None:
    """`-d`: nothing of ours is attached."""
    if options["attach"]:
        raise ExitWith(1, "conflicting options: cannot specify both --attach and --detach")
    config["AttachStdin"] = config["AttachStdout"] = config["AttachStderr"] = False
    config.pop("StdinOnce", None)
