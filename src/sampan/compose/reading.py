"""Files into one tree: interpolation, long forms, extends, include, and the merge of several files."""

from __future__ import annotations

import os
from collections.abc import Mapping as Table
from collections.abc import Sequence as Several
from dataclasses import dataclass, field, replace

from sampan.compose import discover, documents, interpolate, looked, schema
from sampan.compose.discover import Say
from sampan.compose.kinds import At, near_miss, without_resets
from sampan.compose.tree import Mapping, Node, Path, Sequence, copy, data, text_of, wrong
from sampan.errors import InvalidArgument

_SECTIONS = ("services", "networks", "volumes", "secrets", "configs", "models")
_OBSOLETE = (
    "the attribute `version` is obsolete, it will be ignored, please remove it to avoid potential confusion"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read: `directory` is where relative paths start, `raw` leaves variables in."""

    directory: str
    variables: Table[str, str]
    say: Say
    raw: bool = False
    resolve: bool = True
    opened: tuple[str, ...] = ()  # the files around this one: an include may not come back
    told: set[str] = field(default_factory=set)
    parsed: dict[str, list[Mapping]] = field(default_factory=dict)

    def at(self) -> At:
        return At((), self.raw, self.directory if self.resolve else "", self.variables.get("HOME", ""))

    def unset(self, name: str) -> None:
        self.once(f'The "{name}" variable is not set. Defaulting to a blank string.')

    def once(self, text: str) -> None:
        if text not in self.told:
            self.told.add(text)
            self.say(text)


def read(reading: Reading, files: Several[str]) -> Mapping:
    """The files as one, the later ones over the earlier."""
    whole: Mapping | None = None
    for file in files:
        if file in reading.opened:
            chain = " -> ".join((*reading.opened, file))
            raise InvalidArgument(f"include cycle detected: {chain}")
        inner = replace(reading, opened=(*reading.opened, file))
        for document in _documents(inner, file):
            found = _with_includes(inner, _extended(inner, document, whole))
            whole = _first(found) if whole is None else _merged(whole, found)
    if whole is None:
        raise InvalidArgument(f"{', '.join(files)}: empty compose file")
    return whole


def _first(tree: Mapping) -> Mapping:
    kept = without_resets(tree)
    return kept if isinstance(kept, Mapping) else tree


def _merged(base: Mapping, over: Mapping) -> Mapping:
    merged = schema.PROJECT.merge(base, over)
    return merged if isinstance(merged, Mapping) else over


def stated_name(reading: Reading, files: Several[str]) -> str:
    """`name:` of the last file that has one. It is wanted first: other values may mention it."""
    found = ""
    for file in files:
        for document in _parsed(reading, file):
            node = document.get("name")
            if node is not None and not reading.raw:
                node = interpolate.tree(node, reading.variables, reading.unset, ("name",))
            found = _checked(node) or found
    return found


def _checked(node: Node | None) -> str:
    if node is None:
        return ""
    try:
        return discover.checked_name(text_of(node))
    except InvalidArgument as error:
        raise wrong(node.mark, ("name",), str(error)) from None


def _parsed(reading: Reading, file: str) -> list[Mapping]:
    """A file is read once, for standard input can be."""
    if file not in reading.parsed:
        reading.parsed[file] = documents.parse(discover.read(file), file)
    return reading.parsed[file]


def _documents(reading: Reading, file: str) -> list[Mapping]:
    found = []
    for document in _parsed(reading, file):
        tree: Node = document
        if not reading.raw:
            tree = interpolate.tree(document, reading.variables, reading.unset)
        if "version" in document.items:
            reading.once(f"{file}: {_OBSOLETE}")
        checked = schema.PROJECT.read(tree, reading.at())
        if isinstance(checked, Mapping):
            found.append(checked)
    return found


# extends


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where a service may be looked for: the file that is read, and what the files before it said."""

    file: str
    services: Table[str, Node]
    reading: Reading


def _services(tree: Mapping | None) -> dict[str, Node]:
    section = tree.get("services") if tree is not None else None
    return section.items if isinstance(section, Mapping) else {}


def _extended(reading: Reading, tree: Mapping, before: Mapping | None) -> Mapping:
    services = _services(tree)
    if not any(isinstance(node, Mapping) and "extends" in node.items for node in services.values()):
        return tree
    scope = _Scope(tree.mark.file, {**_services(before), **services}, reading)
    section = tree.items["services"]
    found = {name: _service(scope, name, node, ()) for name, node in services.items()}
    keys = section.keys if isinstance(section, Mapping) else {}
    return Mapping(
        {**tree.items, "services": Mapping(found, section.mark, section.tag, keys)},
        tree.mark,
        tree.tag,
        tree.keys,
    )


def _service(scope: _Scope, name: str, node: Node, chain: tuple[str, ...]) -> Node:
    """A service with what it extends beneath it."""
    extends = node.get("extends") if isinstance(node, Mapping) else None
    if not isinstance(node, Mapping) or not isinstance(extends, Mapping):
        return node
    path = ("services", name, "extends")
    link = f"{scope.file}:{name}"
    if link in chain:
        raise wrong(extends.mark, path, f"circular reference: {' -> '.join((*chain, link))}")
    wanted, file = text_of(extends.get("service")), text_of(extends.get("file"))
    inner = _other_file(scope, file, extends, path) if file else scope
    base = inner.services.get(wanted)
    if base is None:
        place = f" in {file}" if file else ""
        near = near_miss(wanted, list(inner.services))
        raise wrong(extends.mark, path, f'cannot extend service "{wanted}"{place}: service not found{near}')
    base = without_resets(_service(inner, wanted, copy(base), (*chain, link)))
    rest = Mapping(
        {key: item for key, item in node.items.items() if key != "extends"}, node.mark, node.tag, node.keys
    )
    return schema.SERVICE.merge(base, rest)


def _other_file(scope: _Scope, file: str, extends: Mapping, path: tuple[str, ...]) -> _Scope:
    if scope.reading.raw and "$" in file:
        raise wrong(extends.mark, path, f'"{file}" has to be interpolated to be found')
    absolute = os.path.normpath(os.path.join(scope.reading.directory, file))
    _must_exist(absolute, extends, (*path, "file"))
    reading = replace(scope.reading, directory=os.path.dirname(absolute))
    services: dict[str, Node] = {}
    for document in _documents(reading, absolute):
        services |= _services(document)
    return _Scope(absolute, services, reading)


# include


def _with_includes(reading: Reading, tree: Mapping) -> Mapping:
    includes = tree.get("include")
    if not isinstance(includes, Sequence):
        return tree
    items = {key: item for key, item in tree.items.items() if key != "include"}
    found = Mapping(items, tree.mark, tree.tag, tree.keys)
    for place, node in enumerate(includes.items):
        if isinstance(node, Mapping):
            _import(found, _included(reading, node, ("include", str(place))))
    return found


def _included(reading: Reading, node: Mapping, path: tuple[str, ...]) -> Mapping:
    paths = [os.path.join(reading.directory, text) for text in _texts(node.get("path"))]
    if not paths:
        raise wrong(node.mark, path, "missing property 'path'")
    for file in paths:
        _must_exist(file, node, (*path, "path"))
    said = text_of(node.get("project_directory"))
    directory = os.path.join(reading.directory, said) if said else os.path.dirname(paths[0])
    env_files = [os.path.join(reading.directory, text) for text in _texts(node.get("env_file"))]
    default = [os.path.join(directory, ".env")]
    variables = discover.with_env_files(env_files or default, reading.variables, required=bool(env_files))
    return read(replace(reading, directory=directory, variables=variables), paths)


def _must_exist(file: str, node: Mapping, path: Path) -> None:
    if not os.path.exists(looked.at(file)):
        raise wrong(node.mark, path, f"open {file}: no such file or directory")


def _texts(node: Node | None) -> list[str]:
    return [text_of(item) for item in node.items] if isinstance(node, Sequence) else []


def _import(tree: Mapping, included: Mapping) -> None:
    """What is included joins the tree; two definitions of one name are a mistake, unless they are equal."""
    for section in _SECTIONS:
        source = included.get(section)
        if not isinstance(source, Mapping):
            continue
        target = tree.get(section)
        if not isinstance(target, Mapping):
            target = Mapping({}, source.mark)
        known = dict(target.items)
        for name, node in source.items.items():
            if name in known and data(known[name]) != data(node):
                raise wrong(
                    target.where(name),
                    (section, name),
                    f"conflicts with imported resource at {source.where(name)}",
                )
            known[name] = node
        tree.items[section] = Mapping(known, target.mark, target.tag, {**source.keys, **target.keys})
