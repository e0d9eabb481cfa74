"""What the daemon's configuration file says for its networks.

| key                              | means                                                                 |
|----------------------------------|-----------------------------------------------------------------------|
| `ip = "127.0.0.1"`               | where ports are published that name no address, on every bridge       |
|                                  | network that says nothing itself (Docker: on the default bridge only) |
| `publish = "relay"`              | published ports are not translated but relayed: what comes from       |
|                                  | outside passes the machine's own INPUT chain, and its firewall        |
| `[default-network-opts.bridge]`  | options of networks that are made from now on, as in Docker           |
| `host-gateway-ip = "192.0.2.1"`  | what `--add-host NAME:host-gateway` stands for                        |
"""

import ipaddress
from collections.abc import Mapping

from sampan.engine.networks.options import bridge_options, check_binding, relays
from sampan.engine.settings import Settings
from sampan.errors import InvalidArgument


def check(settings: Settings) -> None:
    """At the daemon's start. Raises InvalidArgument."""
    if address := binding(settings):
        check_binding(address, "ip")
    relayed(settings)
    bridge_options(options(settings, "bridge"))
    for address in host_gateways(settings):
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise InvalidArgument(f'invalid IP address in host-gateway-ip: "{address}"') from None


def binding(settings: Settings) -> str:
    return str(settings.file.get("ip", ""))


def relayed(settings: Settings) -> bool:
    return relays(settings.file, "publish") is True


def host_gateways(settings: Settings) -> list[str]:
    """One of each family at most, as it was written."""
    found = settings.file.get("host-gateway-ips", settings.file.get("host-gateway-ip", []))
    return [str(one) for one in (found if isinstance(found, list) else [found]) if one]


def options(settings: Settings, driver: str) -> dict[str, str]:
    """For new networks of a driver, where they do not say otherwise."""
    tables = settings.file.get("default-network-opts", {})
    if not isinstance(tables, Mapping) or not all(isinstance(one, Mapping) for one in tables.values()):
        raise InvalidArgument("default-network-opts is to be a table of tables, one for each driver")
    return {str(key): str(value) for key, value in tables.get(driver, {}).items()}
