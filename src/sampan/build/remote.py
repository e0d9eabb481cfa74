"""Sources that are neither here nor a path: URLs and git repositories (ADD, and the context itself).

A git address becomes arguments of a program, so everything about it is checked here (CVE-2019-13139: a ref
that begins with `-` was an option of git).
"""

import re
from urllib.parse import urlsplit

from sampan.build.graph import Git, Http
from sampan.build.source import DockerfileError
from sampan.errors import InvalidArgument

_SSH = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*@[a-zA-Z0-9][a-zA-Z0-9.-]*:[^\s:][^\s]*")
_REF = re.compile(r"[a-zA-Z0-9_./@^{}~+-]{1,250}")
_SCHEMES = ("http", "https", "git", "ssh")


def parse(text: str, *, keep_git: bool = False, checksum: str = "") -> Http | Git | None:
    """None: `text` is a path. Raises DockerfileError."""
    try:
        if is_git(text):
            return git(text, keep_git=keep_git, checksum=checksum)
    except InvalidArgument as error:
        raise DockerfileError(str(error), offending=text) from None
    if text.startswith(("http://", "https://")):
        return Http(text, checksum)
    return None


def is_git(text: str) -> bool:
    address = text.partition("#")[0].partition("?")[0]
    if text.startswith(("git://", "ssh://", "git@")) or _SSH.fullmatch(address):
        return True
    if text.startswith("github.com/"):
        return True
    return text.startswith(("http://", "https://")) and address.endswith(".git")


def git(text: str, *, keep_git: bool = False, checksum: str = "") -> Git:
    """`address[#ref[:directory]]`. Raises InvalidArgument."""
    address, _, fragment = text.partition("#")
    ref, _, directory = fragment.partition(":")
    if address.startswith("github.com/"):
        address = "https://" + address
    if not _SSH.fullmatch(address):
        _check_url(address)
    if ref and (ref.startswith("-") or ".." in ref or not _REF.fullmatch(ref)):
        raise InvalidArgument(f"invalid git ref: {ref!r}")
    parts = directory.split("/")
    if ".." in parts or "\0" in directory or directory.startswith("-"):
        raise InvalidArgument(f"invalid git subdirectory: {directory!r}")
    return Git(address, ref, directory.strip("/"), keep_git, checksum)


def _check_url(address: str) -> None:
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        port = parts.port
    except ValueError as error:
        raise InvalidArgument(f"invalid git address {address!r}: {error}") from None
    if parts.scheme not in _SCHEMES or not host or host.startswith("-") or port == 0:
        raise InvalidArgument(f"invalid git address {address!r}")
    if any(c.isspace() or ord(c) < 32 for c in address) or (parts.username or "").startswith("-"):
        raise InvalidArgument(f"invalid git address {address!r}")
