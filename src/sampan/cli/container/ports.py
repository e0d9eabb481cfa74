"""Ports: how `ps` shows them, and what `-p` and `--expose` mean (docker/go-connections, nat)."""

from __future__ import annotations

from sampan.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_PROTOCOLS = ("tcp", "udp", "sctp")


def shown(ports: Sequence[dict[str, Any]]) -> str:
    """`0.0.0.0:80->80/tcp, [::]:80->80/tcp`: the API's list of ports, neighbours merged."""
    groups: dict[tuple[str, str], tuple[int, int]] = {}  # (address, protocol) → first, last
    done: list[str] = []
    mapped: list[str] = []
    for port in sorted(ports, key=_order):
        private, public = port["PrivatePort"], port.get("PublicPort", 0)
        address, protocol = port.get("IP", ""), port.get("Type", "")
        if address and public != private:
            mapped.append(f"{join(address, str(public))}->{private}/{protocol}")
            continue
        key = (address, protocol)
        first, last = groups.get(key, (private, private))
        if private not in (last, last + 1):
            done.append(_group(key, first, last))
            first = private
        groups[key] = (first, private)
    done += [_group(key, first, last) for key, (first, last) in groups.items()]
    return ", ".join(done + mapped)


def join(address: str, port: str) -> str:
    """Go's net.JoinHostPort."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def publish(texts: Sequence[str]) -> tuple[dict[str, Any], dict[str, list[dict[str, str]]]]:
    """What `-p` says, as the API's ExposedPorts and PortBindings."""
    exposed: dict[str, Any] = {}
    bindings: dict[str, list[dict[str, str]]] = {}
    for text in texts:
        for port, binding in _published(_long_form(text) if "=" in text else text):
            exposed[port] = {}
            bindings.setdefault(port, []).append(binding)
    return exposed, bindings


def expose(texts: Sequence[str]) -> dict[str, Any]:
    """What `--expose` says, as the API's ExposedPorts."""
    exposed: dict[str, Any] = {}
    for text in texts:
        if ":" in text:
            raise InvalidArgument(f"invalid port format for --expose: {text}")
        port, protocol = _split_protocol(text)
        try:
            first, last = _range(port)
        except ValueError as error:
            raise InvalidArgument(f"invalid range format for --expose: {text}, error: {error}") from None
        for number in range(first, last + 1):
            exposed[f"{number}/{protocol}"] = {}
    return exposed


def _order(port: dict[str, Any]) -> tuple[int, str, int, str]:
    return port["PrivatePort"], port.get("IP", ""), port.get("PublicPort", 0), port.get("Type", "")


def _group(key: tuple[str, str], first: int, last: int) -> str:
    address, protocol = key
    group = str(first) if first == last else f"{first}-{last}"
    return f"{join(address, group)}->{group}/{protocol}" if address else f"{group}/{protocol}"


def _published(text: str) -> list[tuple[str, dict[str, str]]]:
    """`[address:][host]:container[/protocol]`, or a container's port alone; each may be a range."""
    address, host, port = _split_address(text)
    container, protocol = _split_protocol(port)
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    if address and not _is_address(address):
        raise InvalidArgument(f"invalid IP address: {address}")
    if not container:
        raise InvalidArgument(f"no port specified: {text}<empty>")
    first, last = _checked_range(container, "containerPort")
    if protocol not in _PROTOCOLS:
        raise InvalidArgument(f"invalid proto: {protocol}")
    if not host:
        return [
            (f"{number}/{protocol}", {"HostIp": address, "HostPort": ""}) for number in range(first, last + 1)
        ]
    host_first, host_last = _checked_range(host, "hostPort")
    if last - first != host_last - host_first and first != last:
        raise InvalidArgument(
            f"invalid ranges specified for container and host Ports: {container} and {host}"
        )
    if first == last and host_first != host_last:  # any one of the range
        return [(f"{first}/{protocol}", {"HostIp": address, "HostPort": f"{host_first}-{host_last}"})]
    shift = host_first - first
    return [
        (f"{number}/{protocol}", {"HostIp": address, "HostPort": str(number + shift)})
        for number in range(first, last + 1)
    ]


def _split_address(text: str) -> tuple[str, str, str]:
    parts = text.split(":")
    if len(parts) == 1:
        return "", "", parts[0]
    if len(parts) == 2:
        return "", parts[0], parts[1]
    return ":".join(parts[:-2]), parts[-2], parts[-1]


def _split_protocol(port: str) -> tuple[str, str]:
    number, _, protocol = port.partition("/")
    return number, protocol.lower() or "tcp"


def _checked_range(text: str, what: str) -> tuple[int, int]:
    try:
        return _range(text)
    except ValueError:
        raise InvalidArgument(f"invalid {what}: {text}") from None


def _range(text: str) -> tuple[int, int]:
    if not text:
        raise ValueError("empty string specified for ports")
    first_text, dash, last_text = text.partition("-")
    first = _port(first_text)
    last = _port(last_text) if dash else first
    if last < first:
        raise ValueError(f"invalid range specified for port: {text}")
    return first, last


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    number = int(text)
    if number > 65535:
        raise ValueError(f'strconv.ParseUint: parsing "{text}": value out of range')
    return number


def _is_address(text: str) -> bool:
    import _socket

    family = _socket.AF_INET6 if ":" in text else _socket.AF_INET
    try:
        _socket.inet_pton(family, text.partition("%")[0])
    except OSError:
        return False
    return True


def _long_form(text: str) -> str:
    """`published=8080,target=80,protocol=tcp`, as `-p` takes it too."""
    values = {"published": "", "target": "", "protocol": "tcp"}
    for field in text.split(","):
        key, equals, value = field.partition("=")
        if not equals or not value:
            raise InvalidArgument(f"invalid field: {field}")
        key = {"source": "published"}.get(key.lower(), key.lower())
        if key == "mode":
            continue
        if key not in values:
            raise InvalidArgument(f"invalid field key {key}")
        values[key] = value
    if not values["target"]:
        raise InvalidArgument("missing mandatory field: target")
    host = f"{values['published']}:" if values["published"] else ""
    return f"{host}{values['target']}/{values['protocol']}"
