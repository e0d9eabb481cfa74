"""`RUN --mount=type=…`: its keys, and what each type allows."""

import csv
from collections.abc import Callable

from sampan.build.instructions import Mount
from sampan.build.source import DockerfileError, suggestion

TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
SHARING = ("shared", "private", "locked")
_KEYS = ("type", "from", "source", "target", "readonly", "id", "sharing", "required", "size", "mode", "uid",
         "gid", "src", "dst", "destination", "ro", "rw", "readwrite", "env")  # fmt: skip
_SWITCHES = {"readonly": False, "ro": False, "readwrite": True, "rw": True}  # key → writable
_UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_NAMES = {"src": "source", "dst": "target", "destination": "target", "from": "origin", "id": "identity",
          "env": "variable"}  # fmt: skip


def parse(text: str) -> Mount:
    """Raises DockerfileError."""
    try:
        fields = next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration) as error:
        raise DockerfileError(f"failed to parse csv mounts: {error}", offending=text) from None
    values: dict[str, object] = {"type": "bind"}
    for field in fields:
        key, equals, value = field.partition("=")
        key = key.strip().lower()
        if key in _SWITCHES:
            values["writable"] = _switch(key, value, equals) == _SWITCHES[key]
        elif key == "required":
            values["required"] = _switch(key, value, equals)
        elif not equals:
            raise DockerfileError(f"invalid field '{field}' must be a key=value pair", offending=field)
        elif key not in _KEYS:
            raise DockerfileError(
                f"unexpected key '{key}' in '{field}'{suggestion(key, _KEYS)}", offending=field
            )
        else:
            values[_NAMES.get(key, key)] = _value(key, value)
    mount = Mount(**values)  # type: ignore[arg-type]
    return _checked(mount)


def _switch(key: str, value: str, equals: str) -> bool:
    if not equals or value in ("true", "1"):
        return True
    if value in ("false", "0"):
        return False
    raise DockerfileError(f"invalid value for {key}: {value}", offending=value)


def _value(key: str, value: str) -> object:
    if key == "type":
        if value.lower() not in TYPES:
            raise DockerfileError(
                f'unsupported mount type "{value}"{suggestion(value, TYPES)}', offending=value
            )
        return value.lower()
    if key == "sharing":
        if value.lower() not in SHARING:
            raise DockerfileError(
                f'unsupported sharing value "{value}"{suggestion(value, SHARING)}', offending=value
            )
        return value.lower()
    if key == "size":
        return _size(value)
    if key in ("uid", "gid"):
        return _number(key, value, int)
    if key == "mode":
        return _number(key, value, lambda text: int(text, 8))
    return value


def _number(key: str, value: str, convert: Callable[[str], int]) -> int:
    try:
        found = convert(value)
    except ValueError:
        found = -1
    if not 0 <= found <= 0xFFFFFFFE or not value.isascii():
        raise DockerfileError(f"invalid value {value} for {key}", offending=value)
    return found


def _size(text: str) -> int:
    digits = text.rstrip("bBkKmMgGtTiI")
    unit = text[len(digits) :].lower().removesuffix("b").removesuffix("i") or "b"
    if not digits.isascii() or not digits.isdecimal() or unit not in _UNITS or len(digits) > 18:
        raise DockerfileError(f"invalid value for size: {text}", offending=text)
    return int(digits) * _UNITS[unit]


def _checked(mount: Mount) -> Mount:
    kind = mount.type
    if kind not in ("secret", "ssh") and mount.required:
        raise DockerfileError(f"unexpected key 'required' for mount type \"{kind}\"")
    if kind not in ("secret",) and mount.variable:
        raise DockerfileError(f"unexpected key 'env' for mount type \"{kind}\"")
    if kind != "cache" and mount.sharing:
        raise DockerfileError(f"unexpected key 'sharing' for mount type \"{kind}\"")
    if kind != "tmpfs" and mount.size:
        raise DockerfileError(f"unexpected key 'size' for mount type \"{kind}\"")
    if kind not in ("bind", "cache") and mount.origin:
        raise DockerfileError(f"unexpected key 'from' for mount type \"{kind}\"")
    if kind in ("bind", "cache", "tmpfs") and not mount.target:
        raise DockerfileError(
            "invalid mount config: target is required" if kind != "cache" else "target is required"
        )
    if kind == "tmpfs" and mount.writable is False:
        raise DockerfileError("invalid mount options: tmpfs mount cannot be readonly")
    return mount
