"""Kinds of single keys of a service: commands, health checks, mounts, logging, limits, addresses, ports."""

from __future__ import annotations

import ipaddress
import posixpath
import re

from sampan.compose import places, shellwords
from sampan.compose.kinds import At, File, List, Loose, Object, Pairs, Text, Whole, by_value
from sampan.compose.tree import RESET, Mapping, Node, Scalar, Sequence, mapping, text_of

_EXPOSED = re.compile(r"\d{1,5}(-\d{1,5})?(/(tcp|udp|sctp))?")
_LIST = List(Text(), replaces=True)


class Command:
    """A list of words, or a line that is split as a shell splits it; nothing: what the image says."""

    def read(self, node: Node, at: At) -> Node:
        if isinstance(node, Scalar):
            if node.value is None or (at.raw and "$" in str(node.value)):
                return node
            if not isinstance(node.value, str):
                raise at.wrong(node.mark, "must be a string or a list of strings")
            return shellwords.split(node, at)
        return _LIST.read(node, at)

    def merge(self, base: Node, over: Node) -> Node:
        return over


class Test:
    """A health check's command: a line means a shell, as CMD-SHELL does."""

    def read(self, node: Node, at: At) -> Node:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return Sequence([Scalar("CMD-SHELL", node.mark), node], node.mark)
        found = List(Text(), replaces=True).read(node, at)
        if isinstance(found, Sequence):
            first = text_of(found.items[0]) if found.items else ""
            if first not in ("NONE", "CMD", "CMD-SHELL"):
                raise at.wrong(node.mark, 'the first item must be either "NONE", "CMD" or "CMD-SHELL"')
        return found

    def merge(self, base: Node, over: Node) -> Node:
        return over


class Logging(Object):
    """Options belong to a driver: those of another one do not stay."""

    def merge(self, base: Node, over: Node) -> Node:
        if isinstance(base, Mapping) and isinstance(over, Mapping):
            before, after = text_of(base.get("driver")), text_of(over.get("driver"))
            if before and after and before != after:
                return over
        return super().merge(base, over)


class Mount(Object):
    def read(self, node: Node, at: At) -> Node:
        found = super().read(node, at)
        if not isinstance(found, Mapping):
            return found
        kind, source, target = (found.get(key) for key in ("type", "source", "target"))
        if target is None:
            raise at.wrong(node.mark, "missing property 'target'")
        if isinstance(target, Scalar) and text_of(target).startswith("/"):
            found.items["target"] = Scalar(posixpath.normpath(text_of(target)), target.mark)
        if text_of(kind) == "bind":
            if source is None:
                raise at.wrong(node.mark, "missing property 'source': a bind mount needs a path")
            if at.directory and isinstance(source, Scalar):
                path = places.absolute(text_of(source), at.directory, at.home)
                found.items["source"] = Scalar(path, source.mark)
        return found


class Driven(Object):
    """A volume: `device` of a local bind is a path of this machine."""

    def read(self, node: Node, at: At) -> Node:
        found = super().read(node, at)
        options = found.get("driver_opts") if isinstance(found, Mapping) else None
        if isinstance(options, Mapping) and at.directory:
            device = options.get("device")
            path = text_of(device)
            if device is not None and "bind" in text_of(options.get("o")).split(",") and path:
                options.put("device", Scalar(places.absolute(path, at.directory, at.home), device.mark))
        return found


def target_of(node: Node) -> object:
    """Secrets and configs: by target, which is the source where none is said."""
    if not isinstance(node, Mapping):
        return by_value(node)
    return text_of(node.get("target")) or text_of(node.get("source"))


def port_key(node: Node) -> object:
    if not isinstance(node, Mapping):
        return by_value(node)
    return tuple(text_of(node.get(key)) for key in ("host_ip", "published", "target", "protocol"))


def single_limit(node: Node, at: At) -> Node:
    if not isinstance(node, Scalar):
        return node
    if at.raw and "$" in text_of(node):
        return mapping(node.mark, soft=node.value, hard=node.value)
    limit = Whole(-1).read(node, at)
    value = limit.value if isinstance(limit, Scalar) else None
    return mapping(node.mark, soft=value, hard=value)


class Expose(Loose):
    """A port or a range of them: 80, "80/udp", "8000-8010"."""

    def cast(self, node: Scalar, at: At) -> Scalar:
        found = super().cast(node, at)
        if not _EXPOSED.fullmatch(str(found.value)):
            raise at.wrong(node.mark, f'invalid port "{found.value}": write 80, "80/udp" or "8000-8010"')
        return found


class Address(Text):
    """An IP address of the version."""

    def __init__(self, version: int) -> None:
        super().__init__()
        self._version = version

    def cast(self, node: Scalar, at: At) -> Scalar:
        found = super().cast(node, at)
        try:
            if ipaddress.ip_address(str(found.value)).version == self._version:
                return found
        except ValueError:
            pass
        raise at.wrong(node.mark, f'"{found.value}" is no IPv{self._version} address')


class Contexts(Pairs):
    """Names of directories, or of what stands for one: an address, an image, another service."""

    def read(self, node: Node, at: At) -> Node:
        found = super().read(node, at)
        if not isinstance(found, Mapping):
            return found
        items: dict[str, Node] = {}
        for name, item in found.items.items():
            items[name] = item if item.tag == RESET else File(urls=True).read(item, at.key(name))
        return Mapping(items, found.mark, found.tag, found.keys)
