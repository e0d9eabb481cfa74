"""What daemon, launcher and monitor say to each other: one JSON object per SOCK_SEQPACKET message.

Files travel beside a message with SCM_RIGHTS. Pure: no I/O here, so that both ends and the tests share it.

```
 daemon                launcher              monitor              starter
   │ launch + files       │  (forked ahead, both wait for a launch)  │
   ├─────────────────────►├─ all of it ────────►│                    │
   │                      ├─ message, control ──┼───────────────────►│ clone pid 1, set up, execve
   │                      │                     │◄─ made, pidfd, … ──┤
   │◄──────────────────── control: Started ─────┼────────────────────┤ ends: pid 1 is the monitor's child
   │ kill, stop, exec, attach, resize, hello ──►│
   │◄── reply (same sequence number) ───────────┤
   │◄── exited, exec-exited, detached … ────────┤ writes exit.json, then ends
```

A monitor also listens on RUN_DIR/monitor.sock: a daemon that was restarted connects there, says
`Hello`, gets `State`, and goes on as if it had launched the container itself. Any number of
connections may be open; each gets every event. `runtime.channel` does the I/O.

**Sequence numbers.** A request carries one that its sender has not used before on that connection;
the answer (`Reply`, `State`, `ExecStarted` or `ExecFailed`) repeats it. Events carry 0.

**No byte is lost at the start.** Clients that attached to a container that is only created travel with
its `Launch` (`attaches`, and their sockets after the listeners), so they are in place before execve.

**Who closes what.** The kernel duplicates every file that is sent. The sender keeps its own
copy and closes it when the message is on its way; the monitor closes its copy when the session ends,
after shutdown(SHUT_WR), so that the client sees the end even while a copy is forgotten somewhere.

**Order at the end.** pid 1 is reaped; what is left in the cgroup is killed; pipes and pty are drained into
the log; listeners and relay are gone; `exit.json` is in place (and synced); `Exited` goes to every
connection; attached clients are drained (bounded); the monitor ends, and with it every connection.
A connection that ends without `Exited`: look at `exit.json`, then (only if the run directory's lock is
free) the monitor was killed: `runtime.remains`.

**The run directory's lock.** A monitor holds flock(LOCK_EX) on its run directory from its first
moment to its last: whoever gets that lock knows that no monitor lives there.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple, get_args, get_origin

MESSAGE_LIMIT = 64 * 1024  # bytes; a longer one travels in a memfd (runtime.channel)
MONITOR_SOCKET = "monitor.sock"  # in the run directory; 0600
STATE_FILE = "state.json"  # in the run directory: Started as JSON, written before `started` is sent
EXIT_FILE = "exit.json"  # in the state directory: Exited as JSON; temp + fsync + rename, before `exited`


class Rootfs(NamedTuple):
    """An overlay that the container's own mount namespace mounts; nothing is mounted on the host."""

    lowerdirs: list[str]  # top first, absolute
    upperdir: str
    workdir: str
    masked: Sequence[str] = ()  # paths inside the root that get an empty read-only tmpfs (image `host`)
    disk: str = ""  # a file with the file system that upper and work directory are in; "": none
    disk_place: str = ""  # where it is mounted for that, in the container's mount namespace alone


class Interface(NamedTuple):
    """One veth pair: the host end joins a bridge, the other end becomes `name` inside. Or, of `kind` macvlan
    or ipvlan, one that hangs on an interface of the machine, called `host_name` until it has `name`."""

    bridge: str  # or what it hangs on
    host_name: str
    name: str
    mac: str  # "": any
    addresses: list[str]  # "172.17.0.2/16"
    mtu: int  # 0: as what it hangs on
    isolated: bool = False  # from the bridge's other ports that are
    kind: str = "veth"
    mode: str = ""
    flag: str = ""
    sysctls: Sequence[list[str]] = ()  # [path below /proc/sys, value], set before it is up


class Listener(NamedTuple):
    """A host port that the monitor holds (so that nobody else takes it) and, where the kernel's NAT
    does not serve it, relays in a child that it forks at the first connection."""

    descriptor: int  # index into the files sent along
    protocol: str  # "tcp" | "udp" | "sctp"
    target_address: str
    target_port: int
    relay: bool  # False: hold only


class Port(NamedTuple):
    """A host port as the monitor holds it."""

    protocol: str
    address: str
    number: int


class Forward(NamedTuple):
    """Where the output is sent, besides its file. `fields`: of journald's messages; of TLS for syslog."""

    transport: str  # "unix" | "unixgram" | "udp" | "tcp" | "tcp+tls"
    address: str  # a path, or host:port
    form: str  # "unix" | "rfc3164" | "rfc5424" | "rfc5424micro" | "journald"
    tag: str
    facility: int
    limit: int  # bytes that wait for the server
    blocking: bool  # whether the container waits when they are as many
    fields: Sequence[tuple[str, str]]


class Log(NamedTuple):
    driver: str  # "json-file" | "none": no file
    path: str
    max_size: int = -1  # bytes; -1: no rotation
    max_file: int = 1
    compress: bool = False  # the files that were rotated away
    attributes: str = ""  # a JSON object that every record gets
    forward: Forward | None = None


class Attach(NamedTuple):
    """daemon → monitor; files: [stream]. The monitor owns the stream from then on: the client's bytes
    never pass through the daemon, and its session outlives it.

    `framing`: "raw" (a terminal) or "multiplexed" (8-byte headers of the Engine API's attach).
    The stream is shut down for writing when the container's output has ended.

    A client that shuts down its writing half ends its stdin: that closes the container's stdin if the
    container was launched with stdin "once" and has no terminal; otherwise it ends this session, as
    in Docker. Detach keys count only where there is a terminal, as in Docker.
    """

    session: str
    stdin: bool
    stdout: bool
    stderr: bool
    framing: str
    detach_keys: str = "ctrl-p,ctrl-q"  # "" never detaches
    exec_id: str | None = None
    early: str = ""  # latin-1: bytes that the HTTP server has already read from the stream, after the request


class Launch(NamedTuple):
    """daemon → launcher; files: [control, *listeners, *streams of `attaches`]."""

    id: str
    bundle: str  # directory with config.json (OCI runtime-spec); also the run directory
    state_dir: str  # directory on disk: exit.json
    rootfs: Rootfs | None  # None: config.json's root.path as it is
    log: Log
    # "none": /dev/null. "open": a pipe that stays open. "once": closed when the first attached client
    # closes its half (Docker's OpenStdin and StdinOnce). With a terminal "open" and "once" are the same.
    stdin: str = "none"
    seccomp: str | None = None  # file with the compiled BPF program; None: unconfined
    interfaces: Sequence[Interface] = ()
    gateway: str | None = None  # an address; or the name of the interface that leads everywhere
    listeners: Sequence[Listener] = ()
    fsync_exit: bool = True  # False for --rm containers: nobody will ask after a power cut
    attaches: Sequence[Attach] = ()  # clients that wait for the start; `exec_id` None
    runtime: Sequence[str] = ()  # another OCI runtime's command, absolute (runtime.foreign); (): our own
    gateway6: str | None = None
    resolver: str = ""  # the socket of the process that answers at 127.0.0.11 (sampan.resolver); "": nobody


class Started(NamedTuple):
    id: str
    pid: int
    start_time: int  # field 22 of /proc/PID/stat (clock ticks): tells a recycled pid
    started_at: str  # RFC 3339, nanoseconds, Z
    monitor_pid: int
    warnings: Sequence[str] = ()  # what was asked for and could not be had, for the user


class Failed(NamedTuple):
    """The container never ran. `kind` is a class name of sampan.errors; the text is Docker's."""

    id: str
    kind: str
    message: str
    exit_code: int  # 126 not executable, 127 not found, 128 anything else


class Exited(NamedTuple):
    """`error`: "" when the monitor saw the end; otherwise why the code is only what can be known."""

    id: str
    exit_code: int  # 0-255; 128 + signal for a death by signal
    oom_killed: bool
    finished_at: str  # RFC 3339, nanoseconds, Z
    started_at: str
    error: str = ""


class Exec(NamedTuple):
    """daemon → monitor; files: [] (detached) or [stream] (then with `attach`).

    Answered by ExecStarted or ExecFailed. After ExecFailed nothing was written to the stream and the
    monitor has closed its copy: the daemon writes the error itself, as Docker does.
    """

    exec_id: str
    process: dict[str, Any]  # OCI runtime-spec `process`
    attach: Attach | None
    seccomp: str | None = None
    stdin_open: bool = False
    timeout: float = -1  # seconds; then SIGKILL for its whole process group. -1: never


class ExecStarted(NamedTuple):
    exec_id: str
    pid: int


class ExecFailed(NamedTuple):
    exec_id: str
    kind: str
    message: str
    exit_code: int


class ExecExited(NamedTuple):
    """`timed_out`: it was killed for having run longer than its `timeout`."""

    exec_id: str
    exit_code: int
    timed_out: bool = False


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


class Publish(NamedTuple):
    """daemon → monitor; files: as `listeners` number them from 0. The host ports that it holds from now on:
    `kept` of those that it has, and `listeners`. All others are free when it answers; connections that came
    through them stay."""

    kept: Sequence[Port]
    listeners: Sequence[Listener]


class ClearLog(NamedTuple):
    """Forget what was written so far, in every file."""


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
    ports: Sequence[Port] = ()  # that are held


class Reply(NamedTuple):
    """Answer to Kill, Stop, Resize and Attach requests: done, or an errno with its text.

    ESRCH: that process has ended; ENOENT: no such exec; EINVAL: not to be done to this process.
    """

    errno: int = 0
    message: str = ""


class Ps(NamedTuple):
    """daemon → launcher; files: [stdout, stderr]. Run the host's ps(1) with these arguments; answered by
    `Spawned`, and its end by `Reaped`."""

    arguments: list[str]


class Format(NamedTuple):
    """daemon → launcher; files: [stdout, stderr]. As `Ps`, of mkfs.ext4(8)."""

    arguments: list[str]


class Resolve(NamedTuple):
    """daemon → launcher; files: [ready]. Start the resolver, which outlives us both; it writes a byte to
    `ready` when it listens. Answered by `Spawned`."""

    arguments: list[str]


class Plug(NamedTuple):
    """daemon → launcher; files: [network namespace, answer, pidfd]. In a child that enters the namespace of a
    running container: add `interfaces`, take away those called `removed`, make these the default routes, and,
    with `resolver`, hand it sockets of 127.0.0.11. The child writes a `Reply` to `answer`. Answered by
    `Spawned`."""

    container: str
    interfaces: Sequence[Interface]
    gateway: str | None
    gateway6: str | None
    resolver: str = ""
    removed: Sequence[str] = ()


class Spawned(NamedTuple):
    """`error`: why there is no such process, in the words of Go's os/exec."""

    pid: int
    error: str = ""


class Reaped(NamedTuple):
    """launcher → daemon: a process that its monitor left behind has ended. The launcher is a child
    subreaper (prctl(2)): pid 1 of a container whose monitor was killed becomes its child."""

    pid: int
    exit_code: int


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
    | Publish
    | ClearLog
    | Hello
    | State
    | Reply
    | Ps
    | Format
    | Resolve
    | Plug
    | Spawned
    | Reaped
)
_KINDS: dict[str, Any] = {kind.__name__: kind for kind in get_args(Message)}
_NESTED: dict[tuple[str, str], Any] = {
    ("Launch", "rootfs"): Rootfs,
    ("Launch", "log"): Log,
    ("Log", "forward"): Forward,
    ("Exec", "attach"): Attach,
    ("State", "started"): Started,
    ("State", "exited"): Exited,
}
_NESTED_LISTS: dict[tuple[str, str], Any] = {
    ("Launch", "interfaces"): Interface,
    ("Plug", "interfaces"): Interface,
    ("Launch", "listeners"): Listener,
    ("Publish", "kept"): Port,
    ("Publish", "listeners"): Listener,
    ("Launch", "attaches"): Attach,
    ("State", "execs"): ExecState,
    ("State", "ports"): Port,
}


def _accepted(annotation: Any) -> Any:
    """What isinstance takes, for a field's type."""
    origin = get_origin(annotation)
    if origin in (list, Sequence):
        return list
    if origin is dict:
        return dict
    return (int, float) if annotation is float else annotation


_ACCEPTED: dict[str, tuple[Any, ...]] = {
    kind.__name__: tuple(_accepted(kind.__annotations__[field]) for field in kind._fields)
    for kind in (*_KINDS.values(), *_NESTED.values(), *_NESTED_LISTS.values())
}


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")


_json = json.JSONDecoder(parse_constant=_no_number)


def encode(message: Message, sequence: int = 0) -> bytes:
    """One message as bytes. `sequence` ties a Reply to its request; 0 for events."""
    return json.dumps([type(message).__name__, sequence, message], separators=(",", ":")).encode()


def document(message: Message) -> bytes:
    """A message as a JSON object, for state.json and exit.json (people and other programs read them)."""
    return json.dumps(message._asdict(), indent=1).encode() + b"\n"


def from_document(kind: type[Any], data: bytes) -> Any:
    """What `document` wrote, of a kind without nested ones. Fields that this version does not know are
    ignored, so that a newer monitor's file can be read. Raises ValueError."""
    try:
        fields = json.loads(data)
        return kind(**{name: fields[name] for name in kind._fields if name in fields})
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"not a {kind.__name__}: {data[:80]!r}") from error


def decode(data: bytes) -> tuple[Any, int]:
    """(message, sequence). Raises ValueError for anything that `encode` did not write."""
    try:
        name, sequence, fields = _json.decode(data.decode())
        return _make(_KINDS[name], _list(fields)), _whole(sequence)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"not a message of this protocol: {data[:80]!r}") from error


def _make(kind: Any, fields: list[Any]) -> Any:
    """NamedTuples travel as JSON arrays; give nested ones their type back. Raises TypeError."""
    name = kind.__name__
    values = [_restore(name, field, value) for field, value in zip(kind._fields, fields, strict=False)]
    if len(fields) > len(values):
        raise TypeError
    for value, accepted in zip(values, _ACCEPTED[name], strict=False):
        if not isinstance(value, accepted):
            raise TypeError
    return kind(*values)


def _restore(name: str, field: str, value: Any) -> Any:
    if value is None:
        return None
    if (nested := _NESTED.get((name, field))) is not None:
        return _make(nested, _list(value))
    if (nested := _NESTED_LISTS.get((name, field))) is not None:
        return [_make(nested, _list(item)) for item in _list(value)]
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError
    return value


def _list(value: Any) -> list[Any]:
    if type(value) is not list:
        raise TypeError
    return value
