"""What daemon, launcher and monitor say to each other: one JSON object per SOCK_SEQPACKET message.

Files travel beside a message with SCM_RIGHTS. Pure: no I/O here, so that both ends and the tests share it.

```
 daemon                    launcher                 monitor
   │ launch + [control, …]    │                        │
   ├─────────────────────────►│ fork ─────────────────►│ clone pid 1, set up, execve
   │◄───────────────────────── control ────────────────┤ started | failed
   │ kill, stop, exec, attach, resize, hello  ────────►│ reply (same "seq")
   │◄──────────────────────────────────────────────────┤ exited, exec-exited, detached …
   │                                                   │ writes exit.json, then ends
```

A monitor also listens on RUN_DIR/monitor.sock: a daemon that was restarted connects there, says
`hello`, gets `state`, and goes on as if it had launched the container itself. Any number of
connections may be open; each gets every event.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

MESSAGE_LIMIT = 128 * 1024  # bytes; under the default SO_SNDBUF of 212,992
MONITOR_SOCKET = "monitor.sock"  # in the run directory; 0600
STATE_FILE = "state.json"  # in the run directory: Started as JSON, written before `started` is sent
EXIT_FILE = "exit.json"  # in the state directory: Exited as JSON; temp + fsync + rename, before `exited`


class Rootfs(NamedTuple):
    """An overlay that the container's own mount namespace mounts; nothing is mounted on the host."""

    lowerdirs: list[str]  # top first, absolute
    upperdir: str
    workdir: str
    masked: Sequence[str] = ()  # paths inside the root that get an empty read-only tmpfs (image `host`)


class Interface(NamedTuple):
    """One veth pair: the host end joins a bridge, the other end becomes `name` inside."""

    bridge: str
    host_name: str
    name: str
    mac: str
    addresses: list[str]  # "172.17.0.2/16"
    mtu: int


class Listener(NamedTuple):
    """A host port that the monitor holds (so that nobody else takes it) and, where the kernel's NAT
    does not serve it, relays in a child that it forks at the first connection."""

    descriptor: int  # index into the files sent along
    protocol: str  # "tcp" | "udp" | "sctp"
    target_address: str
    target_port: int
    relay: bool  # False: hold only


class Log(NamedTuple):
    driver: str  # "json-file" | "none"
    path: str
    max_size: int = -1  # bytes; -1: no rotation
    max_file: int = 1


class Launch(NamedTuple):
    """daemon → launcher; files: [control, *listeners]."""

    id: str
    bundle: str  # directory with config.json (OCI runtime-spec); also the run directory
    state_dir: str  # directory on disk: exit.json
    rootfs: Rootfs | None  # None: config.json's root.path as it is
    log: Log
    stdin: str = (
        "none"  # "none" (/dev/null) | "open" | "once" (closed when the first attached client closes it)
    )
    seccomp: str | None = None  # file with the compiled BPF program; None: unconfined
    interfaces: Sequence[Interface] = ()
    gateway: str | None = None
    listeners: Sequence[Listener] = ()
    fsync_exit: bool = True  # False for --rm containers: nobody will ask after a power cut


class Started(NamedTuple):
    id: str
    pid: int
    start_time: int  # field 22 of /proc/PID/stat (clock ticks): tells a recycled pid
    started_at: str  # RFC 3339, nanoseconds, Z
    monitor_pid: int


class Failed(NamedTuple):
    """The container never ran. `kind` is a class name of sampan.errors; the text is Docker's."""

    id: str
    kind: str
    message: str
    exit_code: int  # 126 not executable, 127 not found, 128 anything else


class Exited(NamedTuple):
    id: str
    exit_code: int  # 0-255; 128 + signal for a death by signal
    oom_killed: bool
    finished_at: str  # RFC 3339, nanoseconds, Z
    started_at: str


class Attach(NamedTuple):
    """daemon → monitor; files: [stream]. The monitor owns the stream from then on: the client's bytes
    never pass through the daemon, and its session outlives it.

    `framing`: "raw" (a terminal) or "multiplexed" (8-byte headers of the Engine API's attach).
    The stream is shut down for writing when the container's output has ended.
    """

    session: str
    stdin: bool
    stdout: bool
    stderr: bool
    framing: str
    detach_keys: str = "ctrl-p,ctrl-q"  # "" never detaches
    exec_id: str | None = None


class Exec(NamedTuple):
    """daemon → monitor; files: [] (detached) or [stream] (then with `attach`)."""

    exec_id: str
    process: dict[str, Any]  # OCI runtime-spec `process`
    attach: Attach | None
    seccomp: str | None = None
    stdin_open: bool = False


class ExecStarted(NamedTuple):
    exec_id: str
    pid: int


class ExecFailed(NamedTuple):
    exec_id: str
    kind: str
    message: str
    exit_code: int


class ExecExited(NamedTuple):
    exec_id: str
    exit_code: int


class Detached(NamedTuple):
    """The client typed its detach keys, or went away, before the output ended."""

    session: str
    exec_id: str | None
    by_keys: bool


class Kill(NamedTuple):
    signal: int
    exec_id: str | None = None


class Stop(NamedTuple):
    """Send `signal`; after `timeout` seconds (-1: never) SIGKILL. Goes on if the daemon dies."""

    signal: int
    timeout: float


class Resize(NamedTuple):
    height: int
    width: int
    exec_id: str | None = None


class Hello(NamedTuple):
    pass


class ExecState(NamedTuple):
    exec_id: str
    pid: int
    running: bool
    exit_code: int | None


class State(NamedTuple):
    started: Started
    exited: Exited | None
    execs: list[ExecState]


class Reply(NamedTuple):
    """Answer to Kill, Stop, Resize, Attach and Exec requests: done, or an errno with its text."""

    errno: int = 0
    message: str = ""


Message = (
    Launch
    | Started
    | Failed
    | Exited
    | Attach
    | Exec
    | ExecStarted
    | ExecFailed
    | ExecExited
    | Detached
    | Kill
    | Stop
    | Resize
    | Hello
    | State
    | Reply
)
_KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        Launch,
        Started,
        Failed,
        Exited,
        Attach,
        Exec,
        ExecStarted,
        ExecFailed,
        ExecExited,
        Detached,
        Kill,
        Stop,
        Resize,
        Hello,
        State,
        Reply,
    )
}
_NESTED: dict[tuple[str, str], Any] = {
    ("Launch", "rootfs"): Rootfs,
    ("Launch", "log"): Log,
    ("Exec", "attach"): Attach,
    ("State", "started"): Started,
    ("State", "exited"): Exited,
}
_NESTED_LISTS: dict[tuple[str, str], Any] = {
    ("Launch", "interfaces"): Interface,
    ("Launch", "listeners"): Listener,
    ("State", "execs"): ExecState,
}


def encode(message: Message, sequence: int = 0) -> bytes:
    """One message as bytes. `sequence` ties a Reply to its request; 0 for events."""
    return json.dumps([type(message).__name__, sequence, message], separators=(",", ":")).encode()


def decode(data: bytes) -> tuple[Any, int]:
    """(message, sequence). Raises ValueError for anything that `encode` did not write."""
    try:
        name, sequence, fields = json.loads(data)
        kind = _KINDS[name]
        values = list(fields)
        for index, field in enumerate(kind._fields[: len(values)]):
            values[index] = _restore(name, field, values[index])
        return kind(*values), int(sequence)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a message of this protocol: {data[:80]!r}") from error


def _restore(name: str, field: str, value: Any) -> Any:
    """NamedTuples travel as JSON arrays; give nested ones their type back."""
    if value is None:
        return None
    if (nested := _NESTED.get((name, field))) is not None:
        return nested(*value)
    if (nested := _NESTED_LISTS.get((name, field))) is not None:
        return [nested(*item) for item in value]
    return value
