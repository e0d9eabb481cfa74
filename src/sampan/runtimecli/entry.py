"""What is known of a container: a directory below the root, locked by whoever changes it.

```
ROOT/ID/              0700; flock(2) on it
       config.json    the bundle's, as it was at create
       state.json     `Record`; not there: create was killed before it ended
       start.sock     the container's gate; gone when `start` has begun
```

Whether it runs is never written down: the kernel is asked.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_SEQPACKET, socket
from collections.abc import Iterator
from typing import Any, NamedTuple

from sampan.errors import Conflict, InvalidArgument, NotFound
from sampan.linux.task import start_time
from sampan.oci.runtime import VERSION
from sampan.runtime import cgroup, cgroup_layout, container, freezer
from sampan.runtime.cgroup import Cgroup

DEFAULT_ROOT = "/run/sampan-runtime"
CONFIG, STATE, GATE = "config.json", "state.json", "start.sock"
_ID = re.compile(r"[A-Za-z0-9_+.-]+")


class Record(NamedTuple):
    pid: int
    start_time: int  # clock ticks after boot: tells a recycled pid
    bundle: str
    created: str  # RFC 3339


class Entry:
    """One container's directory, open and owned: use `with`."""

    def __init__(self, root: str, identifier: str) -> None:
        """Raises NotFound in runc's words."""
        check(identifier)
        self.id = identifier
        self.path = f"{os.path.abspath(root)}/{identifier}"
        try:
            self.fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFound("container does not exist") from None

    def __enter__(self) -> "Entry":
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self.fd)

    def lock(self) -> "Entry":
        """Waits for another command that works on it."""
        fcntl.flock(self.fd, fcntl.LOCK_EX)
        if os.fstat(self.fd).st_nlink == 0:
            raise NotFound("container does not exist")
        return self

    # -- what is on record -------------------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        return container.load(f"{self.path}/{CONFIG}")

    def record(self) -> Record | None:
        try:
            with open(f"{self.path}/{STATE}", "rb") as file:
                fields = json.load(file)
        except FileNotFoundError:
            return None
        return Record(*(fields[name] for name in Record._fields))

    def write(self, name: str, document: Any) -> None:
        """All at once. The root is a tmpfs: nothing to sync."""
        with open(f"{self.path}/{name}.new", "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
        os.rename(f"{self.path}/{name}.new", f"{self.path}/{name}")

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    # -- what the kernel says ----------------------------------------------------------------------

    def status(self, record: Record | None) -> str:
        if record is None:
            return "creating"
        if not alive(record):
            return "stopped"
        if os.path.exists(f"{self.path}/{GATE}"):
            return "created"
        return "paused" if freezer.frozen(self.cgroup()) else "running"

    def cgroup(self) -> Cgroup:
        return cgroup.find(cgroup_layout.detect(), container.cgroups_path(self.id, self.config()))

    # -- the gate ----------------------------------------------------------------------------------

    def gate(self) -> socket:
        """The socket at which the container waits for its start."""
        listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)
        listener.bind(self._gate())
        listener.listen(1)
        return listener

    def knock(self) -> socket:
        """Raises OSError when nobody waits there."""
        connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)
        try:
            connection.connect(self._gate())
        except BaseException:
            connection.close()
            raise
        return connection

    def close_gate(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(GATE, dir_fd=self.fd)

    def _gate(self) -> str:
        return f"/proc/self/fd/{self.fd}/{GATE}"  # sun_path has 108 bytes (unix(7))


def create(root: str, identifier: str) -> Entry:
    """Raises Conflict in runc's words."""
    check(identifier)
    os.makedirs(root, mode=0o711, exist_ok=True)
    try:
        os.mkdir(f"{root}/{identifier}", 0o700)
    except FileExistsError:
        raise Conflict("container with given ID already exists") from None
    return Entry(root, identifier)


def every(root: str) -> Iterator[Entry]:
    """Those that are there, by name."""
    with contextlib.suppress(FileNotFoundError):
        for name in sorted(os.listdir(root)):
            if os.path.isdir(f"{root}/{name}"):
                with contextlib.suppress(NotFound, InvalidArgument), Entry(root, name) as entry:
                    yield entry


def check(identifier: str) -> None:
    if not _ID.fullmatch(identifier) or identifier in (".", "..") or len(identifier) > 1024:
        raise InvalidArgument("invalid container ID format")


def running(entry: Entry) -> Record:
    """Its record, if it has been created and has not ended."""
    record = entry.record()
    if record is None or not alive(record):
        raise Conflict("container not running")
    return record


def alive(record: Record) -> bool:
    """A zombie has ended; a pid of another start time is somebody else's."""
    try:
        if start_time(record.pid) != record.start_time:
            return False
        with open(f"/proc/{record.pid}/stat", "rb") as file:
            stat = file.read(4096)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat[stat.rindex(b")") + 2 :][:1] not in (b"Z", b"X")


def describe(entry: Entry) -> dict[str, Any]:
    """The state of the runtime-spec (runtime.md, "State"), with what runc adds."""
    record, spec = entry.record(), entry.config()
    status = entry.status(record)
    bundle = record.bundle if record else ""
    root = (spec.get("root") or {}).get("path") or "rootfs"
    found = {
        "ociVersion": spec.get("ociVersion") or VERSION,
        "id": entry.id,
        "pid": record.pid if record and status != "stopped" else 0,
        "status": status,
        "bundle": bundle,
        "rootfs": os.path.join(bundle, root),
        "created": record.created if record else "",
        "owner": "",
    }
    return found | ({"annotations": spec["annotations"]} if spec.get("annotations") else {})
