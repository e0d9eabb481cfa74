"""From the command line's wishes to the project: `load` for what is to run, `as_written` for what the files
say with their variables still in."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sampan.compose import consistency, discover, normalize, reading
from sampan.compose.discover import Found, Say, Wanted
from sampan.compose.reading import Reading
from sampan.compose.tree import Mapping, Scalar, text_of


@dataclass(frozen=True, slots=True)
class Loaded:
    """The project's tree in its normal form (`as_written`: in its long form), all profiles still in it."""

    tree: Mapping
    found: Found
    name: str


@dataclass(frozen=True, slots=True)
class Depth:
    """How far a project is resolved: values of environment files, relative paths; `consistent`: references
    are checked."""

    environment: bool = True
    paths: bool = True
    consistent: bool = True


def load(wanted: Wanted, say: Say, depth: Depth = Depth()) -> Loaded:
    """Raises InvalidArgument and NotFound, with file, line and key."""
    found = discover.find(wanted, say)
    first = Reading(found.directory, found.variables, say, resolve=depth.paths)
    name = _name(found, first)
    variables = {**found.variables, "COMPOSE_PROJECT_NAME": name}
    tree = reading.read(replace(first, variables=variables), found.files)
    setting = normalize.Setting(name, found.directory, variables, resolve_environment=depth.environment)
    normal = normalize.normalize(tree, setting)
    if depth.consistent:
        consistency.check(normal)
    return Loaded(normal, found, name)


def as_written(wanted: Wanted, say: Say) -> Loaded:
    """Merged and in long form, but not interpolated."""
    found = discover.find(wanted, say)
    first = Reading(found.directory, found.variables, say, raw=True)
    tree = reading.read(first, found.files)
    name = found.name or text_of(tree.get("name")) or discover.name_of_directory(found.directory)
    tree.items["name"] = Scalar(name, tree.mark)
    tree.items.pop("version", None)
    return Loaded(tree, found, name)


def _name(found: Found, first: Reading) -> str:
    said = discover.checked_name(reading.stated_name(first, found.files))
    return found.name or said or discover.name_of_directory(found.directory)
