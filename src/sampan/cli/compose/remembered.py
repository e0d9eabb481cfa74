"""What an `up -d` that found nothing to do was told, for the next one: if the same words in the same
environment meet the same files and the same containers, networks, volumes and images, the answer is the same.
Reading and planning a project takes longer than all the rest.

One file for each directory and command line, in the user's cache directory. It says nothing that is secret,
it is believed only when nobody else can have written it, and whatever is odd about it leads to the long way.
"""

from __future__ import annotations

import posix
import sys

from sampan.cli.console import environment
from sampan.wire import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from sampan.cli.session import Session
    from sampan.compose.model import Project
    from sampan.compose.observe import Observed

    Told = list[tuple[str, str, str]]

_LIMIT = 1 << 20  # bytes of a record
_MANY = 256  # records, before they are thrown away
_VARIABLES = ("COMPOSE_", "DOCKER_", "SAMPAN_", "BUILD", "HOME", "XDG_")  # what ours begin with
_TICK = 20_000_000  # nanoseconds: a file that changed so shortly ago may change again without a trace


def told(session: Session) -> Told | None:
    """What to report again, (kind, name, state) each; None: look at everything."""
    record = _read(session)
    if record is None:
        return None
    try:
        if record["environment"] != _environment(record["words"]):
            return None
        if any(_stamp(path) != stamp for path, stamp in record["places"].items()):
            return None
        if record["seen"] != _seen(session, record):
            return None
        return [(str(kind), str(name), str(state)) for kind, name, state in record["told"]]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def remember(session: Session, project: Project, observed: Observed, told: Told, began: int) -> None:
    """`observed`: what led to there being nothing to do but `told`; `began`: when the command did,
    nanoseconds since 1970."""
    from sampan.compose import looked

    directory = _directory()
    places = {*looked.places(), f"{session.config_directory}/config.json"}
    stamps = {path: _stamp(path) for path in sorted(places)}
    young = any(stamp is not None and max(stamp[3:]) > began - _TICK for stamp in stamps.values())
    words = _words(looked.texts(), tuple(project.files))
    if not directory or young or "-" in places:
        return
    containers = [container.raw for container in observed.containers]
    networks, volumes = _loose(project, containers)
    seen = [
        _containers(containers),
        {name: observed.networks.get(name) for name in networks},
        {name: observed.volumes.get(name) for name in volumes},
        observed.images,
    ]
    names = {"project": project.name, "networks": networks, "volumes": volumes}
    variables = {"words": words, "environment": _environment(words)}
    record = {"key": _key(session), "places": stamps, "seen": seen, "told": told, **names, **variables}
    _write(directory, _file(session), json.dumps(record).encode("utf-8", "surrogateescape"))


def _loose(project: Project, containers: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Networks and volumes that could go, or be others, while all containers stay as they are."""
    networks = {network.name for network in project.networks.values()}
    volumes = {volume.name for volume in project.volumes.values()}
    for item in containers:
        volumes.difference_update(_volumes(item))
        if item.get("State") == "running":
            networks.difference_update(name for name, identity in _networks(item).items() if identity)
    return sorted(networks), sorted(volumes)


def _networks(item: dict[str, Any]) -> dict[str, str]:
    found = (item.get("NetworkSettings") or {}).get("Networks") or {}
    return {name: endpoint.get("NetworkID") or "" for name, endpoint in found.items()}


def _volumes(item: dict[str, Any]) -> list[str]:
    mounts = item.get("Mounts") or ()
    return sorted(str(mount.get("Name")) for mount in mounts if mount.get("Type") == "volume")


def _seen(session: Session, record: dict[str, Any]) -> list[Any] | None:
    """As it is now, in the form of `remember`; None: an image is gone, or is another one."""
    from sampan.client.container.ps import ps

    client, names = session.client, record["seen"][3]
    containers = ps(client, all=True, wanted={"label": [f"com.docker.compose.project={record['project']}"]})
    networks: dict[str, Any] = {}
    volumes: dict[str, Any] = {}
    if record["networks"]:
        from sampan.client.network import ls as network_request

        networks = {one["Name"]: one.get("Labels") or {} for one in network_request.ls(client)}
    if record["volumes"]:
        from sampan.client.volume import ls as volume_request

        stored = volume_request.ls(client).get("Volumes") or []
        volumes = {one["Name"]: one.get("Labels") or {} for one in stored}
    # A daemon lists a container by its image's name only as long as the name means that image.
    images = {one["Image"]: one["ImageID"] for one in containers if one["Image"] in names}
    if set(images) != set(names):
        return None
    return [
        _containers(containers),
        {name: networks.get(name) for name in record["networks"]},
        {name: volumes.get(name) for name in record["volumes"]},
        images,
    ]


def _containers(found: Iterable[dict[str, Any]]) -> list[list[Any]]:
    """All that a plan can depend on; not for how long they have been running."""
    keys = ("Id", "Names", "State", "Image", "ImageID", "Labels")
    return sorted([*(item.get(key) for key in keys), _networks(item), _volumes(item)] for item in found)


def _stamp(path: str) -> list[int] | None:
    """None: there is none."""
    try:
        found = posix.stat(path)
    except OSError:
        return None
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _key(session: Session) -> str:
    """Of the code, the command line and the daemon."""
    package = __file__.rsplit("/", 3)[0]
    code = [posix.stat(f"{package}/{part}").st_mtime_ns for part in ("compose", "cli/compose")]
    return _digest([package, code, *_where(session)])


def _words(texts: dict[str, str], compose: tuple[str, ...]) -> list[str]:
    """All that may be the name of a variable that counts. In a compose file that is any word; elsewhere,
    where values are, what stands at the beginning of a line or behind a $."""
    import re

    found: set[str] = set()
    for path, text in texts.items():
        found.update(re.findall(r"\$\{?(\w+)", text))
        every = path in compose or path.endswith((".yml", ".yaml"))
        names = r"[A-Za-z_][\w.-]*" if every else r"(?m)^[\s-]*(?:export\s+)?([A-Za-z_][\w.-]*)"
        for word in re.findall(names, text):
            found.update((word, *word.replace("-", ".").split(".")))
    return sorted(found)


def _environment(words: list[str]) -> str:
    """A digest: values may be secrets."""
    found = {_text(name): _text(value) for name, value in posix.environ.items()}
    own = sorted(item for item in found.items() if item[0].startswith(_VARIABLES))
    return _digest([[found.get(word) for word in words], own])


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _digest(parts: list[Any]) -> str:
    from _blake2 import blake2b

    return str(blake2b(json.dumps(parts).encode("utf-8", "surrogateescape"), digest_size=32).hexdigest())


def _where(session: Session) -> list[Any]:
    return [session.context, session.default_host, posix.getcwd(), sys.argv[1:], posix.isatty(2)]


def _file(session: Session) -> str:
    return _digest(_where(session))[:32] + ".json"


def _directory() -> str:
    """ "": there is nowhere to keep anything."""
    base, home = environment("XDG_CACHE_HOME"), environment("HOME")
    if not base.startswith("/"):
        base = home + "/.cache" if home.startswith("/") else ""
    return base and base + "/sampan/compose"


def _read(session: Session) -> dict[str, Any] | None:
    directory = _directory()
    try:
        fd = posix.open(
            f"{directory}/{_file(session)}",
            posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_CLOEXEC | posix.O_NONBLOCK,
        )
    except OSError:
        return None
    try:
        found = posix.fstat(fd)
        if found.st_uid != posix.geteuid() or found.st_mode & 0o177077 != 0o100000 or found.st_size > _LIMIT:
            return None
        data = posix.read(fd, _LIMIT)
        record = json.loads(data)
        return record if isinstance(record, dict) and record.get("key") == _key(session) else None
    except (OSError, ValueError):
        return None
    finally:
        posix.close(fd)


def _write(directory: str, name: str, data: bytes) -> None:
    """A cache: that it cannot be written is nobody's concern."""
    import os

    temporary = f"{directory}/.{os.getpid()}"
    try:
        base = os.path.dirname(os.path.dirname(directory))
        os.makedirs(base, 0o700, exist_ok=True)
        if os.stat(base).st_uid != os.geteuid():
            return  # sudo with another one's HOME
        os.makedirs(directory, 0o700, exist_ok=True)
        kept = os.listdir(directory)
        for old in kept if len(kept) > _MANY else ():
            os.unlink(f"{directory}/{old}")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(data)
        os.rename(temporary, f"{directory}/{name}")
    except OSError:
        return
