"""`--volumes-from`: the mounts of other containers, as they are, or read-only."""

from sampan.engine.containers.config import HostConfig
from sampan.engine.containers.record import MountPoint
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument, NotFound

_WORDS = frozenset(("ro", "rw", "z", "Z"))


def borrowed(engine: Engine, host: HostConfig) -> list[MountPoint]:
    """In the order of the containers; of two mounts at one place the later one holds. Raises InvalidArgument,
    also for a container that is not there: a client takes NotFound for a missing image."""
    points: dict[str, MountPoint] = {}
    for spec in host.volumes_from or ():
        name, mode = parse(spec)
        try:
            other = engine.containers.find(name)
        except NotFound as error:
            raise InvalidArgument(str(error)) from None
        for mount in other.definition.mounts:
            if mount.kind != "tmpfs" or not mount.mode:  # one of --mount; those of --tmpfs stay behind
                points[mount.destination] = _lent(mount, read_only="ro" in mode)
    return list(points.values())


def parse(spec: str) -> tuple[str, list[str]]:
    """(container, words of the mode) of `NAME[:ro|rw|z|Z]`."""
    if not spec:
        raise InvalidArgument("volumes-from specification cannot be an empty string")
    name, _, mode = spec.partition(":")
    words = mode.split(",") if mode else []
    known = not set(words) - _WORDS and len(set(words)) == len(words)
    if not known or {"ro", "rw"} <= set(words) or {"z", "Z"} <= set(words):
        raise InvalidArgument(f"invalid mode: {mode}")
    if not name:
        raise InvalidArgument('invalid name or ID supplied: ""')
    return name, words


def _lent(mount: MountPoint, *, read_only: bool) -> MountPoint:
    """Copied up it was already."""
    return MountPoint(
        mount.kind,
        mount.source,
        mount.destination,
        writable=mount.writable and not read_only,
        propagation=mount.propagation,
        options=[*mount.options, "ro"] if read_only and mount.kind == "tmpfs" else mount.options,
        recursive=mount.recursive,
        recursive_readonly=mount.recursive_readonly,
        anonymous=mount.anonymous,
        driver=mount.driver,
        subpath=mount.subpath,
        lowerdirs=mount.lowerdirs,
        ownership=mount.ownership,
    )
