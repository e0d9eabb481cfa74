"""Which files make up the project, where it lies, and what it is called."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sampan.compose import dotenv, looked
from sampan.errors import InvalidArgument, NotFound

_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_OVERRIDES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")
STDIN = "-"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says. `variables`: the environment; `here`: the working directory."""

    here: str
    variables: Mapping[str, str]
    files: Sequence[str] = ()
    name: str = ""
    directory: str = ""
    env_files: Sequence[str] = ()
    profiles: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """`variables`: the environment and what `.env` adds to it; `name`: as the command line or the
    environment has it, or "": the files may say it."""

    files: tuple[str, ...]
    directory: str
    variables: Mapping[str, str]
    name: str
    profiles: frozenset[str]


def find(wanted: Wanted, say: Say) -> Found:
    """Raises NotFound when there are no files."""
    early = _variables(wanted, wanted.directory or wanted.here)
    files = [_absolute(file, wanted.here) for file in wanted.files or _listed(early)]
    if not files:
        files = _searched(os.path.join(wanted.here, wanted.directory), say)
    if wanted.directory:
        directory = _absolute(wanted.directory, wanted.here)
    else:
        directory = wanted.here if files[0] == STDIN else os.path.dirname(files[0])
    variables = _variables(wanted, directory)
    profiles = {*wanted.profiles, *_split(variables.get("COMPOSE_PROFILES", ""), ",")}
    name = wanted.name or variables.get("COMPOSE_PROJECT_NAME", "")
    return Found(tuple(files), directory, variables, checked_name(name), frozenset(profiles))


def checked_name(name: str) -> str:
    if name and not _PROJECT.fullmatch(name):
        raise InvalidArgument(
            f'invalid project name "{name}": must consist only of lowercase alphanumeric characters, '
            "hyphens, and underscores as well as start with a letter or number"
        )
    return name


def name_of_directory(directory: str) -> str:
    """The last part of the path, with what no name may contain left out."""
    kept = re.sub(r"[^-_a-z0-9]", "", os.path.basename(directory).lower()).lstrip("_-")
    if not kept:
        raise InvalidArgument("project name must not be empty: use -p, or `name:` in the file")
    return kept


def read(path: str) -> str:
    """Raises NotFound and InvalidArgument."""
    try:
        if path == STDIN:
            looked.at(STDIN)
            with open(0, encoding="utf-8", closefd=False) as stream:
                return stream.read()
        with open(looked.at(path), encoding="utf-8") as stream:
            return looked.text(path, stream.read())
    except OSError as error:
        raise NotFound(f"open {path}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise InvalidArgument(f"{path}: yaml: invalid UTF-8") from None


def with_env_files(
    paths: Sequence[str], variables: Mapping[str, str], *, required: bool
) -> Mapping[str, str]:
    """`variables`, and behind them what the files say; of the files the later one counts."""
    added: dict[str, str] = {}
    for path in paths:
        if not required and not os.path.isfile(looked.at(path)):
            continue
        if not os.path.exists(looked.at(path)):
            raise NotFound(f"couldn't find env file: {path}")
        found = dotenv.parse(read(path), path, {**added, **variables}, lambda name: None)
        added |= {name: value for name, value in found.items() if value is not None}
    return {**added, **variables}


def _variables(wanted: Wanted, directory: str) -> Mapping[str, str]:
    given = list(wanted.env_files) or _split(wanted.variables.get("COMPOSE_ENV_FILES", ""), ",")
    if given:
        paths = [_absolute(path, wanted.here) for path in given]
        return with_env_files(paths, wanted.variables, required=True)
    if wanted.variables.get("COMPOSE_DISABLE_ENV_FILE", "").lower() in ("1", "true"):
        return wanted.variables
    place = os.path.join(wanted.here, directory)
    return with_env_files([os.path.join(place, ".env")], wanted.variables, required=False)


def _listed(variables: Mapping[str, str]) -> list[str]:
    return _split(variables.get("COMPOSE_FILE", ""), variables.get("COMPOSE_PATH_SEPARATOR") or os.pathsep)


def _searched(start: str, say: Say) -> list[str]:
    """The first directory from here to the root that has a file of one of the names."""
    directory = os.path.normpath(start)
    while True:
        names = [name for name in _NAMES if os.path.isfile(looked.at(os.path.join(directory, name)))]
        if names:
            return _chosen(directory, names, say)
        parent = os.path.dirname(directory)
        if parent == directory:
            raise NotFound("no configuration file provided: not found")
        directory = parent


def _chosen(directory: str, names: Sequence[str], say: Say) -> list[str]:
    paths = [os.path.join(directory, name) for name in names]
    if len(paths) > 1:
        say(f"Found multiple config files with supported names: {', '.join(paths)}")
        say(f"Using {paths[0]}")
    overrides = [os.path.join(directory, name) for name in _OVERRIDES]
    overrides = [path for path in overrides if os.path.isfile(looked.at(path))]
    if len(overrides) > 1:
        say(f"Found multiple override files with supported names: {', '.join(overrides)}")
        say(f"Using {overrides[0]}")
    return [paths[0], *overrides[:1]]


def _absolute(path: str, here: str) -> str:
    return path if path == STDIN else os.path.normpath(os.path.join(here, path))


def _split(text: str, separator: str) -> list[str]:
    return [part.strip() for part in text.split(separator) if part.strip()]
