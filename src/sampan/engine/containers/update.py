"""`docker update`: other resources, another restart policy, and other published ports, at once where the
container runs.

The kernel is told first, then the record is written; if either refuses, both are as before."""

import asyncio
from typing import Any

from msgspec import structs

from sampan import errors
from sampan.engine.containers import cgroups, check, check_isolation, check_resources, ports, republish
from sampan.engine.containers import spec as specs
from sampan.engine.containers.config import Config, HostConfig, UpdateRequest
from sampan.engine.containers.happenings import tell
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.engine.facts import Facts
from sampan.errors import Conflict, Internal, SampanError
from sampan.runtime import cgroup_update
from sampan.runtime.cgroup_update import Updated
from sampan.runtime.failure import OciError

# Zero and empty mean: as it is.
_FIELDS = (
    "blkio_weight", "cpu_shares", "nano_cpus", "cpu_period", "cpu_quota", "cpuset_cpus", "cpuset_mems",
    "memory", "memory_swap", "memory_reservation", "cpu_realtime_period", "cpu_realtime_runtime",
)  # fmt: skip


async def update(engine: Engine, container: Container, wanted: UpdateRequest) -> list[str]:
    """The warnings. `wanted`: everything but resources, the restart policy and the ports is ignored, as in
    Docker. Raises InvalidArgument; Conflict where it does not go together with what the container has."""
    asked = _asked(wanted)
    check.supported(asked)
    if not asked.memory:  # a limit of swap alone is for the memory that the container has
        asked.memory = container.definition.host_config.memory if asked.memory_swap > 0 else 0
    check_resources.check(asked, engine.facts)
    check.restart_policy(wanted.restart_policy)
    async with container.lock:
        if container.dying_or_gone:
            gone = "container is marked for removal and cannot be updated"
            raise Conflict(f"Cannot update container {container.id}: {gone}")
        try:
            decision = _decide(container, wanted)
        except Conflict as error:
            raise Conflict(f"Cannot update container {container.id}: {error}") from None
        updated = await _commit(engine, container, decision)
    tell(engine.bus, container, "update")
    discarded = container.definition.host_config.network_mode == "host" and bool(wanted.publish_add)
    return [check.PORTS_DISCARDED] * discarded + _warnings(wanted, engine.facts, updated)


def _decide(container: Container, wanted: UpdateRequest) -> ports.Decision:
    config, host = container.definition.config, merged(container.definition.host_config, wanted)
    if not (wanted.publish_add or wanted.publish_rm):
        return ports.Decision(host, [], [])
    if host.network_mode.startswith("container:"):
        check_isolation.alone_in_network(Config(), structs.replace(host, port_bindings=wanted.publish_add))
    endpoint = republish.publishing_endpoint(container)
    bound = endpoint.ports if endpoint is not None else []
    return ports.decide(container.name, config, host, bound, add=wanted.publish_add, remove=wanted.publish_rm)


async def _commit(engine: Engine, container: Container, decision: ports.Decision) -> Updated:
    definition, old = container.definition, container.definition.host_config
    updated = await _apply(container, old, decision.host) if container.running else Updated([], [])
    try:
        async with republish.changed(engine, container, decision):
            definition.host_config = decision.host
            await engine.records.save(container)
    except BaseException as error:
        definition.host_config = old
        await asyncio.to_thread(cgroup_update.revert, updated)
        if isinstance(error, Internal):
            raise Internal(f"Cannot update container {container.id}: {error}") from error
        raise
    container.entry = None
    return updated


def merged(old: HostConfig, wanted: HostConfig) -> HostConfig:
    """`old` with what is `wanted`. Raises Conflict in Docker's words."""
    _check_cpus(old, wanted)
    if wanted.memory and wanted.memory > old.memory_swap != -1 and not wanted.memory_swap:
        raise Conflict(
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the"
            " same time"
        )
    changes: dict[str, Any] = {name: value for name in _FIELDS if (value := getattr(wanted, name))}
    if wanted.pids_limit is not None:
        changes["pids_limit"] = wanted.pids_limit
    if wanted.restart_policy.name:
        if old.auto_remove and wanted.restart_policy.name != "no":
            raise Conflict("Restart policy cannot be updated because AutoRemove is enabled for the container")
        changes["restart_policy"] = wanted.restart_policy
    return structs.replace(old, **changes)


def _check_cpus(old: HostConfig, wanted: HostConfig) -> None:
    """A number of CPUs is kept as it was given, and is a quota per period to the kernel."""
    for name, label in (("cpu_period", "CPU Period"), ("cpu_quota", "CPU Quota")):
        if wanted.nano_cpus > 0 and getattr(old, name) > 0:
            raise Conflict(
                f"Conflicting options: Nano CPUs cannot be updated as {label} has already been set"
            )
        if getattr(wanted, name) > 0 and old.nano_cpus > 0:
            raise Conflict(f"Conflicting options: {label} cannot be updated as NanoCPUs has already been set")


def _asked(wanted: HostConfig) -> HostConfig:
    """Nothing but what is looked at here."""
    fields = {name: getattr(wanted, name) for name in (*_FIELDS, "pids_limit")}
    return HostConfig(**fields)


async def _apply(container: Container, old: HostConfig, new: HostConfig) -> Updated:
    before, after = specs.limits(old), specs.limits(new)
    if old.pids_limit != new.pids_limit:
        after.setdefault("pids", {"limit": -1})
    try:
        return await asyncio.to_thread(cgroup_update.update, cgroups.of(container), before, after)
    except OciError as error:
        kind: type[SampanError] = getattr(errors, error.kind, Internal)
        raise kind(f"Cannot update container {container.id}: {error}") from None


def _warnings(wanted: HostConfig, facts: Facts, updated: Updated) -> list[str]:
    """Of the machine, also where the container does not run; then what its cgroup did not have."""
    return list(dict.fromkeys([*check.warnings(_asked(wanted), facts), *updated.warnings]))
