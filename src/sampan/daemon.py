"""The server side, wired together: engine, API, signals. Zone: async; reads the environment."""

import asyncio
import fcntl
import logging
import os
import resource
import signal
import socket
import sys

from sampan.api import routes, sockets, system
from sampan.api.http import Server
from sampan.engine import facts
from sampan.engine.engine import Engine
from sampan.engine.settings import VERSION, Settings, prepare_roots, read_config
from sampan.errors import Conflict, SampanError

DEFAULT_CONFIG = "/etc/sampan/config.toml"
_log = logging.getLogger("sampan.daemon")


def main(data_root: str, run_root: str, hosts: list[str], config: str) -> int:
    """Serve until SIGTERM or SIGINT; containers go on running. Returns the exit status of the process."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    locks: list[int] = []
    try:
        file = read_config(config or DEFAULT_CONFIG, required=bool(config) and config != DEFAULT_CONFIG)
        settings = Settings(*prepare_roots(data_root, run_root), file)
        locks.append(_lock(f"{settings.run_root}/daemon.lock", settings.run_root))
        locks.append(_lock(f"{settings.data_root}/daemon.lock", settings.data_root))
        listeners = _bind(hosts or [f"unix://{settings.run_root}/sampan.sock"], locks)
        _raise_file_limit()
        asyncio.run(_serve(settings, listeners))
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


def _bind(hosts: list[str], locks: list[int]) -> list[socket.socket]:
    listeners = []
    for host in hosts:
        listener, lock = sockets.bind(host)
        listeners.append(listener)
        if lock is not None:
            locks.append(lock)
    return listeners


def _raise_file_limit() -> None:
    """One descriptor for each client, and one for each monitor: as many as the machine allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(settings: Settings, listeners: list[socket.socket]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    engine = Engine(settings, facts.observe())
    server = Server(routes.router(engine).handle, system.HEADERS)
    for listener in listeners:
        await server.listen(listener)
    _log.info("sampan %s serves %s", VERSION, settings.data_root)
    _notify("READY=1")
    await stop.wait()
    _notify("STOPPING=1")
    await server.close()
    _log.info("stopped; containers go on running")


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
