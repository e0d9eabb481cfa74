"""How registries are reached: mirrors, plain HTTP, certificate authorities, per host, from the configuration.

[registries."docker.io"]
mirrors = ["http://127.0.0.1:5000"]     # tried in this order, then the registry itself

[registries."registry.lan:5000"]
insecure = true                          # HTTPS without verification, then plain HTTP
ca = "/etc/ssl/registry.lan.crt"
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sampan.errors import InvalidArgument

DOCKER_HUB = "docker.io"
_HUB_HOST = "registry-1.docker.io"
_KEYS = {"mirrors": list, "insecure": bool, "ca": str}


class Endpoint(NamedTuple):
    """One place to ask. `url` has no slash at its end."""

    url: str
    verify: bool = True
    ca: str | None = None
    mirror: bool = False

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def plain(self) -> bool:
        return self.url.startswith("http:")


@dataclass(frozen=True)
class Host:
    mirrors: tuple[str, ...] = ()
    insecure: bool = False
    ca: str | None = None


@dataclass(frozen=True)
class Hosts:
    registries: Mapping[str, Host] = field(default_factory=dict)

    def endpoints(self, domain: str) -> list[Endpoint]:
        """Where to look for the images of `domain`, in this order."""
        host = self.registries.get(domain, Host())
        mirrors = [self._mirror(url) for url in host.mirrors]
        return mirrors + self._own(domain, host)

    def _own(self, domain: str, host: Host) -> list[Endpoint]:
        name = _HUB_HOST if domain == DOCKER_HUB else domain
        if host.insecure or is_loopback(name):
            return [Endpoint(f"https://{name}", verify=False, ca=host.ca), Endpoint(f"http://{name}")]
        return [Endpoint(f"https://{name}", ca=host.ca)]

    def _mirror(self, url: str) -> Endpoint:
        parts = urlsplit(url)
        host = self.registries.get(parts.netloc, Host())
        loose = host.insecure or is_loopback(parts.netloc)
        return Endpoint(url.rstrip("/"), verify=not loose, ca=host.ca, mirror=True)


def is_loopback(netloc: str) -> bool:
    """127.0.0.0/8, ::1 and localhost, which Docker takes for insecure registries."""
    name = urlsplit("//" + netloc).hostname or ""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def parse(tables: Mapping[str, Any]) -> Hosts:
    """The table `registries` of the configuration file. Raises InvalidArgument naming the key."""
    return Hosts({domain: _host(domain, table) for domain, table in tables.items()})


def _host(domain: str, table: Any) -> Host:
    where = f'registries."{domain}"'
    if not isinstance(table, dict):
        raise InvalidArgument(f"configuration: {where} must be a table")
    for key, value in table.items():
        if key not in _KEYS:
            raise InvalidArgument(f"configuration: unknown key {where}.{key}")
        if not isinstance(value, _KEYS[key]):
            raise InvalidArgument(f"configuration: {where}.{key} must be a {_KEYS[key].__name__}")
    mirrors = table.get("mirrors", [])
    for url in mirrors:
        parts = urlsplit(url) if isinstance(url, str) else None
        if parts is None or parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
            raise InvalidArgument(f"configuration: {where}.mirrors: {url!r} is not an http or https address")
    return Host(tuple(mirrors), table.get("insecure", False), table.get("ca"))
