"""`--chown` and `--chmod`: names are looked up in the image's own files, modes computed as chmod(1) does."""

import re
import stat
from typing import NamedTuple

from sampan.build.views import View, read_file
from sampan.errors import InvalidArgument

_LIMIT = 1 << 20  # bytes of /etc/passwd that are read (CVE-2024-9676)
_BITS = {"r": 4, "w": 2, "x": 1}
_SHIFT = {"u": 6, "g": 3, "o": 0}
_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)")
_ACTION = re.compile(r"([-+=])([rwxXstugo]*)")
_LARGEST = (1 << 32) - 2


class Owner(NamedTuple):
    uid: int
    gid: int


def owner(view: View, text: str) -> Owner | None:
    """`user[:group]`; a group that is not given is the user's own, for a number the same number."""
    if not text:
        return None
    user, colon, group = text.partition(":")
    uid, own = _user(view, user) if user else (0, 0)
    if not colon or not group:
        return Owner(uid, own)
    return Owner(uid, _group(view, group))


def _user(view: View, name: str) -> tuple[int, int]:
    if name.isascii() and name.isdecimal():
        return _number(name), _number(name)
    for fields in _rows(view, "etc/passwd", 4):
        if fields[0] == name and fields[2].isdecimal() and fields[3].isdecimal():
            return _number(fields[2]), _number(fields[3])
    raise InvalidArgument(
        "unable to convert uid/gid chown string to host mapping: can't find uid for user"
        f" {name}: no such user: {name}"
    )


def _group(view: View, name: str) -> int:
    if name.isascii() and name.isdecimal():
        return _number(name)
    for fields in _rows(view, "etc/group", 3):
        if fields[0] == name and fields[2].isdecimal():
            return _number(fields[2])
    raise InvalidArgument(
        "unable to convert uid/gid chown string to host mapping: can't find gid for group"
        f" {name}: no such group: {name}"
    )


def _number(text: str) -> int:
    value = int(text[:12])
    if value > _LARGEST:
        raise InvalidArgument(f"uids and gids must be in range 0-{_LARGEST}")
    return value


def _rows(view: View, path: str, fields: int) -> list[list[str]]:
    data = read_file(view, path, _LIMIT) or b""
    rows = (row.split(":") for row in data.decode("utf-8", "replace").splitlines())
    return [row for row in rows if len(row) >= fields]


def mode(text: str, old: int) -> int:
    """The permission bits that `old` (all of st_mode) becomes."""
    bits = stat.S_IMODE(old)
    if not text:
        return bits
    if text.isascii() and text.isdecimal():
        return int(text, 8)
    for clause in text.split(","):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            raise InvalidArgument(f"invalid chmod parameter: '{text}'")
        for sign, letters in _ACTION.findall(match[2]):
            bits = _changed(bits, match[1] or "a", sign, letters, directory=stat.S_ISDIR(old))
    return bits


def _changed(bits: int, who: str, sign: str, letters: str, *, directory: bool) -> int:
    mask = value = 0
    for place in "ugo":
        if place not in who and "a" not in who:
            continue
        shift = _SHIFT[place]
        mask |= 7 << shift
        value |= _permissions(bits, letters, directory=directory) << shift
    if "s" in letters:
        value |= (stat.S_ISUID if "u" in who or "a" in who else 0) | (
            stat.S_ISGID if "g" in who or "a" in who else 0
        )
    if "t" in letters:
        value |= stat.S_ISVTX
    if sign == "+":
        return bits | value
    return bits & ~value if sign == "-" else (bits & ~mask) | value


def _permissions(bits: int, letters: str, *, directory: bool) -> int:
    if letters in _SHIFT:
        return (bits >> _SHIFT[letters]) & 7
    found = sum(_BITS[letter] for letter in "rwx" if letter in letters)
    if "X" in letters and (directory or bits & 0o111):
        found |= 1
    return found
