"""`docker create`: everything is looked at first; then directories, and one commit."""

import asyncio
import os
from sqlite3 import Connection
from typing import NamedTuple

from sampan.engine import disks, names, runtimes, timestamps
from sampan.engine.containers import (
    check,
    check_isolation,
    defaults,
    devices,
    joins,
    links,
    logdrivers,
    mounts,
    publishing,
    uppers,
    volumes_from,
)
from sampan.engine.containers.config import Config, HostConfig, NetworkingConfig
from sampan.engine.containers.happenings import tell
from sampan.engine.containers.record import Container, Definition, MountPoint
from sampan.engine.engine import Engine
from sampan.engine.images import mount as image_mounts
from sampan.engine.images import resolve
from sampan.engine.images.images import Image
from sampan.engine.networks import reserving, resolving
from sampan.engine.networks import wanted as networks_wanted
from sampan.engine.volumes import filling
from sampan.engine.volumes.create import create as create_volume
from sampan.engine.volumes.remove import remove_anonymous
from sampan.errors import InvalidArgument, NotFound
from sampan.oci import platform as platforms

_RECURSIVE_READONLY = (1, 44)


class Created(NamedTuple):
    id: str
    warnings: list[str]


class Wanted(NamedTuple):
    """`version`: of the API that was spoken; `platform`: "" for the machine's."""

    name: str
    config: Config
    host: HostConfig
    networking: NetworkingConfig
    version: tuple[int, int] = (1, 51)
    platform: str = ""


async def create(engine: Engine, wanted: Wanted) -> Created:
    """Raises NotFound for the image, Conflict for the name, InvalidArgument for the rest."""
    if wanted.name:
        wanted = wanted._replace(name=names.check_name(wanted.name))
    image = await asyncio.to_thread(_find_image, engine, wanted.config.image, wanted.platform)
    container, warnings, images = await asyncio.to_thread(_decide, engine, wanted, image)
    engine.containers.reserve_name(container.name, container.id)
    expected = reserving.is_expected(container) and bool(reserving.reserve(engine, container))
    try:
        await _make(engine, container, images)
    except BaseException as error:
        reserving.release(engine, container)
        engine.containers.release_name(container.name, container.id)
        if isinstance(error, Exception):  # and not the end of the daemon: the next one does it
            await remove_anonymous(engine, _unclaimed(engine, container))
        raise
    engine.containers.add(container)
    if expected:
        await resolving.expect(engine, [container])
    links.forget_rows(engine, container)
    tell(engine.bus, container, "create")
    return Created(container.id, warnings)


def _decide(engine: Engine, wanted: Wanted, image: Image) -> tuple[Container, list[str], list[Image]]:
    """The whole record, warnings, and the images that it holds; or an error. Nothing is done yet."""
    name, config, host, networking, version, _ = wanted
    networks = networking.endpoints_config or {}
    if "default" in networks:  # what clients call the bridge
        networks["bridge"] = networks.pop("default")
    if not host.network_mode and networks:
        host.network_mode = next(iter(networks))
    host.log_config = logdrivers.merged(host.log_config, engine.settings.file)
    warnings = check.check(config, host, engine.facts)
    host.runtime = host.runtime or runtimes.default(engine.settings)
    runtimes.find(engine.settings, host.runtime)
    defaults.merge_image(config, image.config.run)
    path, arguments = defaults.command(config)
    defaults.fill(host, engine.facts)
    devices.mapped(host.devices or [])
    publishing.check(config, host)
    joins.check(engine, host)
    networks_wanted.settle(engine, host, networking, version)
    if engine.remap is not None and host.userns_mode != "host":
        check_isolation.check_remapped(host)
    identity = names.new_id()
    if not config.hostname:
        config.hostname = engine.facts.hostname if host.network_mode == "host" else identity[:12]
        if host.network_mode.startswith("container:"):
            config.hostname = ""
    points = mounts.resolve(
        config,
        host,
        volumes_from.borrowed(engine, host),
        recursive_readonly=version >= _RECURSIVE_READONLY,
        is_volume=engine.volumes.__contains__,
    )
    mounted = [_mounted_image(engine, point) for point in points if point.kind == "image"]
    definition = Definition(
        id=identity,
        name=name or names.generate(engine.containers.name_taken, identity),
        created=timestamps.now(),
        cgroup_parent=engine.settings.cgroup_parent,
        image_id=image.id,
        path=path,
        args=arguments,
        config=config,
        host_config=host,
        networking=networking,
        mounts=points,
        version=version,
        lowerdirs=image_mounts.lowerdirs(engine.images, image),
        masked=image_mounts.masked(engine.images, image),
        links=links.resolve(engine, host),
    )
    return Container(definition), warnings, [image, *mounted]


def _mounted_image(engine: Engine, point: MountPoint) -> Image:
    """Raises InvalidArgument: a client would take NotFound for the container's own image, and pull that."""
    try:
        image = resolve.find(engine.images, point.source)
    except NotFound as error:
        raise InvalidArgument(str(error)) from None
    if image.is_host:
        raise InvalidArgument('invalid mount config for type "image": the machine itself cannot be mounted')
    point.lowerdirs = image_mounts.lowerdirs(engine.images, image)
    return image


async def _make(engine: Engine, container: Container, images: list[Image]) -> None:
    for mount in container.definition.mounts:
        if mount.kind == "volume":
            await _make_volume(engine, container, mount)
    size = uppers.limited(container)
    template = await disks.template(engine, size) if size else ""
    fresh = _unclaimed(engine, container)
    await engine.records.insert(
        container,
        lambda: make_directories(engine, container.id, template),
        lambda sql: _hold(engine, sql, container, images, fresh),
    )
    engine.volumes.claimed(fresh)


def _unclaimed(engine: Engine, container: Container) -> list[str]:
    """The volumes that were made for it alone."""
    names = [mount.source for mount in container.definition.mounts if mount.kind == "volume"]
    return [name for name in names if name in engine.volumes and engine.volumes.get(name).unclaimed]


def _hold(
    engine: Engine, sql: Connection, container: Container, images: list[Image], volumes: list[str]
) -> None:
    for image in images:
        image_mounts.hold(engine.images, sql, container.id, image)
    engine.volumes.claim(sql, volumes)


async def _make_volume(engine: Engine, container: Container, mount: MountPoint) -> None:
    fresh = mount.source not in engine.volumes
    try:
        volume = await create_volume(
            engine,
            mount.source,
            mount.driver,
            mount.labels,
            mount.driver_options,
            anonymous=mount.anonymous,
            unclaimed=mount.anonymous,
        )
    except NotFound as error:
        raise InvalidArgument(str(error)) from None  # not the image
    if mount.copy_up and (fresh or not mount.anonymous):
        await filling.fill(engine, container, mount, volume)


def _find_image(engine: Engine, name: str, platform: str) -> Image:
    image = resolve.find(engine.images, name)
    if platform:
        wanted = platforms.parse(platform, engine.images.machine)
        own = platforms.Platform(image.config.os, image.config.architecture, image.config.variant or "")
        if platforms.choose([own], wanted) is None:
            raise NotFound(
                f"image with reference {name} was found but its platform ({own.os}/{own.architecture})"
                f" does not match the specified platform ({platform})"
            )
    return image


def make_directories(engine: Engine, identity: str, template: str = "") -> None:
    """`diff` becomes the container's root: 0755. Its parents keep the machine's other users out. With
    `template` both are in a disk, a copy of that."""
    base = engine.settings.container_data(identity)
    os.mkdir(base, 0o710)
    try:
        if template:
            disks.make(template, base)
            return
        for name, mode in (("diff", 0o755), ("work", 0o711)):
            os.mkdir(f"{base}/{name}", mode)
    except BaseException:
        engine.images.store.discard(base)
        raise
