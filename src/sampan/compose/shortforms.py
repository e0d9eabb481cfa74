"""Short forms into long ones: what `80:80`, `./data:/data:ro` or a bare name stand for."""

from __future__ import annotations

import ipaddress
import posixpath

from sampan.compose import places
from sampan.compose.kinds import At
from sampan.compose.tree import Mapping, Node, Scalar, Sequence, mapping, written

_PROTOCOLS = ("tcp", "udp", "sctp")
_PROPAGATION = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
_CONSISTENCY = ("consistent", "cached", "delegated")


def in_mapping(key: str, *, listed: bool = False) -> object:
    """Kinds whose short form is the value of one key; `listed`: as the only item of a list."""

    def expand(node: Node, at: At) -> Node:
        if not isinstance(node, Scalar) or node.value is None:
            return node
        value: Node = Sequence([node], node.mark) if listed else Scalar(node.value, node.mark)
        return mapping(node.mark, **{key: value})

    return expand


def external(node: Node, at: At) -> Node:
    """`external: {name: x}`, which is deprecated, means `external: true` and `name: x`."""
    if not isinstance(node, Mapping):
        return node
    said = node.get("external")
    if not isinstance(said, Mapping):
        return node
    unknown = set(said.items) - {"name"}
    if unknown:
        raise at.key("external").wrong(said.mark, f"additional properties '{unknown.pop()}' not allowed")
    items = {**node.items, "external": Scalar(True, said.mark)}
    if "name" in said.items:
        items.setdefault("name", said.items["name"])
    return Mapping(items, node.mark, node.tag, node.keys)


def depends_on(node: Node, at: At) -> Node:
    if not isinstance(node, Sequence):
        return node
    found: dict[str, Node] = {}
    for place, item in enumerate(node.items):
        if not isinstance(item, Scalar) or not isinstance(item.value, str):
            raise at.key(str(place)).wrong(item.mark, "must be the name of a service")
        found[item.value] = mapping(item.mark, condition="service_started", required=True)
    return Mapping(found, node.mark)


def names(node: Node, at: At) -> Node:
    """A list of names is a mapping of them to nothing: networks, models."""
    if not isinstance(node, Sequence):
        return node
    found: dict[str, Node] = {}
    for place, item in enumerate(node.items):
        if not isinstance(item, Scalar) or not isinstance(item.value, str):
            raise at.key(str(place)).wrong(item.mark, "must be a string")
        if item.value in found:
            raise at.key(str(place)).wrong(item.mark, f'"{item.value}" is there already')
        found[item.value] = Scalar(None, item.mark)
    return Mapping(found, node.mark)


def extra_hosts(node: Node, at: At) -> Node:
    """Always host → list of addresses."""
    if isinstance(node, Sequence):
        found: dict[str, Node] = {}
        for place, item in enumerate(node.items):
            host, address = _host(item, at.key(str(place)))
            known = found.setdefault(host, Sequence([], item.mark))
            if isinstance(known, Sequence):
                known.items.append(Scalar(address, item.mark))
        return Mapping(found, node.mark)
    if not isinstance(node, Mapping):
        return node
    items: dict[str, Node] = {}
    for host, value in node.items.items():
        items[host] = Sequence([value], value.mark) if isinstance(value, Scalar) else value
    return Mapping(items, node.mark, node.tag, node.keys)


def _host(item: Node, at: At) -> tuple[str, str]:
    text = item.value if isinstance(item, Scalar) else None
    if isinstance(text, str):
        for separator in ("=", ":"):
            host, found, address = text.partition(separator)
            if found and host:
                return host, address.removeprefix("[").removesuffix("]")
    raise at.wrong(item.mark, 'write "host=address"')


def device(node: Node, at: At) -> Node:
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return node
    parts = node.value.split(":")
    if len(parts) > 3 or not parts[0]:
        raise at.wrong(node.mark, f'invalid device "{node.value}": write SOURCE[:TARGET[:PERMISSIONS]]')
    target, permissions = parts[0], "rwm"
    if len(parts) > 1:
        target = parts[1] or parts[0]
    if len(parts) > 2:
        permissions = parts[2]
        if not permissions or set(permissions) - set("rwm"):
            text = f'invalid device "{node.value}": permissions are some of "rwm"'
            raise at.wrong(node.mark, text)
    return mapping(node.mark, source=parts[0], target=target, permissions=permissions)


def gpus(node: Node, at: At) -> Node:
    if not isinstance(node, Scalar):
        return node
    if node.value != "all":
        raise at.wrong(node.mark, f'"{written(node.value)}" must be all, or a list of requests')
    capabilities = Sequence([Scalar("gpu", node.mark)], node.mark)
    return Sequence([mapping(node.mark, capabilities=capabilities, count=-1)], node.mark)


def gpu_request(node: Node, at: At) -> Node:
    """One of `gpus` without capabilities asks for `gpu`; `count: all` is -1."""
    if isinstance(node, Mapping) and "capabilities" not in node.items:
        capabilities = Sequence([Scalar("gpu", node.mark)], node.mark)
        return Mapping({**node.items, "capabilities": capabilities}, node.mark, node.tag, node.keys)
    return node


def count(node: Node, at: At) -> Node:
    return Scalar(-1, node.mark) if isinstance(node, Scalar) and node.value == "all" else node


def file_mode(node: Node, at: At) -> Node:
    """Octal whether it was written as a number (0440) or as a word ("0440")."""
    if isinstance(node, Scalar) and isinstance(node.value, str) and not (at.raw and "$" in node.value):
        try:
            return Scalar(int(node.value.removeprefix("0o"), 8), node.mark, node.tag)
        except ValueError:
            raise at.wrong(node.mark, f'"{node.value}" is no mode: write it as "0440"') from None
    return node


# Ports


def ports(node: Node, at: At) -> Node:
    """Each `[[ip:]host:]container[/protocol]`, ranges spread out."""
    if not isinstance(node, Sequence):
        return node
    items: list[Node] = []
    for place, item in enumerate(node.items):
        here = at.key(str(place))
        if isinstance(item, Scalar) and not isinstance(item.value, bool) and item.value is not None:
            text = written(item.value)
            items += [item] if at.raw and "$" in text else _port(text, item, here)
        elif isinstance(item, Mapping):
            defaults = mapping(item.mark, mode="ingress", protocol="tcp")
            items.append(Mapping({**defaults.items, **item.items}, item.mark, item.tag, item.keys))
        else:
            raise here.wrong(item.mark, "must be a port, or a mapping with target")
    return Sequence(items, node.mark)


def _port(text: str, node: Scalar, at: At) -> list[Node]:
    address, published, container = _split_port(text, node, at)
    container, slash, protocol = container.partition("/")
    protocol = protocol.lower() if slash else "tcp"
    if protocol not in _PROTOCOLS:
        raise at.wrong(node.mark, f'invalid port "{text}": the protocol is tcp, udp or sctp')
    inner = _range(container, text, node, at)
    outer = _range(published, text, node, at) if published else None
    if outer is not None and len(outer) != len(inner) and len(inner) != 1:
        raise at.wrong(node.mark, f'invalid port "{text}": the ranges differ in length')
    found: list[Node] = []
    for place, target in enumerate(inner):
        shown: str | None = None
        if outer is not None:
            shown = published if len(inner) == 1 else str(outer[place])
        host = address or None
        found.append(
            mapping(
                node.mark, mode="ingress", host_ip=host, target=target, published=shown, protocol=protocol
            )
        )
    return found


def _split_port(text: str, node: Scalar, at: At) -> tuple[str, str, str]:
    address, rest = "", text
    if text.startswith("["):
        address, bracket, rest = text[1:].partition("]:")
        if not bracket:
            raise at.wrong(node.mark, f'invalid port "{text}": write [ADDRESS]:HOST:CONTAINER')
        parts = [address, *rest.split(":")]
    else:
        parts = text.rsplit(":", 2)
    if len(parts) == 3 and parts[0]:
        try:
            ipaddress.ip_address(parts[0])
        except ValueError:
            raise at.wrong(node.mark, f'invalid port "{text}": invalid IP address: {parts[0]}') from None
        return parts[0], parts[1], parts[2]
    if len(parts) == 3:
        return "", parts[1], parts[2]
    return ("", parts[0], parts[1]) if len(parts) == 2 else ("", "", parts[0])


def _range(text: str, whole: str, node: Scalar, at: At) -> range:
    first, dash, last = text.partition("-")
    last = last if dash else first
    if not (first.isascii() and first.isdigit() and last.isascii() and last.isdigit()):
        right = 'write it as "8080:80", "127.0.0.1:8080:80/tcp" or "80"'
        raise at.wrong(node.mark, f'invalid port "{whole}": {right}')
    if not 0 <= int(first) <= int(last) <= 65535:
        raise at.wrong(node.mark, f'invalid port "{whole}": ports go from 0 to 65535, lower one first')
    return range(int(first), int(last) + 1)


# Volumes of services


def volume(node: Node, at: At) -> Node:
    """`[source:]target[:options]`."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return node
    if at.raw and "$" in node.value:
        return node
    parts = node.value.split(":")
    if len(parts) > 3 or not all(parts):
        raise at.wrong(node.mark, f'invalid volume "{node.value}": write [SOURCE:]TARGET[:OPTIONS]')
    if len(parts) == 1:
        return mapping(node.mark, type="volume", target=_target(parts[0], node, at))
    source, target = parts[0], parts[1]
    options = parts[2].split(",") if len(parts) == 3 else []
    local = places.looks_local(source)
    found = mapping(
        node.mark,
        type="bind" if local else "volume",
        source=source,
        target=_target(target, node, at),
        **({"bind": mapping(node.mark, create_host_path=True)} if local else {"volume": mapping(node.mark)}),
    )
    for option in options:
        _volume_option(option, found, node, at)
    return found


def _target(path: str, node: Scalar, at: At) -> str:
    if not path.startswith("/"):
        raise at.wrong(node.mark, f'invalid volume "{node.value}": the target "{path}" must begin with /')
    return posixpath.normpath(path)


def _volume_option(option: str, found: Mapping, node: Scalar, at: At) -> None:
    bind, named = found.get("bind"), found.get("volume")
    if option in ("ro", "rw"):
        if option == "ro":
            found.put("read_only", Scalar(True, node.mark))
    elif option in ("z", "Z"):
        if isinstance(bind, Mapping):
            bind.put("selinux", Scalar(option, node.mark))
    elif option in ("nocopy", "volume-nocopy") and isinstance(named, Mapping):
        named.put("nocopy", Scalar(True, node.mark))
    elif option in _PROPAGATION and isinstance(bind, Mapping):
        bind.put("propagation", Scalar(option, node.mark))
    elif option in _CONSISTENCY:
        found.put("consistency", Scalar(option, node.mark))
    else:
        raise at.wrong(node.mark, f'invalid volume "{node.value}": unknown option "{option}": write ro or rw')
