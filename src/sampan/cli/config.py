"""Docker's own client configuration: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`.

What the keys mean is said by who uses them; here are the reading, the writing, and the keys that several
commands look at.
"""

from __future__ import annotations

import posix

from sampan.cli import console
from sampan.wire import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

FILE = "config.json"
_PROXIES = (
    ("httpProxy", "HTTP_PROXY"),
    ("httpsProxy", "HTTPS_PROXY"),
    ("noProxy", "NO_PROXY"),
    ("ftpProxy", "FTP_PROXY"),
    ("allProxy", "ALL_PROXY"),
)


def directory(flag: str = "") -> str:
    """Where it is kept."""
    if flag or (flag := console.environment("DOCKER_CONFIG")):
        return flag
    return (console.environment("HOME") or _home()) + "/.docker"


def read(flag: str = "") -> dict[str, Any]:
    """The configuration; {} without one, or without the right to read it. A broken one is told and ignored,
    as Docker does.
    """
    path = f"{directory(flag)}/{FILE}"
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError:
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        console.error(f"WARNING: Error loading config file: {path}: {error}")
        return {}
    return value if isinstance(value, dict) else {}


def write(flag: str, config: dict[str, Any]) -> None:
    """Replace the file, whole or not at all. A link is followed, mode and owner stay: both as Docker does it;
    keys that neither of us knows stay, too.
    """
    from sampan.cli import pretty

    path = f"{directory(flag)}/{FILE}"
    _make_directory(directory(flag))
    try:
        path = posix.readlink(path) if _is_link(path) else path
        if not path.startswith("/"):
            path = f"{directory(flag)}/{path}"
        old: posix.stat_result | None = posix.stat(path)
    except FileNotFoundError:
        old = None
    text = pretty.dumps({"auths": {}, **config}, "\t").encode("utf-8", "surrogateescape")
    temporary = f"{path}.{posix.getpid()}"
    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC
    descriptor = posix.open(temporary, flags, 0o600)
    try:
        console.write(descriptor, text)
        if old is not None:
            _keep_owner(descriptor, old)
        posix.fsync(descriptor)
        posix.rename(temporary, path)
    except BaseException:
        posix.unlink(temporary)
        raise
    finally:
        posix.close(descriptor)


def credential_helper(config: dict[str, Any], server: str) -> str:
    """The suffix of the `docker-credential-…` program that knows about `server`; "": none, `auths` does."""
    return str((config.get("credHelpers") or {}).get(server) or config.get("credsStore") or "")


def headers(config: dict[str, Any]) -> Sequence[tuple[str, str]]:
    """HttpHeaders: sent with every request. What the client says of itself is not theirs to change."""
    given = config.get("HttpHeaders")
    if not given:
        return ()
    return [(name, str(value)) for name, value in given.items() if name.title() not in ("User-Agent", "Host")]


def proxies(config: dict[str, Any], host: str, given: Sequence[str]) -> list[str]:
    """The variables that `proxies` adds for the daemon at `host`, each in both spellings, but for those that
    `given` (NAME=value, or NAME) has already.
    """
    tables = config.get("proxies") or {}
    table = tables.get(host) or tables.get("default") or {}
    names = {text.partition("=")[0] for text in given}
    pairs = [(name, table[key]) for key, name in _PROXIES if table.get(key)]
    spelled = [(spelling, value) for name, value in pairs for spelling in (name, name.lower())]
    return [f"{name}={value}" for name, value in spelled if name not in names]


def _is_link(path: str) -> bool:
    return posix.lstat(path).st_mode & 0o170000 == 0o120000


def _keep_owner(descriptor: int, old: posix.stat_result) -> None:
    posix.fchmod(descriptor, old.st_mode & 0o777)
    if (old.st_uid, old.st_gid) != (posix.geteuid(), posix.getegid()):
        from contextlib import suppress

        with suppress(PermissionError):
            posix.fchown(descriptor, old.st_uid, old.st_gid)


def _make_directory(path: str) -> None:
    import os

    os.makedirs(path, 0o700, exist_ok=True)


def _home() -> str:
    import pwd

    try:
        return pwd.getpwuid(posix.getuid()).pw_dir
    except KeyError:
        return ""
