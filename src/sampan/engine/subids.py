"""`userns-remap` of the configuration, as dockerd's: the ids of containers on this machine.

A user, whose ranges /etc/subuid and /etc/subgid have (subuid(5)); "default" is `dockremap`. Calm.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sampan.errors import InvalidArgument

_DEFAULT = "dockremap"
Range = tuple[int, int, int]  # inside, outside, size


class Remap(NamedTuple):
    uids: tuple[Range, ...]
    gids: tuple[Range, ...]

    def mappings(self) -> dict[str, list[dict[str, int]]]:
        """uidMappings and gidMappings of the runtime-spec."""
        return {"uidMappings": _entries(self.uids), "gidMappings": _entries(self.gids)}

    def outside(self, uid: int, gid: int) -> tuple[int, int]:
        """On this machine. Raises InvalidArgument for an id that is not mapped."""
        return _mapped(self.uids, uid), _mapped(self.gids, gid)


def remap(value: object, subuid: str = "/etc/subuid", subgid: str = "/etc/subgid") -> Remap | None:
    """None: not asked for. Raises InvalidArgument."""
    if value in (None, "", False):
        return None
    if not isinstance(value, str):
        raise InvalidArgument("userns-remap must be a string: USER[:GROUP]")
    user, _, group = value.partition(":")
    user = _DEFAULT if user == "default" else user
    return Remap(_ranges(subuid, user, "subuid"), _ranges(subgid, group or user, "subgid"))


def _mapped(ranges: Iterable[Range], inside: int) -> int:
    found = outside(ranges, inside)
    if found is None:
        raise InvalidArgument(f"ID {inside} is not in the user namespace of containers")
    return found


def outside(ranges: Iterable[Range], inside: int, count: int = 1) -> int | None:
    """The first of `count` ids on this machine; None: they are not all mapped."""
    for first, base, size in ranges:
        if first <= inside and inside + count <= first + size:
            return base + inside - first
    return None


def _ranges(path: str, name: str, kind: str) -> tuple[Range, ...]:
    found: list[Range] = []
    inside = 0
    for line in _lines(path):
        owner, first, count = [*line.split(":"), "", ""][:3]
        if owner == name and first.isdecimal() and count.isdecimal() and int(count):
            found.append((inside, int(first), int(count)))
            inside += int(count)
    if not found:
        raise InvalidArgument(
            f'Can\'t create ID mappings: no {kind} ranges found for user "{name}" in {path}'
        )
    return tuple(found)


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InvalidArgument(f"Can't create ID mappings: {error}") from None


def _entries(ranges: tuple[Range, ...]) -> list[dict[str, int]]:
    return [{"containerID": inside, "hostID": outside, "size": size} for inside, outside, size in ranges]
