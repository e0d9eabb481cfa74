"""`uid=`, `gid=`, `idmap` and `U` of a mount: whose its files are inside the container.

Pure. `uid=1000` shows what belongs to the owner of the mount's root as 1000's, and what 1000 writes gets
that owner on the disk; who had that number on the disk changes places with him, for a mapping must be one to
one (user_namespaces(7)). `idmap` is Podman's: the container's user namespace, or a mapping of one's own.
Podman's `U` changes the owners on the disk.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sampan.engine import subids
from sampan.engine.containers.config import Ownership
from sampan.engine.subids import Range, Remap
from sampan.errors import InvalidArgument

_LAST = 2**32 - 2  # (uid_t) -1 is nobody (chown(2))
_ALL: tuple[Range, ...] = ((0, 0, _LAST + 1),)
_EXTENTS = 340  # of one mapping (user_namespaces(7), since Linux 4.15)
_KEYS = ("uid", "gid", "idmap")


def is_word(word: str) -> bool:
    """Of a mode, `-v SOURCE:DESTINATION:MODE`."""
    return word in ("U", "idmap") or ("=" in word and word.partition("=")[0] in _KEYS)


def of_words(words: Sequence[str]) -> Ownership | None:
    """Raises ValueError."""
    asked = Ownership()
    for word in words:
        key, _, value = word.partition("=")
        if key == "U":
            asked.chown = True
        elif key == "idmap":
            asked.idmap = value
        elif key == "uid":
            asked.uid = _number(value)
        else:
            asked.gid = _number(value)
    return checked(asked) if words else None


def checked(asked: Ownership) -> Ownership | None:
    """None: nothing is asked for. Raises ValueError."""
    for value in (asked.uid, asked.gid):
        if value is not None and not 0 <= value <= _LAST:
            raise ValueError(f"{value} is no user or group ID")
    numbered = asked.uid is not None or asked.gid is not None
    if numbered + (asked.idmap is not None) + asked.chown > 1:
        raise ValueError("uid and gid, idmap, and U exclude each other")
    if asked.idmap:
        for given in _parse_idmap(asked.idmap):
            _checked_ranges(given)
    return asked if numbered or asked.idmap is not None or asked.chown else None


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise ValueError(f"'{text}' is no user or group ID")
    return int(text)


class _Given(NamedTuple):
    """`ranges`: (on the disk, shown as, how many); `inside`: as in the container, and not on the machine."""

    ranges: tuple[Range, ...] = ()
    inside: bool = False


def _parse_idmap(text: str) -> tuple[_Given, _Given]:
    """`uids=0-1000-10#20-2000-1;gids=@0-0-1`: of users, of groups. Raises ValueError."""
    found: dict[str, _Given] = {}
    for part in text.split(";"):
        key, _, ranges = part.partition("=")
        if key not in ("uids", "gids") or not ranges or key in found:
            raise ValueError(f"invalid idmap '{text}': uids=DISK-SHOWN-COUNT[#...][;gids=...] is wanted")
        triplets = ranges.removeprefix("@").split("#")
        found[key] = _Given(tuple(map(_triplet, triplets)), ranges.startswith("@"))
    return found.get("uids", _Given()), found.get("gids", _Given())


def _triplet(text: str) -> Range:
    numbers = text.removeprefix("@").split("-")
    if len(numbers) != 3:
        raise ValueError(f"invalid idmap: '{text}' is not DISK-SHOWN-COUNT")
    disk, shown, count = map(_number, numbers)
    return disk, shown, count


def _checked_ranges(given: _Given) -> None:
    if len(given.ranges) > _EXTENTS:
        raise ValueError(f"an idmap of {len(given.ranges)} parts: the kernel takes {_EXTENTS}")
    for column in (0, 1):
        end = 0
        for first, count in sorted((one[column], one[2]) for one in given.ranges):
            if first < end or not count or first + count - 1 > _LAST:
                raise ValueError("the parts of an idmap must not overlap, nor be empty")
            end = first + count


def mappings(
    asked: Ownership, on_disk: tuple[int, int], remap: Remap | None, *, volume: bool
) -> dict[str, Any]:
    """uidMappings and gidMappings of the mount, {} for none. `on_disk`: who owns its root; `remap`: of the
    container; `volume`: its ids on the disk are those of the container. Raises InvalidArgument."""
    if asked.chown or (asked.idmap == "" and remap is None):
        return remap.mappings() if remap is not None and volume else {}
    uids, gids = (_ALL, _ALL) if remap is None else (remap.uids, remap.gids)
    if asked.idmap is not None:
        return _custom(asked.idmap, uids, gids)
    users = _routed(uids, on_disk[0], asked.uid, volume=volume)
    groups = _routed(gids, on_disk[1], asked.gid, volume=volume)
    return Remap(users, groups).mappings()


def _custom(idmap: str, uids: tuple[Range, ...], gids: tuple[Range, ...]) -> dict[str, Any]:
    if not idmap:
        return Remap(uids, gids).mappings()
    users, groups = _parse_idmap(idmap)
    return Remap(_placed(users, uids), _placed(groups, gids)).mappings()


def _placed(given: _Given, known: tuple[Range, ...]) -> tuple[Range, ...]:
    if not given.ranges:
        return known
    if not given.inside:
        return given.ranges
    return tuple((disk, _outside(known, shown, count), count) for disk, shown, count in given.ranges)


def _outside(known: tuple[Range, ...], inside: int, count: int = 1) -> int:
    found = subids.outside(known, inside, count)
    if found is None:
        raise InvalidArgument(f"ID {inside} of a mount is not in the container's user namespace")
    return found


def _routed(known: tuple[Range, ...], disk: int, inside: int | None, *, volume: bool) -> tuple[Range, ...]:
    """`disk` is shown as `inside`, and who was shown so as `disk` was."""
    base = known if volume else _ALL
    if inside is None:
        return base
    shown = _outside(known, inside)
    if (before := _shown(base, disk)) == shown:
        return base
    other = next(
        (first + shown - outside for first, outside, size in base if 0 <= shown - outside < size), -1
    )
    rest = [piece for one in base for piece in _without(one, sorted({disk, other}))]
    rest.append((disk, shown, 1))
    if before >= 0 and other >= 0:
        rest.append((other, before, 1))
    return tuple(sorted(rest))


def _shown(base: tuple[Range, ...], disk: int) -> int:
    return next((outside + disk - first for first, outside, size in base if 0 <= disk - first < size), -1)


def _without(one: Range, points: Sequence[int]) -> list[Range]:
    first, outside, size = one
    pieces, start = [], first
    for point in points:
        if start <= point < first + size:
            pieces.append((start, outside + start - first, point - start))
            start = point + 1
    pieces.append((start, outside + start - first, first + size - start))
    return [piece for piece in pieces if piece[2] > 0]
