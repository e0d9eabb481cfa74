"""What somebody asks for on one network besides names and addresses: driver options, link-local addresses.
Pure."""

import ipaddress
import re
from collections.abc import Collection

from sampan.engine.containers.config import EndpointRequest
from sampan.errors import InvalidArgument
from sampan.linux.rtnetlink import NAME_LIMIT

_IFNAME = "com.docker.network.endpoint.ifname"
_SYSCTLS = "com.docker.network.endpoint.sysctls"
# Of one interface, whose name stands in place of IFNAME: nothing else of the machine, or of the namespace.
_SYSCTL = re.compile(
    r"(net)\.(ipv4|ipv6|mpls)\.(conf|neigh)\.IFNAME\.([a-z0-9_]+)|(net)\.(mpls)\.(conf)\.IFNAME\.(input)",
    re.IGNORECASE,
)


def interface(request: EndpointRequest) -> str:
    """The name that it shall have inside; "" for any. Raises InvalidArgument."""
    name = (request.driver_opts or {}).get(_IFNAME, "")
    if not name:
        return ""
    wrong = name in (".", "..", "lo", "all", "default") or any(
        one in "/:%" or one.isspace() or not one.isprintable() for one in name
    )
    if wrong or len(name.encode()) > NAME_LIMIT:
        raise InvalidArgument(f"invalid interface name {name!r}".replace("'", '"'))
    return name


def unused(taken: Collection[str]) -> str:
    """The first of eth0, eth1, … that nobody has."""
    return next(name for number in range(len(taken) + 1) if (name := f"eth{number}") not in taken)


def sysctls(request: EndpointRequest, name: str) -> list[list[str]]:
    """[path below /proc/sys, value] for an interface. Raises InvalidArgument."""
    found = []
    text = (request.driver_opts or {}).get(_SYSCTLS, "")
    for one in text.split(",") if text else ():
        key, equals, value = one.strip().partition("=")
        match = _SYSCTL.fullmatch(key)
        if match is None or not equals or not value.isprintable():
            raise InvalidArgument(
                f'invalid endpoint sysctl "{one}": it is to be like net.ipv4.conf.IFNAME.log_martians=1'
            )
        words = [word for word in match.groups() if word]
        found.append(["/".join((*words[:3], name, *words[3:])), value])
    return found


def link_local(request: EndpointRequest) -> list[str]:
    """Further addresses, with prefix length. Raises InvalidArgument."""
    found = []
    for text in (request.ipam_config or {}).get("LinkLocalIPs") or ():
        try:
            address = ipaddress.ip_address(str(text))
        except ValueError:
            raise InvalidArgument(f"invalid link-local IP address: {text}") from None
        if address.is_unspecified:
            raise InvalidArgument(f"invalid link-local IP address: {text}")
        found.append(f"{address}/{_prefix(address)}")
    return found


def _prefix(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> int:
    """169.254.0.0/16 (RFC 3927), fe80::/64 (RFC 4291); alone, where it is no such address."""
    if not address.is_link_local:
        return address.max_prefixlen
    return 16 if address.version == 4 else 64
