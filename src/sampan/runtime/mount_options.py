"""Mount options as words (mount(8), and runc's recursive ones) → what the kernel takes. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from sampan.linux.mount import (
    MOUNT_ATTR__ATIME,
    MOUNT_ATTR_NOATIME,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NODIRATIME,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_NOSYMFOLLOW,
    MOUNT_ATTR_RDONLY,
    MOUNT_ATTR_RELATIME,
    MOUNT_ATTR_STRICTATIME,
    MS_PRIVATE,
    MS_SHARED,
    MS_SLAVE,
    MS_UNBINDABLE,
)

# word: (attributes to set, attributes to clear)
_ATTRIBUTES: dict[str, tuple[int, int]] = {
    "ro": (MOUNT_ATTR_RDONLY, 0),
    "rw": (0, MOUNT_ATTR_RDONLY),
    "nosuid": (MOUNT_ATTR_NOSUID, 0),
    "suid": (0, MOUNT_ATTR_NOSUID),
    "nodev": (MOUNT_ATTR_NODEV, 0),
    "dev": (0, MOUNT_ATTR_NODEV),
    "noexec": (MOUNT_ATTR_NOEXEC, 0),
    "exec": (0, MOUNT_ATTR_NOEXEC),
    "nodiratime": (MOUNT_ATTR_NODIRATIME, 0),
    "diratime": (0, MOUNT_ATTR_NODIRATIME),
    "noatime": (MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME),
    "atime": (0, MOUNT_ATTR__ATIME),
    "relatime": (MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME),
    "norelatime": (0, MOUNT_ATTR__ATIME),
    "strictatime": (MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME),
    "nostrictatime": (0, MOUNT_ATTR__ATIME),
    "nosymfollow": (MOUNT_ATTR_NOSYMFOLLOW, 0),
    "symfollow": (0, MOUNT_ATTR_NOSYMFOLLOW),
}
_PROPAGATION: dict[str, tuple[int, bool]] = {
    "private": (MS_PRIVATE, False),
    "rprivate": (MS_PRIVATE, True),
    "slave": (MS_SLAVE, False),
    "rslave": (MS_SLAVE, True),
    "shared": (MS_SHARED, False),
    "rshared": (MS_SHARED, True),
    "unbindable": (MS_UNBINDABLE, False),
    "runbindable": (MS_UNBINDABLE, True),
}
COPY_UP = "tmpcopyup"
_NOTHING = frozenset(("defaults", "bind", "rbind", "async", "nomand", "silent", "loud"))


class Attributes(NamedTuple):
    """For mount_setattr(2)."""

    set: int
    clear: int


class MountOptions(NamedTuple):
    bind: bool
    recursive: bool  # rbind
    attributes: Attributes  # of the mount itself
    below: (
        Attributes  # of it and everything below it (runc's "rro", "rnosuid", …; `rro` from Docker API 1.44)
    )
    propagation: int  # MS_*; 0: leave
    propagation_recursive: bool
    data: tuple[str, ...]  # what is left: the filesystem's own, "key=value" or "flag"
    copy_up: bool = False  # a tmpfs that begins with what it covers


def parse(options: Sequence[str]) -> MountOptions:
    """Later words win over earlier ones."""
    own, below = Attributes(0, 0), Attributes(0, 0)
    propagation, data = (0, False), []
    for word in options:
        if (change := _ATTRIBUTES.get(word)) is not None:
            own = _merged(own, change)
        elif word in _PROPAGATION:
            propagation = _PROPAGATION[word]
        elif word[:1] == "r" and (change := _ATTRIBUTES.get(word[1:])) is not None:
            below = _merged(below, change)
        elif word not in (*_NOTHING, COPY_UP):
            data.append(word)
    return MountOptions(
        bind="bind" in options or "rbind" in options,
        recursive="rbind" in options,
        attributes=own,
        below=below,
        propagation=propagation[0],
        propagation_recursive=propagation[1],
        data=tuple(data),
        copy_up=COPY_UP in options,
    )


def propagation_flags(name: str) -> tuple[int, bool]:
    """(MS_*, recursive) of "rslave" and the like. Raises KeyError."""
    return _PROPAGATION[name]


def _merged(before: Attributes, change: tuple[int, int]) -> Attributes:
    set_, clear = change
    return Attributes(before.set & ~clear | set_, (before.clear & ~set_) | clear)


def words() -> list[str]:
    """All that we know ourselves; what is not among them is the filesystem's."""
    recursive = ["r" + word for word in _ATTRIBUTES]
    return sorted({*_ATTRIBUTES, *recursive, *_PROPAGATION, *_NOTHING, COPY_UP})
