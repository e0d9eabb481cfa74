"""Which services a command is about: those whose profiles are active, those that were named, and what they
depend on."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping as Table
from collections.abc import Sequence as Several

from sampan.compose.kinds import near_miss
from sampan.compose.tree import Mapping, Node, Scalar, Sequence, text_of
from sampan.errors import InvalidArgument, NotFound

ALL = "*"
_SECTIONS = ("networks", "volumes", "secrets", "configs", "models")


def services(tree: Mapping) -> Table[str, Node]:
    found = tree.get("services")
    return found.items if isinstance(found, Mapping) else {}


def profiles(tree: Mapping) -> list[str]:
    """All that any service names."""
    return sorted({profile for node in services(tree).values() for profile in _profiles(node)})


def enabled(tree: Mapping, active: Collection[str]) -> set[str]:
    """Services without profiles, and those with an active one."""
    found = set()
    for name, node in services(tree).items():
        own = _profiles(node)
        if not own or ALL in active or any(profile in active for profile in own):
            found.add(name)
    return found


def chosen(
    tree: Mapping, active: Collection[str], named: Several[str] = (), *, dependencies: bool = True
) -> list[str]:
    """The services to work on, in the order of their names: `named` ones (whose profiles become active by
    that) or all enabled ones, with what they need. Raises NotFound and InvalidArgument."""
    known = services(tree)
    for name in named:
        if name not in known:
            raise NotFound(f"no such service: {name}{near_miss(name, list(known))}")
    active = {*active, *(profile for name in named for profile in _profiles(known[name]))}
    allowed = enabled(tree, active) | set(named)
    found: set[str] = set()
    left = list(named) or sorted(allowed)
    while left:
        name = left.pop()
        if name in found:
            continue
        found.add(name)
        if dependencies:
            left += _needed(name, known, allowed)
    return sorted(found)


def _needed(name: str, known: Table[str, Node], allowed: set[str]) -> list[str]:
    node = known[name]
    depends = node.get("depends_on") if isinstance(node, Mapping) else None
    found = []
    for other, how in depends.items.items() if isinstance(depends, Mapping) else ():
        required = how.get("required") if isinstance(how, Mapping) else None
        if other in allowed:
            found.append(other)
        elif not (isinstance(required, Scalar) and required.value is False):
            shown = ", ".join(_profiles(known[other])) if other in known else ""
            raise InvalidArgument(
                f"service {other} is required by {name} but is disabled. Can be enabled by profiles [{shown}]"
            )
    return found


def narrowed(tree: Mapping, names: Collection[str]) -> Mapping:
    """The project with these services only; dependencies on others that are not required are gone."""
    kept: dict[str, Node] = {}
    for name, node in services(tree).items():
        if name not in names or not isinstance(node, Mapping):
            continue
        depends = node.get("depends_on")
        if isinstance(depends, Mapping):
            others = {other: how for other, how in depends.items.items() if other in names}
            items = {key: item for key, item in node.items.items() if key != "depends_on"}
            if others:
                items["depends_on"] = Mapping(others, depends.mark, keys=depends.keys)
            kept[name] = Mapping(items, node.mark, keys=node.keys)
        else:
            kept[name] = node
    section = tree.items["services"]
    items = {**tree.items, "services": Mapping(kept, section.mark)}
    return Mapping(items, tree.mark, keys=tree.keys)


def pruned(tree: Mapping) -> Mapping:
    """Without networks, volumes, secrets, configs and models that no service uses."""
    used: dict[str, set[str]] = {section: set() for section in _SECTIONS}
    for node in services(tree).values():
        for section in _SECTIONS:
            used[section] |= _uses(node.get(section) if isinstance(node, Mapping) else None)
        build = node.get("build") if isinstance(node, Mapping) else None
        used["secrets"] |= _uses(build.get("secrets") if isinstance(build, Mapping) else None)
    items = dict(tree.items)
    for section, names in used.items():
        found = tree.get(section)
        if isinstance(found, Mapping):
            kept = {key: node for key, node in found.items.items() if key in names}
            items[section] = Mapping(kept, found.mark, found.tag, found.keys)
    return Mapping(items, tree.mark, keys=tree.keys)


def _uses(node: Node | None) -> set[str]:
    """What a service names under a key: the keys of a mapping, or the sources in a list."""
    if isinstance(node, Mapping):
        return set(node.items)
    items = node.items if isinstance(node, Sequence) else []
    return {text_of(item.get("source")) for item in items if isinstance(item, Mapping)}


def _profiles(node: Node) -> list[str]:
    found = node.get("profiles") if isinstance(node, Mapping) else None
    return [text_of(item) for item in found.items] if isinstance(found, Sequence) else []
