"""Names on the networks of users: the table that the resolver reads (`sampan.resolver`), and that there is a
resolver as long as somebody needs it. Without the daemon it goes on with what it was told last."""

import asyncio
import contextlib
import importlib.util
import logging
import os
import socket
from collections.abc import Iterable
from pathlib import Path

import sampan
from sampan.engine.containers.config import EndpointRequest
from sampan.engine.containers.record import Container, Endpoint
from sampan.engine.engine import Engine
from sampan.engine.networks import attach, plugging, reserving, wanted
from sampan.engine.networks.known import Known
from sampan.engine.state import State
from sampan.errors import NotFound, SampanError, Unavailable
from sampan.network import files
from sampan.resolver import table
from sampan.resolver.table import Client, Entry, Names, Network

SOCKET = "resolver.sock"
_PACKAGES = Path(sampan.__file__).resolve().parent.parent
_PATIENCE = 20.0  # seconds for it to listen
_LOOK = 0.1  # seconds between looks for one that somebody else has started
_ATTEMPTS = 3
_LATER = 1.0  # seconds until one that did not start is tried again
_AT_ONCE = 8  # containers that get their sockets: each takes a process
_COMING_UP = 10.0  # seconds within which who starts a project again has started all of it
_log = logging.getLogger(__name__)


def path(engine: Engine) -> str:
    return f"{engine.settings.run_root}/{SOCKET}"


def is_named(engine: Engine, endpoint: Endpoint) -> bool:
    """On a network of users."""
    network = engine.networks.get(endpoint.network_id)
    return network is not None and not network.predefined


async def introduce(engine: Engine, container: Container, endpoints: list[Endpoint]) -> bool:
    """From here on others find it, and it finds them. False: it is on no network that has names."""
    if not any(is_named(engine, one) for one in endpoints):
        return False
    async with engine.known.lock:
        engine.known.endpoints[container.id] = (container, endpoints)
        engine.known.expected.pop(container.id, None)
        await _write(engine)
        await _ensure(engine)
    return True


async def expect(engine: Engine, containers: Iterable[Container]) -> None:
    """Others find them from here on, though they have not started yet."""
    fresh = [one for one in containers if one.id not in engine.known.endpoints]
    if not fresh:
        return
    async with engine.known.lock:
        engine.known.expected.update({one.id: one for one in fresh})
        await _write(engine)


async def expect_others(engine: Engine, container: Container) -> None:
    """A project comes up again: the rest of it is expected for a while."""
    if container.has_run and container.id in engine.known.expected:
        return  # it is one of those, or has been up to now
    others = reserving.project_at_rest(engine, container)
    await expect(engine, others)
    if others:
        end = asyncio.get_running_loop().time() + _COMING_UP
        engine.known.until.update({one.id: end for one in others})
        engine.tasks.spawn(_expect_no_more(engine, others))


async def _expect_no_more(engine: Engine, containers: list[Container]) -> None:
    await asyncio.sleep(_COMING_UP)
    for container in containers:
        late = engine.known.until.get(container.id, 0.0) <= asyncio.get_running_loop().time()
        if late and container.id in engine.known.expected:
            await forget(engine, container)


async def will_return(engine: Engine, container: Container) -> None:
    """It is about to end and to start again: its names stay."""
    engine.known.returning.add(container.id)
    if container.id in engine.known.endpoints:
        await renew(engine)


async def has_not_returned(engine: Engine, container: Container) -> None:
    engine.known.returning.discard(container.id)
    if container.id in engine.known.expected and container.state is not State.CREATED:
        await forget(engine, container)
    elif container.id in engine.known.endpoints:
        await renew(engine)


async def keep(engine: Engine, container: Container) -> None:
    """It has ended, and is about to start again: its places stay its own."""
    async with engine.known.lock:
        found = engine.known.endpoints.pop(container.id, None)
        if found is not None:
            engine.network.keep(container)
            container.status.reserved = [one for one in found[1] if is_named(engine, one)]
            engine.known.expected[container.id] = container
            await _write(engine)


async def forget(engine: Engine, container: Container) -> None:
    """Already so is a result."""
    known = engine.known
    if container.id not in known.endpoints and container.id not in known.expected:
        return
    async with engine.known.lock:
        known.endpoints.pop(container.id, None)
        known.expected.pop(container.id, None)
        known.until.pop(container.id, None)
        reserving.release(engine, container)
        await _write(engine)
        if not engine.known.endpoints:
            engine.known.release()


async def renew(engine: Engine) -> None:
    """Names have changed, or a daemon has come: everything that runs is written down."""
    async with engine.known.lock:
        for container in engine.containers:
            if container.running and any(is_named(engine, one) for one in container.status.endpoints):
                engine.known.endpoints[container.id] = (container, container.status.endpoints)
                engine.known.expected.pop(container.id, None)
        if engine.known.endpoints or engine.known.expected:
            await _write(engine)


async def adopted(engine: Engine) -> None:
    """At the daemon's start. A resolver that is gone is followed by another, with sockets anew."""
    await renew(engine)
    if engine.known.endpoints:
        async with engine.known.lock:
            fresh = await _ensure(engine)
        if fresh:
            await _serve_all(engine)


async def _write(engine: Engine) -> None:
    target = f"{engine.settings.run_root}/{table.FILE}"
    if engine.known.endpoints or engine.known.expected:
        await asyncio.to_thread(_replace, target, table.encode(_names(engine, engine.known)))
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(target)


def _replace(target: str, data: bytes) -> None:
    fd = os.open(target + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "wb") as file:
        file.write(data)
    os.rename(target + ".new", target)


def _names(engine: Engine, known: Known) -> Names:
    networks: dict[str, Network] = {}
    entries: dict[str, list[Entry]] = {}
    clients: dict[str, Client] = {}
    for container, endpoints in known.endpoints.values():
        mine = []
        asked = wanted.requests(container)
        for endpoint in endpoints:
            network = engine.networks.get(endpoint.network_id)
            if network is None or network.predefined:
                continue
            mine.append(network.id)
            # Of a bridge they are this machine's; of other networks, somebody's.
            ours = network.driver == "bridge"
            gateways = [one.gateway for one in network.subnets if one.gateway and ours]
            of_network = entries.setdefault(network.id, [])
            networks[network.id] = Network(network.name, network.internal, gateways, of_network)
            names = wanted.dns_names(container, asked.get(network.name) or EndpointRequest())
            addresses = [one for one in (endpoint.address, endpoint.address6) if one]
            life = "" if container.id in known.returning else endpoint.host_name
            of_network.append(Entry(table.run_of(container.id, life), names, addresses))
        clients[container.id] = Client(mine, _links(engine, asked), _servers(container))
    _add_expected(engine, entries)
    return Names(networks, clients)


def _add_expected(engine: Engine, entries: dict[str, list[Entry]]) -> None:
    """Only under names that nobody who runs answers to: the next replica and the successor have no part in
    them yet."""
    fresh: dict[str, list[Entry]] = {}
    for container in engine.known.expected.values():
        asked = wanted.requests(container)
        for place in reserving.reserve(engine, container):
            taken = {name for entry in entries.get(place.network_id, ()) for name in entry.names}
            names = wanted.dns_names(container, asked.get(place.network) or EndpointRequest())
            names = [name for name in names if name not in taken]
            addresses = [one for one in (place.address, place.address6) if one]
            entry = Entry(table.run_of(container.id, ""), names, addresses)
            fresh.setdefault(place.network_id, []).append(entry)
    for network_id, found in fresh.items():
        entries.setdefault(network_id, []).extend(found)


def _links(engine: Engine, asked: dict[str, EndpointRequest]) -> dict[str, str]:
    found = {}
    for request in asked.values():
        for link in request.links or ():
            name, _, alias = link.partition(":")
            with contextlib.suppress(NotFound, ValueError):
                found[(alias or name).lower()] = engine.containers.find(name).id
    return found


def _servers(container: Container) -> list[str]:
    return container.definition.host_config.dns or files.host_nameservers()


async def _ensure(engine: Engine) -> bool:
    """There is a resolver, and it stays for us; True: it has just begun. Raises Unavailable."""
    known, fresh = engine.known, False
    if known.held is not None:
        return False
    known.held = _connected(engine)
    for _attempt in range(_ATTEMPTS):  # one may be killed as soon as it is there
        if known.held is None:
            known.held, fresh = await _start(engine), True
    if known.held is None:
        raise Unavailable("the resolver of container names does not start")
    asyncio.get_running_loop().add_reader(known.held, _lost, engine)
    return fresh


def _connected(engine: Engine) -> socket.socket | None:
    end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    end.setblocking(False)
    try:
        end.connect(path(engine))
    except OSError:
        end.close()
        return None
    return end


async def _start(engine: Engine) -> socket.socket | None:
    """The connection to it; or to one that is there already: a daemon that was killed may have started it
    just before, and the new one ends when it sees that it is not wanted."""
    found = importlib.util.find_spec("dnslib")
    if found is None or found.origin is None:
        raise Unavailable("container names cannot be resolved: dnslib is not installed")
    libraries = str(Path(found.origin).resolve().parent.parent)
    program = f"{_PACKAGES}/sampan/resolver/__main__.py"
    arguments = ["-I", "-S", program, str(_PACKAGES), libraries, engine.settings.run_root]
    ours, theirs = socket.socketpair()
    try:
        await engine.launcher.resolve(arguments, theirs.fileno())
        theirs.close()
        ours.setblocking(False)
        listens = False
        end = asyncio.get_running_loop().time() + _PATIENCE
        held = None
        while held is None and not listens and asyncio.get_running_loop().time() < end:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await asyncio.get_running_loop().sock_recv(ours, 1)
                listens = True
            held = _connected(engine)
        return held
    finally:
        ours.close()
        theirs.close()


def _lost(engine: Engine) -> None:
    """It never says anything: it has ended."""
    engine.known.release()
    if engine.known.endpoints:
        engine.tasks.spawn(_again(engine))


async def _again(engine: Engine) -> None:
    while engine.known.endpoints:
        try:
            async with engine.known.lock:
                await _ensure(engine)
            break
        except SampanError as error:
            _log.warning("%s", error)
            await asyncio.sleep(_LATER)
    await _serve_all(engine)


async def _serve_all(engine: Engine) -> None:
    """Sockets anew for all that run. One that is just starting has its lock, and may have had them."""
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(container: Container) -> None:
        async with container.lock, limit:
            if container.running:
                with contextlib.suppress(SampanError):
                    ways = attach.ways_out(container, container.status.endpoints)
                    await plugging.plug(engine, container, ways, resolver=path(engine))

    await asyncio.gather(*(one(container) for container, _ in list(engine.known.endpoints.values())))
