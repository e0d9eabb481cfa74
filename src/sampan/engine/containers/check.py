"""What a client asked for, looked at before anything is done: refused in Docker's words, or understood.

Pure, except that bind sources and devices are looked at. Whatever is set and not honoured is refused
(Unsupported), never ignored.
"""

import ipaddress
from typing import Any

from sampan.engine import disks, signals
from sampan.engine.containers import check_isolation, check_resources, discarded, health, logdrivers
from sampan.engine.containers.config import Config, HostConfig, RestartPolicy
from sampan.engine.facts import Facts
from sampan.errors import InvalidArgument, Unsupported

PORTS_DISCARDED = "Published ports are discarded when using host network mode"
_POLICIES = ("no", "always", "unless-stopped", "on-failure")
# Fields of HostConfig that mean something on Windows only, or nothing any more, with what asks for nothing.
_UNSUPPORTED: dict[str, tuple[Any, ...]] = {
    "cgroup": ("",),
    "cpu_count": (0,),
    "cpu_percent": (0,),
    "io_maximum_iops": (0,),
    "io_maximum_bandwidth": (0,),
}


def check(config: Config, host: HostConfig, facts: Facts) -> list[str]:
    """The warnings of a request that is right. Raises InvalidArgument or Unsupported."""
    supported(host)
    _process(config)
    check_resources.check(host, facts)
    check_isolation.check(config, host)
    _policies(host)
    _dns(host)
    logdrivers.check(host.log_config)
    return warnings(host, facts)


def supported(host: HostConfig) -> None:
    """Raises Unsupported for what is asked for and not honoured."""
    for field, nothing in _UNSUPPORTED.items():
        if getattr(host, field) not in nothing:
            name = "".join(part.capitalize() for part in field.split("_"))
            raise Unsupported(f"HostConfig.{name} is not supported on Linux")
    if host.isolation not in ("", "default"):
        raise InvalidArgument(f"Invalid isolation: \"{host.isolation}\" - linux only supports 'default'")
    _storage(host.storage_opt or {})
    if host.device_requests:
        drivers = host.device_requests[0] if isinstance(host.device_requests[0], dict) else {}
        wanted = drivers.get("Capabilities") or []
        text = "[" + " ".join("[" + " ".join(map(str, one)) + "]" for one in wanted) + "]"
        raise InvalidArgument(
            f'could not select device driver "{drivers.get("Driver", "")}" with capabilities: {text}'
        )


def _storage(options: dict[str, str]) -> None:
    for name, value in options.items():
        if name != "size":
            raise InvalidArgument(f"Unknown option {name}")
        disks.parse(value)


def _process(config: Config) -> None:
    directory = config.working_dir
    if directory and not directory.startswith("/"):
        raise InvalidArgument(
            f"the working directory '{directory}' is invalid, it needs to be an absolute path"
        )
    for variable in config.env or ():
        if variable.startswith("=") or not variable:
            raise InvalidArgument(f"invalid environment variable: {variable}")
    if config.stop_signal:
        signals.number(config.stop_signal)
    health.check(config.healthcheck, config.labels)
    _no_nul("health check", config.healthcheck.test if config.healthcheck else None)
    _no_nul("environment", config.env)
    _no_nul("command", config.cmd if isinstance(config.cmd, list) else None)
    _no_nul("entrypoint", config.entrypoint if isinstance(config.entrypoint, list) else None)
    _no_nul("hostname", [config.hostname, config.domainname, config.user, config.working_dir])
    if len(config.hostname) > 64:
        raise InvalidArgument("invalid hostname: longer than 64 bytes")


def _no_nul(what: str, texts: list[str] | None) -> None:
    if any("\0" in text for text in texts or ()):
        raise InvalidArgument(f"invalid {what}: it contains a NUL byte")


def _policies(host: HostConfig) -> None:
    restart_policy(host.restart_policy)
    if host.auto_remove and host.restart_policy.name not in ("", "no"):
        raise InvalidArgument("can't create 'AutoRemove' container with restart policy")


def restart_policy(policy: RestartPolicy) -> None:
    """Raises InvalidArgument."""
    if policy.name and policy.name not in _POLICIES:
        raise InvalidArgument(
            f"invalid restart policy: unknown policy '{policy.name}'; use one of 'no', 'always', "
            "'on-failure', or 'unless-stopped'"
        )
    if policy.maximum_retry_count < 0:
        raise InvalidArgument("invalid restart policy: maximum retry count cannot be negative")
    if policy.maximum_retry_count and policy.name != "on-failure":
        raise InvalidArgument(
            "invalid restart policy: maximum retry count can only be used with 'on-failure'"
        )


def _dns(host: HostConfig) -> None:
    for server in host.dns or ():
        try:
            ipaddress.ip_address(server)
        except ValueError:
            raise InvalidArgument(f"invalid IP address: {server}") from None
    for extra in host.extra_hosts or ():
        name, colon, address = extra.partition(":")
        if not colon or not name or any(character.isspace() for character in extra):
            raise InvalidArgument(f'bad format for add-host: "{extra}"')
        if address != "host-gateway":
            try:
                ipaddress.ip_address(address.strip("[]"))
            except ValueError:
                raise InvalidArgument(f'invalid IP address in add-host: "{address}"') from None


def warnings(host: HostConfig, facts: Facts) -> list[str]:
    """What is discarded, and from now on missing in `host`."""
    found = []
    if host.network_mode == "host" and (host.port_bindings or host.publish_all_ports):
        found.append(PORTS_DISCARDED)
    return found + discarded.discard(host, facts)
