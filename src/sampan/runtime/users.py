"""Docker's `User` strings, looked up in the container's own /etc/passwd and /etc/group.

The rules are those of moby/sys/user (GetExecUser), with one stricter: what is a number is never looked up
as a name (CVE-2024-40635, CVE-2026-46680), nor what only looks like one (other scripts' digits, "1_0").
"""

import os
import stat
from collections.abc import Sequence
from typing import NamedTuple

from sampan.runtime.failure import OciError, invalid
from sampan.runtime.paths import open_path

_LARGEST = 2**31 - 1
_FILE_LIMIT = 1024 * 1024  # bytes of /etc/passwd or /etc/group that we read


class User(NamedTuple):
    uid: int
    gid: int
    groups: tuple[int, ...]  # supplementary; with the primary one (CVE-2022-36109)
    home: str


class _Account(NamedTuple):
    name: str
    uid: int
    gid: int
    home: str


class _Group(NamedTuple):
    name: str
    gid: int
    members: list[str]


def look_up(text: str, passwd: str, group: str) -> User:
    """`text`: "", "name", "uid", "name:group", "uid:gid", ":gid" … Raises OciError in Docker's words."""
    user_part, _, group_part = text.partition(":")
    account, uid = _account(user_part, _accounts(passwd))
    gid = account.gid if account else 0
    groups: list[int] = []
    if group_part:
        gid = _group(group_part, _groups(group))
    elif account:
        groups = [entry.gid for entry in _groups(group) if account.name in entry.members]
    return User(uid, gid, tuple(dict.fromkeys([gid, *groups])), (account.home if account else "") or "/")


def look_up_groups(names: Sequence[str], group: str) -> list[int]:
    """For `--group-add`: names and numbers. Raises OciError in Docker's words."""
    known = _groups(group)
    try:
        return [_group(name, known) for name in names]
    except OciError as error:
        raise invalid(str(error).replace("unable", "Unable", 1)) from None


def number(text: str) -> int | None:
    """As Go's strconv.Atoi, in Docker's range; None for a name. Raises OciError beyond the range."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    if digits.isascii() and digits.isdigit():
        # More than 10 digits are out of range, whatever they are (and int() has its own limit of digits).
        value = int(digits) if len(digits.lstrip("0")) <= 10 else _LARGEST + 1
        if (text[0] == "-" and value) or value > _LARGEST:
            raise invalid(f"uids and gids must be in range 0-{_LARGEST}")
        return value
    if any(character.isdigit() or character.isnumeric() for character in digits) and not digits.isascii():
        raise invalid(f"unable to find user {text}: invalid number")
    return None


def read(root: int, path: str) -> str:
    """The file as text, "" if it is none: not there, no regular file, too big, nothing to be had of it (a
    link to /proc/self/mem). Never blocks."""
    try:
        fd = open_path(root, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return ""
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _FILE_LIMIT:
            return ""
        return os.read(fd, _FILE_LIMIT).decode("utf-8", "surrogateescape")
    except OSError:
        return ""
    finally:
        os.close(fd)


def _account(text: str, accounts: list[_Account]) -> tuple[_Account | None, int]:
    uid = number(text) if text else 0
    for account in accounts:
        if account.uid == uid if uid is not None else account.name == text:
            return account, account.uid
    if uid is None:
        raise _unknown("user", text, "passwd")
    return None, uid


def _group(text: str, groups: list[_Group]) -> int:
    gid = number(text)
    if gid is not None:
        return gid
    for group in groups:
        if group.name == text:
            return group.gid
    raise _unknown("group", text, "group")


def _unknown(kind: str, text: str, file: str) -> OciError:
    return invalid(f"unable to find {kind} {text}: no matching entries in {file} file")


def _accounts(passwd: str) -> list[_Account]:
    found = []
    for line in passwd.split("\n"):
        fields = line.strip().split(":")
        if len(fields) >= 4 and (uid := _id(fields[2])) is not None and (gid := _id(fields[3])) is not None:
            found.append(_Account(fields[0], uid, gid, fields[5] if len(fields) > 5 else ""))
    return found


def _groups(group: str) -> list[_Group]:
    found = []
    for line in group.split("\n"):
        fields = line.strip().split(":")
        if len(fields) >= 3 and (gid := _id(fields[2])) is not None:
            found.append(_Group(fields[0], gid, fields[3].split(",") if len(fields) > 3 else []))
    return found


def _id(text: str) -> int | None:
    if text.isascii() and text.isdigit() and len(text) <= 10 and (value := int(text)) <= _LARGEST:
        return value
    return None
