"""`-v`, `--mount`, `--tmpfs` and the image's volumes → one list of mount points. Docker's rules and words.

Pure, except that the source of a `--mount type=bind` must exist.
"""

import os
import posixpath
import secrets
from collections.abc import Callable, Iterable, Sequence

from sampan.engine import names
from sampan.engine.containers import ownership
from sampan.engine.containers.config import (
    Config,
    DriverConfig,
    HostConfig,
    MountRequest,
    Ownership,
    VolumeOptions,
)
from sampan.engine.containers.record import MountPoint
from sampan.errors import Internal, InvalidArgument

PROPAGATION = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
_MODES = (("ro", "rw"), ("z", "Z"), PROPAGATION, ("nocopy",), ("consistent", "cached", "delegated"))
_TMPFS = ("noexec", "nosuid", "nodev", "rprivate")
_TMPFS_KEYS = frozenset(("size", "mode", "uid", "gid", "nr_inodes", "nr_blocks"))
_TMPFS_FLAGS = frozenset(
    (
        "exec", "noexec", "suid", "nosuid", "dev", "nodev", "rw", "ro", "sync", "dirsync", "async", "atime",
        "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime",
        "private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable", "mand",
        "nomand", "remount", "defaults", "bind", "rbind", "silent", "loud", "iversion", "noiversion"
    )
)  # fmt: skip


def resolve(
    config: Config,
    host: HostConfig,
    borrowed: Sequence[MountPoint] = (),
    *,
    recursive_readonly: bool,
    is_volume: Callable[[str], bool] = lambda name: False,
) -> list[MountPoint]:
    """In Docker's order: what other containers lend (`borrowed`), which everything that is named here
    replaces; binds, mounts, tmpfs; and what the image or `-v /path` declares as volumes.

    `recursive_readonly`: from API 1.44 on, a read-only bind is so down to its submounts; `is_volume`: there
    is one of that name."""
    points: dict[str, MountPoint] = {}
    for spec in host.binds or ():
        _add(points, _parse_bind(spec, is_volume, recursive_readonly=recursive_readonly))
    for request in host.mounts or ():
        _add(points, _parse_mount(request))
    for destination, options in (host.tmpfs or {}).items():
        _add(points, _tmpfs(destination, options.split(",") if options else []))
    points = {point.destination: point for point in borrowed} | points
    for destination in config.volumes or {}:
        clean = _of_spec(destination, destination)
        if clean not in points:
            points[clean] = MountPoint("volume", secrets.token_hex(32), clean, copy_up=True, anonymous=True)
    for point in points.values():
        if point.kind == "volume" and not point.driver:
            point.driver = host.volume_driver or "local"
    return list(points.values())


def _add(points: dict[str, MountPoint], point: MountPoint) -> None:
    if point.destination in points:
        raise InvalidArgument(f"Duplicate mount point: {point.destination}")
    points[point.destination] = point


def _destination(path: str, kind: str = "volume") -> str:
    if not path.startswith("/"):
        raise _invalid(kind, f"invalid mount path: '{path}' mount path must be absolute")
    if "\0" in path:
        raise _invalid(kind, "the mount path contains a NUL byte")
    clean = posixpath.normpath(path).replace("//", "/", 1)
    if clean == "/":
        raise _invalid(kind, "invalid specification: destination can't be '/'")
    return clean


def _of_spec(path: str, spec: str, kind: str = "volume") -> str:
    """As `_destination`, and the error names the whole of what was given."""
    try:
        return _destination(path, kind)
    except InvalidArgument as error:
        raise InvalidArgument(f"invalid volume specification: '{spec}': {error}") from None


def _parse_bind(spec: str, is_volume: Callable[[str], bool], *, recursive_readonly: bool) -> MountPoint:
    """`source:destination[:mode]`; without a slash in front, the source is a volume's name, or, which Docker
    does not know, a part of a volume that is there: `data/logs:/logs`."""
    parts = spec.split(":")
    if len(parts) > 3 or not all(parts) or "\0" in spec or (len(parts) == 2 and _is_mode(parts[1])):
        raise InvalidArgument(f"invalid volume specification: '{spec}'")
    if len(parts) == 1:
        destination = _of_spec(parts[0], spec)
        return MountPoint("volume", secrets.token_hex(32), destination, copy_up=True, anonymous=True)
    source, mode = parts[0], parts[2] if len(parts) == 3 else ""
    kind = "bind" if source.startswith("/") else "volume"
    words = mode.split(",") if mode else []
    plain = [word for word in words if not ownership.is_word(word)]
    if not _is_mode(",".join(plain)):
        raise InvalidArgument(f"invalid mode: {mode}")
    propagation = next((word for word in plain if word in PROPAGATION), "")
    _check_kind(kind, plain, spec)
    destination = _of_spec(parts[1], spec, kind)
    point = MountPoint(
        "bind", source, destination, writable="ro" not in words, mode=mode, propagation=propagation
    )
    point.ownership = _owned_by_words([word for word in words if ownership.is_word(word)], mode)
    if source.startswith("/"):
        point.source = posixpath.normpath(source).replace("//", "/", 1)
        point.propagation = propagation or "rprivate"
        point.recursive_readonly = recursive_readonly
        return point
    name, _, below = source.partition("/")
    if below and is_volume(name):
        _check_subpath("volume", below)
        point.source, point.subpath = name, below
    check_volume_name(point.source)
    point.kind, point.copy_up = "volume", "nocopy" not in words
    return point


def _owned_by_words(words: list[str], mode: str) -> Ownership | None:
    if len({word.partition("=")[0] for word in words}) != len(words):
        raise InvalidArgument(f"invalid mode: {mode}")
    try:
        return ownership.of_words(words)
    except ValueError as error:
        raise InvalidArgument(f"invalid mode: {mode}: {error}") from None


def check_volume_name(name: str) -> None:
    if len(name) == 1:
        raise InvalidArgument(
            f"create {name}: volume name is too short, names should be at least two alphanumeric characters"
        )
    if len(name) > names.LONGEST and names.is_name(name[: names.LONGEST]):
        raise Internal(f"create {name}: error while creating volume root path: file name too long")
    if not names.is_name(name):
        raise InvalidArgument(
            f'create {name}: "{name}" includes invalid characters for a local volume name, only '
            f'"{names.ALLOWED}" are allowed. If you intended to pass a host directory, use absolute path'
        )


def _is_mode(mode: str) -> bool:
    """Of each kind of word at most one; what says how fast others see a change is for other machines."""
    words = mode.split(",") if mode else []
    kinds = [next((n for n, known in enumerate(_MODES) if word in known), -1) for word in words]
    return -1 not in kinds and len(set(kinds)) == len(kinds)


def _check_kind(kind: str, words: list[str], spec: str) -> None:
    foreign = {
        "volume": ("BindOptions", PROPAGATION),
        "bind": ("VolumeOptions", ("nocopy",)),
    }
    field, reserved = foreign[kind]
    if any(word in reserved for word in words):
        wrong = _invalid(kind, f"field {field} must not be specified")
        raise InvalidArgument(f"invalid volume specification: '{spec}': {wrong}")


def _parse_mount(request: MountRequest) -> MountPoint:
    kind = request.type
    if kind not in _KINDS:
        raise _invalid(kind, "mount type unknown")
    if not request.target:
        raise _invalid(kind, "field Target must not be empty")
    target = _destination(request.target, kind)
    _foreign_options(request)
    point = _KINDS[kind](request, target)
    if kind != "tmpfs" and request.ownership is not None:
        if kind == "image":
            raise _invalid(kind, "the owners of an image's files cannot be mapped")
        try:
            point.ownership = ownership.checked(request.ownership)
        except ValueError as error:
            raise _invalid(kind, str(error)) from None
    return point


def _invalid(kind: str, reason: str) -> InvalidArgument:
    return InvalidArgument(f'invalid mount config for type "{kind}": {reason}')


def _foreign_options(request: MountRequest) -> None:
    given = {
        "bind": request.bind_options,
        "volume": request.volume_options,
        "tmpfs": request.tmpfs_options,
        "image": request.image_options,
    }
    for kind, options in given.items():
        if kind != request.type and options is not None:
            raise _invalid(request.type, f"field {kind.capitalize()}Options must not be specified")


def _bind_mount(request: MountRequest, target: str) -> MountPoint:
    source = request.source
    if not source:
        raise _invalid("bind", "field Source must not be empty")
    if not source.startswith("/"):
        raise _invalid("bind", f"invalid mount path: '{source}' mount path must be absolute")
    options = request.bind_options
    if not os.path.exists(source) and not (options and options.create_mountpoint):
        raise _invalid("bind", f"bind source path does not exist: {source}")
    propagation = (options.propagation if options else "") or "rprivate"
    if propagation not in PROPAGATION:
        raise _invalid("bind", f"invalid propagation mode: {propagation}")
    return MountPoint(
        "bind",
        posixpath.normpath(source).replace("//", "/", 1),
        target,
        writable=not request.read_only,
        propagation=propagation,
        recursive=not (options and options.non_recursive),
        recursive_readonly=not (options and (options.read_only_non_recursive or options.non_recursive)),
    )


def _volume_mount(request: MountRequest, target: str) -> MountPoint:
    options = request.volume_options or VolumeOptions()
    if not request.source and request.read_only:
        raise _invalid("volume", "must not set ReadOnly mode when using anonymous volumes")
    if not request.source and options.subpath:
        raise _invalid("volume", "must not set Subpath when using anonymous volumes")
    _check_subpath("volume", options.subpath)
    driver = options.driver_config or DriverConfig()
    if request.source:
        check_volume_name(request.source)
    return MountPoint(
        "volume",
        request.source or secrets.token_hex(32),
        target,
        writable=not request.read_only,
        mode="z",
        copy_up=not options.no_copy,
        anonymous=not request.source,
        driver=driver.name,
        driver_options=driver.options,
        labels=options.labels,
        subpath=options.subpath,
    )


def _image_mount(request: MountRequest, target: str) -> MountPoint:
    """Read-only, whatever is asked for: an image never changes."""
    if not request.source:
        raise _invalid("image", "field Source must not be empty")
    subpath = request.image_options.subpath if request.image_options else ""
    _check_subpath("image", subpath)
    return MountPoint("image", request.source, target, writable=False, subpath=subpath)


def _check_subpath(kind: str, subpath: str) -> None:
    if subpath and (subpath.startswith("/") or posixpath.normpath(subpath).split("/")[0] == ".."):
        raise _invalid(kind, "subpath must be a relative path within the volume")
    if "\0" in subpath:
        raise _invalid(kind, "the subpath contains a NUL byte")


def _tmpfs_mount(request: MountRequest, target: str) -> MountPoint:
    if request.source:
        raise _invalid("tmpfs", "field Source must not be specified")
    words = ["ro"] if request.read_only else []
    if (options := request.tmpfs_options) is not None:
        if options.size_bytes < 0:
            raise _invalid("tmpfs", "invalid size")
        words += [f"size={options.size_bytes}"] if options.size_bytes else []
        words += [f"mode={options.mode:o}"] if options.mode else []
        words += ["=".join(pair) for pair in options.options or ()]
    if (owner := request.ownership) is not None:
        if owner.idmap is not None or owner.chown:
            raise _invalid("tmpfs", "it takes uid and gid, and neither idmap nor U")
        words += [
            f"{key}={value}" for key, value in (("uid", owner.uid), ("gid", owner.gid)) if value is not None
        ]
    point = _tmpfs(target, words)
    point.mode = ""
    return point


def _tmpfs(destination: str, words: list[str]) -> MountPoint:
    if not destination.startswith("/"):
        raise InvalidArgument(f"invalid mount path: '{destination}' mount path must be absolute")
    if posixpath.normpath(destination).strip("/") == "":
        raise InvalidArgument("invalid specification: destination can't be '/'")
    target = _destination(destination, "tmpfs")
    for word in words:
        key, equals, value = word.partition("=")
        if equals and (key not in _TMPFS_KEYS or not value or len(value) > 20 or not value[0].isdecimal()):
            raise InvalidArgument(f"invalid tmpfs option {_quoted([key, value])}")
        if not equals and word not in _TMPFS_FLAGS:
            raise InvalidArgument(f"invalid tmpfs option {_quoted([word])}")
    return MountPoint(
        "tmpfs", "", target, writable="ro" not in words, mode=",".join(words), options=tmpfs_options(words)
    )


_KINDS: dict[str, Callable[[MountRequest, str], MountPoint]] = {
    "bind": _bind_mount,
    "volume": _volume_mount,
    "tmpfs": _tmpfs_mount,
    "image": _image_mount,
}


def _quoted(words: Iterable[str]) -> str:
    return "[" + " ".join(f'"{word}"' for word in words) + "]"


def tmpfs_options(words: list[str]) -> list[str]:
    """noexec, nosuid, nodev unless the opposite was asked for."""
    opposite = {"exec": "noexec", "suid": "nosuid", "dev": "nodev"}
    dropped = {opposite[word] for word in words if word in opposite}
    return [word for word in _TMPFS if word not in dropped] + words
