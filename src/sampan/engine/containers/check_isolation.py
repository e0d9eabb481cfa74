"""What keeps a container apart: capabilities, security options, namespaces. A part of `check`. Pure."""

from sampan.engine.containers import security
from sampan.engine.containers.capabilities import normalize
from sampan.engine.containers.config import Config, HostConfig
from sampan.errors import InvalidArgument

_LINKS = "can't be used with links. This would result in undefined behavior"


def check(config: Config, host: HostConfig) -> None:
    """Raises InvalidArgument."""
    _capabilities(host)
    security.check(host)
    _namespaces(config, host)


def _capabilities(host: HostConfig) -> None:
    for field, names in (("CapAdd", host.cap_add), ("CapDrop", host.cap_drop)):
        try:
            normalize(names or [])
        except InvalidArgument as error:
            raise InvalidArgument(f"invalid {field}: {error}") from None


def _namespaces(config: Config, host: HostConfig) -> None:
    if host.userns_mode not in ("", "host"):
        raise InvalidArgument(f"invalid user namespace mode: {host.userns_mode}")
    if host.links and host.network_mode == "host":
        raise InvalidArgument(f"conflicting options: host type networking {_LINKS}")
    container = host.network_mode.startswith("container:")
    if host.network_mode == "container:":
        raise InvalidArgument("invalid container format container:<name|id>")
    if container:
        alone_in_network(config, host)
    if host.uts_mode == "host" and config.hostname:
        raise InvalidArgument("conflicting options: hostname and the UTS mode")
    if host.uts_mode not in ("", "host"):
        raise InvalidArgument(f"invalid UTS mode: {host.uts_mode}")
    if host.pid_mode not in ("", "host", "private") and not host.pid_mode.startswith("container:"):
        raise InvalidArgument(f"invalid PID mode: {host.pid_mode}")
    if host.ipc_mode not in ("", "none", "private", "shareable", "host") and not host.ipc_mode.startswith(
        "container:"
    ):
        raise InvalidArgument(f"invalid IPC mode: {host.ipc_mode}")
    check_cgroup_parent(host.cgroup_parent)
    if host.cgroupns_mode not in ("", "private", "host"):
        raise InvalidArgument(f"invalid cgroup namespace mode: {host.cgroupns_mode}")


def alone_in_network(config: Config, host: HostConfig) -> None:
    """Docker's refusals for a container in another one's network namespace."""
    conflicts = {
        "hostname and the network mode": config.hostname,
        "dns and the network mode": host.dns,
        "custom host-to-IP mapping and the network mode": host.extra_hosts,
        f"container type network {_LINKS}": host.links,
        "mac-address and the network mode": config.mac_address,
        "port publishing and the container type network mode": host.port_bindings or host.publish_all_ports,
        "port exposing and the container type network mode": config.exposed_ports,
    }
    for words, present in conflicts.items():
        if present:
            raise InvalidArgument(f"conflicting options: {words}")


def check_remapped(host: HostConfig) -> None:
    """What does not go together with a daemon that remaps ids. Raises InvalidArgument in Docker's words."""
    if host.privileged:
        raise InvalidArgument(
            "privileged mode is incompatible with user namespaces.  You must run the container in the host"
            " namespace when running privileged mode"
        )
    for name, mode in (("network", host.network_mode), ("PID", host.pid_mode)):
        if mode == "host":
            kind = "network namespace" if name == "network" else "PID namespace"
            raise InvalidArgument(f"cannot share the host's {kind} when user namespaces are enabled")


def check_cgroup_parent(parent: str) -> None:
    """Raises InvalidArgument."""
    if ".." in parent.split("/") or "\0" in parent:
        raise InvalidArgument(f"invalid cgroup parent: {parent}")
