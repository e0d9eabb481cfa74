"""The server side, wired together: engine, API, signals. Zone: async; reads the environment."""

import asyncio
import fcntl
import logging
import os
import pwd
import resource
import signal
import socket
import ssl
import sys
from dataclasses import dataclass, field

from sampan.api import routes, sockets, system
from sampan.api.http import Server
from sampan.build.cache import SCHEMA as CACHE_SCHEMA
from sampan.build.cache import BuildCache
from sampan.engine import facts, records, runtimes, subids
from sampan.engine.adopt import adopt_all
from sampan.engine.builds.builds import Builds
from sampan.engine.containers import logdrivers
from sampan.engine.containers.check_isolation import check_cgroup_parent
from sampan.engine.containers.config import LogConfig
from sampan.engine.containers.execs import Execs
from sampan.engine.engine import Engine
from sampan.engine.events import Bus
from sampan.engine.images.images import open_images
from sampan.engine.logfollow import LogWatch
from sampan.engine.network import NetworkFloor
from sampan.engine.networks import defaults as network_defaults
from sampan.engine.networks import guarding
from sampan.engine.networks.store import Networks
from sampan.engine.registry import Registry
from sampan.engine.runner import Launcher
from sampan.engine.settings import VERSION, Settings, prepare_roots, read_config
from sampan.engine.volumes.store import Volumes
from sampan.errors import Conflict, InvalidArgument, SampanError
from sampan.registry import hosts as registries
from sampan.storage import schema as storage_schema
from sampan.storage.database import Database
from sampan.storage.store import Store
from sampan.wire.tls import Files, server_context

DEFAULT_CONFIG = "/etc/sampan/config.toml"
_LINK_VARIABLES = "DOCKER_KEEP_DEPRECATED_LEGACY_LINKS_ENV_VARS"  # dockerd 29's, whose default is ours, too
_log = logging.getLogger("sampan.daemon")


@dataclass(frozen=True)
class Security:
    """Of `tcp://`. `tls`: the certificate is `files`'; `verify`: clients need one that its CA signed;
    `anywhere`: other addresses than loopback are served although clients need none."""

    files: Files = field(default_factory=Files)
    tls: bool = False
    verify: bool = False
    anywhere: bool = False


def main(
    data_root: str, run_root: str, hosts: list[str], config: str, security: Security | None = None
) -> int:
    """Serve until SIGTERM or SIGINT; containers go on running. Returns the exit status of the process."""
    security = security or Security()
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    locks: list[int] = []
    try:
        file = read_config(config or DEFAULT_CONFIG, required=bool(config) and config != DEFAULT_CONFIG)
        if os.environ.get(_LINK_VARIABLES) == "1":
            file["link-variables"] = True
        settings = Settings(*prepare_roots(data_root, run_root), file)
        runtimes.check(settings)
        check_cgroup_parent(settings.cgroup_parent)
        network_defaults.check(settings)
        locks.append(_lock(f"{settings.run_root}/daemon.lock", settings.run_root))
        locks.append(_lock(f"{settings.data_root}/daemon.lock", settings.data_root))
        context = _tls(security)
        listeners = _bind(hosts or [f"unix://{settings.run_root}/sampan.sock"], security, locks)
        asyncio.run(_serve(settings, listeners, context, _raise_file_limit()))
    except SampanError as error:
        _log.error("%s", error)
        return 1
    except OSError as error:
        _log.error("cannot start: %s", error)
        return 1
    return 0


def _lock(path: str, root: str) -> int:
    """One daemon per root; flock(2), so that a crash leaves nothing to clean up. The descriptor is the
    lock and stays open until the process ends."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise Conflict(f"another daemon is running on {root}") from None
    return fd


def _tls(security: Security) -> ssl.SSLContext | None:
    if not security.tls:
        return None
    for path in (security.files.cert, security.files.key, security.files.ca if security.verify else ""):
        if path and not os.access(path, os.R_OK):
            raise InvalidArgument(f"could not read TLS file {path}: it does not exist, or is not readable")
    try:
        return server_context(security.files, verify=security.verify)
    except ssl.SSLError as error:
        raise InvalidArgument(f"could not load the certificate {security.files.cert}: {error}") from None


def _bind(hosts: list[str], security: Security, locks: list[int]) -> list[socket.socket]:
    listeners = []
    for host in hosts:
        listener, lock = sockets.bind(host, anywhere=security.verify or security.anywhere)
        if host.startswith("tcp://") and not security.verify:
            _log.warning(
                "%s is served without --tlsverify: that gives root access on this machine to everyone who "
                "reaches it, scripts in a browser perhaps included",
                host,
            )
        listeners.append(listener)
        if lock is not None:
            locks.append(lock)
    return listeners


def _raise_file_limit() -> tuple[int, int]:
    """One descriptor for each client, and one for each monitor: as many as the machine allows. Returns what
    the limits were: containers get those."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return soft, hard


async def _serve(
    settings: Settings,
    listeners: list[socket.socket],
    tls: ssl.SSLContext | None,
    nofile: tuple[int, int],
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    engine = await asyncio.to_thread(_open, settings, nofile, LogWatch())
    await engine.networks.load()
    await asyncio.gather(engine.network.open(engine.networks), engine.launcher.open(settings.run_root))
    for notice in engine.network.notices():
        _log.warning("%s", notice)
    await adopt_all(engine)
    monitor = guarding.guard(engine)
    server = Server(routes.router(engine).handle, system.HEADERS)
    for listener in listeners:
        await server.listen(listener, tls)
    _log.info("sampan %s serves %s", VERSION, settings.data_root)
    _notify("READY=1")
    await stop.wait()
    _notify("STOPPING=1")
    await server.close()
    if monitor is not None:
        loop.remove_reader(monitor)
        monitor.close()
    await _close(engine)
    _log.info("stopped; containers go on running")


def _open(settings: Settings, nofile: tuple[int, int], watch: LogWatch) -> Engine:
    """Everything that reads files; nothing here knows of the loop."""
    observed = facts.observe()
    logdrivers.check(logdrivers.merged(LogConfig(), settings.file))
    hosts = registries.parse(settings.file.get("registries", {}))
    database = Database.open(
        f"{settings.data_root}/sampan.db", [storage_schema.SCHEMA, records.SCHEMA, CACHE_SCHEMA]
    )
    store = Store.open(settings.data_root, database)
    shell = pwd.getpwuid(0).pw_shell or "/bin/sh"
    roots = (settings.data_root, settings.run_root)
    kept = records.Records(database)
    images = open_images(store, hosts, observed.machine, roots, shell)
    return Engine(
        settings=settings,
        facts=observed,
        containers=Registry(),
        records=kept,
        images=images,
        volumes=Volumes(settings, kept, store.discard),
        execs=Execs(),
        builds=Builds(BuildCache(store, images.layers)),
        bus=Bus(),
        network=NetworkFloor(settings.data_root),
        networks=Networks(kept),
        launcher=Launcher(),
        watch=watch,
        nofile=nofile,
        remap=subids.remap(settings.file.get("userns-remap")),
    )


async def _close(engine: Engine) -> None:
    engine.tasks.cancel()
    await engine.sampler.close()
    await engine.records.close()
    await engine.launcher.close()
    engine.watch.close()
    await asyncio.to_thread(engine.images.store.close)
    engine.images.store.database.close()


def _notify(state: str) -> None:
    """sd_notify(3), where systemd asked for it."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        try:
            notify.sendto(state.encode(), address)
        except OSError as error:
            _log.warning("cannot notify the service manager: %s", error)
