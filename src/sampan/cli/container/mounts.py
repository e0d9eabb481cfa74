"""`-v`, `--mount`, `--tmpfs` as the API takes them. What a path or an option means is the daemon's to say."""

from __future__ import annotations

import posix

from sampan.cli import values
from sampan.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_TYPES = ("bind", "volume", "tmpfs", "image", "npipe", "cluster")
_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")


def split_volumes(texts: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """`-v`: (HostConfig.Binds, Config.Volumes). `/path` alone is an anonymous volume; `./x` is made
    absolute.
    """
    binds: list[str] = []
    anonymous: dict[str, Any] = {}
    for text in texts:
        if not text:
            raise InvalidArgument("invalid empty volume spec")
        parts = text.split(":")
        if not all(parts):
            raise InvalidArgument(f"invalid spec: {text}: empty section between colons")
        if len(parts) == 1:
            anonymous[text] = {}
        else:
            binds.append(":".join([_absolute(parts[0]), *parts[1:]]))
    return binds, anonymous


def tmpfs(texts: Sequence[str]) -> dict[str, str]:
    """`--tmpfs /run:size=64m`: path → options."""
    return {path: options for path, _, options in (text.partition(":") for text in texts)}


def parse_mount(text: str) -> dict[str, Any]:
    """`--mount type=bind,source=/a,target=/b,readonly`: the API's Mount. Raises ValueError in Docker's
    words.
    """
    mount: dict[str, Any] = {"Type": "volume"}
    for field in fields(text):
        key, equals, value = field.partition("=")
        _set(mount, key.lower(), value, field, bare=not equals)
    _check(mount)
    return mount


def fields(text: str) -> list[str]:
    """The fields of a CSV record (RFC 4180), as Go's encoding/csv reads it."""
    if not text:
        raise ValueError("value is empty")
    if '"' not in text:
        return text.split(",")
    fields: list[str] = []
    rest = text
    while True:
        if rest.startswith('"'):
            field, rest = _quoted_field(rest[1:])
        else:
            cut = rest.find(",") if "," in rest else len(rest)
            field, rest = rest[:cut], rest[cut:]
            if '"' in field:
                raise ValueError('parse error on line 1, column 1: bare " in non-quoted-field')
        fields.append(field)
        if not rest:
            return fields
        rest = rest[1:]


def _quoted_field(rest: str) -> tuple[str, str]:
    field = ""
    while True:
        piece, quote, rest = rest.partition('"')
        if not quote:
            raise ValueError('parse error on line 1, column 1: extraneous or missing " in quoted-field')
        field += piece
        if rest.startswith('"'):
            field, rest = field + '"', rest[1:]
        elif not rest or rest[0] == ",":
            return field, rest
        else:
            raise ValueError('parse error on line 1, column 1: extraneous or missing " in quoted-field')


def _set(mount: dict[str, Any], key: str, value: str, field: str, *, bare: bool) -> None:
    flag = key in ("readonly", "ro", "volume-nocopy", "bind-nonrecursive")
    if bare and not flag and key not in ("idmap", "u", "chown"):
        raise ValueError(f"invalid field '{field}' must be a key=value pair")
    if flag:
        _set_flag(mount, key, "true" if bare else value)
    elif key == "type":
        mount["Type"] = value.lower()
    elif key in ("source", "src"):
        mount["Source"] = _absolute(value) if value.startswith(".") else value
    elif key in ("target", "dst", "destination"):
        mount["Target"] = value
    elif key == "consistency":
        mount["Consistency"] = value.lower()
    elif key in ("uid", "gid", "idmap", "u", "chown"):
        _set_owner(mount, key, value, bare=bare)
    elif key in _OPTIONS:
        _OPTIONS[key](mount, value)
    else:
        raise ValueError(f"unexpected key '{key}' in '{field}'")


def _set_flag(mount: dict[str, Any], key: str, value: str) -> None:
    if value not in _TRUE + _FALSE:
        raise ValueError(f"invalid value for {key}: {value}")
    on = value in _TRUE
    if key == "volume-nocopy":
        mount.setdefault("VolumeOptions", {})["NoCopy"] = on
    elif key == "bind-nonrecursive":
        mount.setdefault("BindOptions", {})["NonRecursive"] = on
    else:
        mount["ReadOnly"] = on


def _set_owner(mount: dict[str, Any], key: str, value: str, *, bare: bool) -> None:
    """Whose the files are inside: not of Docker, and named as Podman names them where it has the like."""
    owner = mount.setdefault("Ownership", {})
    if key in ("uid", "gid"):
        if not (value.isascii() and value.isdigit()):
            raise ValueError(f"invalid value for {key}: {value}")
        owner[key.capitalize()] = int(value)
    elif key == "idmap" and value not in _FALSE:
        owner["Idmap"] = "" if value in _TRUE else value
    elif key != "idmap":
        if value not in _TRUE + _FALSE and not bare:
            raise ValueError(f"invalid value for {key}: {value}")
        owner["Chown"] = bare or value in _TRUE


def _set_propagation(mount: dict[str, Any], value: str) -> None:
    mount.setdefault("BindOptions", {})["Propagation"] = value.lower()


def _set_recursive(mount: dict[str, Any], value: str) -> None:
    options = mount.setdefault("BindOptions", {})
    if value == "disabled":
        options["NonRecursive"] = True
    elif value == "writable":
        options["ReadOnlyNonRecursive"] = True
    elif value == "readonly":
        options["ReadOnlyForceRecursive"] = True
    elif value != "enabled":
        raise ValueError(
            f"invalid value for bind-recursive: {value} "
            '(must be "enabled", "disabled", "writable", or "readonly")'
        )


def _set_create(mount: dict[str, Any], value: str) -> None:
    if value not in _TRUE + _FALSE:
        raise ValueError(f"invalid value for bind-create-src: {value}")
    mount.setdefault("BindOptions", {})["CreateMountpoint"] = value in _TRUE


def _set_label(mount: dict[str, Any], value: str) -> None:
    name, _, text = value.partition("=")
    mount.setdefault("VolumeOptions", {}).setdefault("Labels", {})[name] = text


def _set_driver(mount: dict[str, Any], value: str) -> None:
    mount.setdefault("VolumeOptions", {}).setdefault("DriverConfig", {})["Name"] = value


def _set_driver_option(mount: dict[str, Any], value: str) -> None:
    name, _, text = value.partition("=")
    driver = mount.setdefault("VolumeOptions", {}).setdefault("DriverConfig", {})
    driver.setdefault("Options", {})[name] = text


def _set_volume_subpath(mount: dict[str, Any], value: str) -> None:
    mount.setdefault("VolumeOptions", {})["Subpath"] = value


def _set_image_subpath(mount: dict[str, Any], value: str) -> None:
    mount.setdefault("ImageOptions", {})["Subpath"] = value


def _set_size(mount: dict[str, Any], value: str) -> None:
    try:
        mount.setdefault("TmpfsOptions", {})["SizeBytes"] = values.parse_bytes(value)
    except ValueError:
        raise ValueError(f"invalid value for tmpfs-size: {value}") from None


def _set_mode(mount: dict[str, Any], value: str) -> None:
    try:
        mount.setdefault("TmpfsOptions", {})["Mode"] = int(value, 8)
    except ValueError:
        raise ValueError(f"invalid value for tmpfs-mode: {value}") from None


_OPTIONS = {
    "bind-propagation": _set_propagation,
    "bind-recursive": _set_recursive,
    "bind-create-src": _set_create,
    "volume-label": _set_label,
    "volume-driver": _set_driver,
    "volume-opt": _set_driver_option,
    "volume-subpath": _set_volume_subpath,
    "image-subpath": _set_image_subpath,
    "tmpfs-size": _set_size,
    "tmpfs-mode": _set_mode,
}


def _check(mount: dict[str, Any]) -> None:
    kind = mount["Type"]
    if not kind:
        raise ValueError("type is required")
    if not mount.get("Target"):
        raise ValueError("target is required")
    for options, owner in (("VolumeOptions", "volume"), ("BindOptions", "bind"), ("TmpfsOptions", "tmpfs")):
        if options in mount and kind != owner and not (owner == "volume" and kind == "cluster"):
            raise ValueError(f"cannot mix '{owner}-*' options with mount type '{kind}'")
    if "ImageOptions" in mount and kind != "image":
        raise ValueError(f"cannot mix 'image-*' options with mount type '{kind}'")
    if mount.get("BindOptions", {}).get("ReadOnlyForceRecursive"):
        _check_forced(mount)


def _check_forced(mount: dict[str, Any]) -> None:
    if not mount.get("ReadOnly"):
        raise ValueError(
            "option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction"
        )
    if mount["BindOptions"].get("Propagation", "") != "rprivate":
        raise ValueError(
            "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in"
            " conjunction"
        )


def _absolute(path: str) -> str:
    """A source that starts with a dot is a path below the working directory; anything else is passed on."""
    if path not in (".", "..") and not path.startswith(("./", "../")):
        return path
    from posixpath import normpath

    return normpath(f"{posix.getcwd()}/{path}")
