"""The steps of setting up a container: small frozen values that print themselves.

`runtime.plan` decides them; `runtime.rootfs`, `mounts`, `devices` and `setup` do them, in the child.
Paths named `destination` or `path` are of the container's root, everything else is of the host.
"""

from typing import NamedTuple

from sampan.runtime.hooks import Hook
from sampan.runtime.mount_options import Attributes
from sampan.runtime.userns import Ids

NONE = Attributes(0, 0)


class OpenSource(NamedTuple):
    """Take a detached copy of a host file or tree, before the host's root is gone."""

    number: int
    path: str
    recursive: bool
    subpath: str = ""  # below it, resolved as if `path` were the root
    ids: Ids | None = None  # whom the owners on the disk are shown as


class OpenLayers(NamedTuple):
    """The same of an image that is mounted beside the root: an overlay of its layers, which nobody writes."""

    number: int
    lowerdirs: tuple[str, ...]  # top first
    anchor: str  # host directory that carries it meanwhile
    subpath: str = ""


class EnterCgroups(NamedTuple):
    """Of v1 (that of v2 is entered at birth)."""

    directories: tuple[str, ...]


class MakePrivate(NamedTuple):
    """Nothing that we mount shows on the host."""


class AttachDisk(NamedTuple):
    """The file system that the root's changes go to, from its image: our parent has it mounted already, for
    device rules may be in force here."""

    path: str  # host directory


class MountOverlay(NamedTuple):
    lowerdirs: tuple[str, ...]  # top first
    upperdir: str
    workdir: str
    anchor: str  # host directory that carries the root until the pivot
    idmapped: bool = False


class BindRoot(NamedTuple):
    path: str
    anchor: str


class Pivot(NamedTuple):
    """The new root becomes "/", the host's root goes. From here on no path can reach the host."""


class CreateHooks(NamedTuple):
    """The root is complete and the host's still there: those hooks have their turn."""

    hooks: tuple[Hook, ...]  # of the container's namespaces
    identifier: str
    bundle: str


class NewCgroupNamespace(NamedTuple):
    """What is our cgroup now is its root."""


class MountFilesystem(NamedTuple):
    destination: str
    fstype: str
    source: str
    data: tuple[str, ...]
    attributes: int
    propagation: int = 0
    ordinary: bool = False  # no symlink anywhere on the way: /proc, /sys, /dev
    copy_up: bool = False  # it begins with what it covers


class AttachSource(NamedTuple):
    destination: str
    number: int
    attributes: Attributes = NONE
    below: Attributes = NONE
    propagation: int = 0
    propagation_recursive: bool = True


class ChownSource(NamedTuple):
    """Everything in a source becomes the property of the container's user."""

    number: int
    path: str  # of the host, for the error
    inside: bool  # the disk has the container's ids, not the machine's
    ids: Ids | None = None  # then: of its user namespace


class MountCgroups(NamedTuple):
    """v1 without a cgroup namespace: our directory of each hierarchy, in a tmpfs."""

    destination: str
    attributes: int
    directories: tuple[tuple[str, int], ...]  # (name, number of the source)
    links: tuple[tuple[str, str], ...]


class Remount(NamedTuple):
    """Change the mount that is there now."""

    destination: str
    attributes: Attributes


class Symlink(NamedTuple):
    path: str
    target: str
    if_exists: str = ""  # only when this exists; "": always


class MakeDevice(NamedTuple):
    path: str
    kind: str  # "c", "b", "p"
    major: int
    minor: int
    mode: int
    uid: int
    gid: int


class MakeConsole(NamedTuple):
    """A pseudoterminal of the container's own devpts; the slave also as /dev/console."""

    height: int
    width: int


class SetHostname(NamedTuple):
    name: str


class SetDomainname(NamedTuple):
    name: str


class SetSysctl(NamedTuple):
    key: str  # "net.ipv4.ip_forward"
    value: str


class ReadonlyPath(NamedTuple):
    path: str


class MaskPath(NamedTuple):
    path: str


class MaskTree(NamedTuple):
    """An empty read-only tmpfs over a directory of the root itself (image `host`)."""

    path: str


class ReadonlyRoot(NamedTuple):
    pass


class RootPropagation(NamedTuple):
    """Of the root's own mount; each bind has its own."""

    flags: int


class SetPersonality(NamedTuple):
    value: int


class NewKeyring(NamedTuple):
    name: str


class SetOomScore(NamedTuple):
    value: int


Operation = (
    OpenSource
    | OpenLayers
    | EnterCgroups
    | MakePrivate
    | AttachDisk
    | MountOverlay
    | BindRoot
    | Pivot
    | CreateHooks
    | SetPersonality
    | NewCgroupNamespace
    | MountFilesystem
    | AttachSource
    | ChownSource
    | MountCgroups
    | Remount
    | Symlink
    | MakeDevice
    | MakeConsole
    | SetHostname
    | SetDomainname
    | SetSysctl
    | ReadonlyPath
    | MaskPath
    | MaskTree
    | ReadonlyRoot
    | RootPropagation
    | NewKeyring
    | SetOomScore
)
