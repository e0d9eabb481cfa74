"""Whether mounts can come through to a bind's source, or from it: where its own mount is private, none do,
and Docker refuses `shared` and `slave` rather than let them mean nothing. Calm.
"""

import os
from typing import NamedTuple

from sampan.engine.containers.record import MountPoint
from sampan.errors import InvalidArgument

_WANTED = {
    "shared": ("shared:",),
    "rshared": ("shared:",),
    "slave": ("shared:", "master:"),
    "rslave": ("shared:", "master:"),
}
_NAMES = {1: "shared", 2: "shared or slave"}


class Mount(NamedTuple):
    """Of /proc/self/mountinfo (proc_pid_mountinfo(5))."""

    place: str
    tags: tuple[str, ...]  # "shared:1", "master:2"


def check(points: list[MountPoint]) -> None:
    """Raises InvalidArgument."""
    wanted = [point for point in points if point.kind == "bind" and point.propagation in _WANTED]
    if not wanted:
        return
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        mounts = parse(file.read())
    for point in wanted:
        kinds = _WANTED[point.propagation]
        mount = holder(mounts, os.path.realpath(point.source))
        if not any(tag.startswith(kinds) for tag in mount.tags):
            raise InvalidArgument(
                f"path {point.source} is mounted on {mount.place} but it is not a {_NAMES[len(kinds)]} mount"
            )


def parse(text: str) -> list[Mount]:
    found = []
    for line in text.splitlines():
        fields = line.split(" ")
        place = fields[4].encode("utf-8", "surrogateescape").decode("unicode_escape")
        place = place.encode("latin-1", "surrogateescape").decode("utf-8", "surrogateescape")
        found.append(Mount(place, tuple(fields[6 : fields.index("-")])))
    return found


def holder(mounts: list[Mount], path: str) -> Mount:
    """The mount that a real path lies in; of two at one place the later one covers the other."""
    best = Mount("/", ())
    for mount in mounts:
        inside = path == mount.place or path.startswith(mount.place.rstrip("/") + "/")
        if inside and len(mount.place) >= len(best.place):
            best = mount
    return best
