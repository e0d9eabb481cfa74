"""The grammar of runc's command line (Go's flag package): one dash or two, flags before operands."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sampan.errors import InvalidArgument


class Flag(NamedTuple):
    names: tuple[str, ...]  # the first is its key
    kind: str  # "switch", "value", "list"
    about: str = ""


def switch(names: str, about: str = "") -> Flag:
    return Flag(tuple(names.split()), "switch", about)


def value(names: str, about: str = "") -> Flag:
    return Flag(tuple(names.split()), "value", about)


def several(names: str, about: str = "") -> Flag:
    return Flag(tuple(names.split()), "list", about)


def parse(words: Sequence[str], known: Sequence[Flag]) -> tuple[dict[str, Any], list[str]]:
    """({key: what was given}, operands). Raises InvalidArgument."""
    by_name = {name: flag for flag in known for name in flag.names}
    found: dict[str, Any] = {flag.names[0]: _empty(flag) for flag in known}
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        name, equals, given = word.lstrip("-").partition("=")
        flag = by_name.get(name)
        if flag is None:
            raise InvalidArgument(f"flag provided but not defined: -{name}")
        if flag.kind != "switch" and not equals:
            if not rest:
                raise InvalidArgument(f"flag needs an argument: -{name}")
            given = rest.pop(0)
        _store(found, flag, name, given if equals or flag.kind != "switch" else "true")
    return found, rest


def _empty(flag: Flag) -> Any:
    return {"switch": False, "list": [], "value": None}[flag.kind]


def _store(found: dict[str, Any], flag: Flag, name: str, given: str) -> None:
    key = flag.names[0]
    if flag.kind == "list":
        found[key] = [*found[key], given]
    elif flag.kind == "value":
        found[key] = given
    elif given in ("1", "t", "T", "true", "TRUE", "True"):
        found[key] = True
    elif given in ("0", "f", "F", "false", "FALSE", "False"):
        found[key] = False
    else:
        raise InvalidArgument(f'invalid boolean value "{given}" for -{name}: parse error')


def count(given: str | None, name: str, default: int = 0) -> int:
    """A flag's number. Raises InvalidArgument."""
    try:
        return default if given is None else int(given)
    except ValueError:
        raise InvalidArgument(f'invalid value "{given}" for flag -{name}: parse error') from None
