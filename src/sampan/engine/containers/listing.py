"""`docker ps`: one row per container, cached until the container changes, and its filters."""

from collections.abc import Callable
from typing import Any, NamedTuple

from sampan.engine import patterns
from sampan.engine.containers import durations, health, inspect, links
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.engine.events import has_label
from sampan.engine.images import resolve
from sampan.engine.networks import wanted as networks
from sampan.engine.state import ALIVE, State
from sampan.errors import InvalidArgument, NotFound, SampanError

FILTERS = frozenset(
    (
        "ancestor", "before", "expose", "exited", "health", "id", "isolation", "label", "name", "network",
        "publish", "since", "status", "volume", "is-task"
    )
)  # fmt: skip
_SHOWN_BY_DEFAULT = ALIVE | {State.RESTARTING}
_COMMAND_LIMIT = 2000


class Wanted(NamedTuple):
    everything: bool = False
    limit: int = -1
    filters: dict[str, list[str]] = {}  # noqa: RUF012


def listing(engine: Engine, wanted: Wanted) -> list[Container]:
    """Newest first."""
    test = _matcher(engine, wanted.filters)
    shown = _SHOWN_BY_DEFAULT
    all_states = wanted.everything or wanted.limit > 0 or bool({"status", "exited"} & set(wanted.filters))
    found = [
        container
        for container in engine.containers
        if (all_states or container.state in shown) and test(container)
    ]
    found.sort(key=lambda container: container.definition.created, reverse=True)
    return found[: wanted.limit] if wanted.limit > 0 else found


def row(engine: Engine, container: Container, now: int) -> dict[str, Any]:
    if container.entry is None:
        container.entry = _entry(engine, container)
    container.entry["Status"] = status_text(container, now)
    container.entry["Image"] = _image(engine, container)
    return container.entry


def _image(engine: Engine, container: Container) -> str:
    """What it was called, unless that is another image by now, or none: then the id."""
    identity = engine.images.records.id_of(container.definition.image_id)
    name = container.definition.config.image
    return name if resolve.find_id(engine.images, name) == identity else identity


def _entry(engine: Engine, container: Container) -> dict[str, Any]:
    definition = container.definition
    mode = definition.host_config.network_mode
    return {
        "Id": container.id,
        "Names": [f"/{container.name}", *links.aliases(engine, container)],
        "Image": "",
        "ImageID": engine.images.records.id_of(definition.image_id),
        "Command": command(definition.path, definition.args),
        "Created": definition.created // 1_000_000_000,
        "Ports": ports(container),
        "Labels": definition.config.labels or {},
        "State": container.state.value,
        "Status": "",
        "HostConfig": {"NetworkMode": mode},
        "NetworkSettings": {"Networks": inspect.networks(engine, container)},
        "Mounts": [
            inspect.mount(engine, one) for one in definition.mounts if one.kind != "tmpfs" or not one.mode
        ],
    }


def command(path: str, arguments: list[str]) -> str:
    """As Docker joins them: arguments with a blank in them in single quotes."""
    quoted = [f"'{argument}'" if " " in argument else argument for argument in arguments]
    return " ".join([path, *quoted])[:_COMMAND_LIMIT]


def ports(container: Container) -> list[dict[str, Any]]:
    if not container.running:
        return []
    shown: list[dict[str, Any]] = []
    bound_keys = set()
    for bound in container.status.endpoint.ports if container.status.endpoint else ():
        bound_keys.add(f"{bound.container_port}/{bound.protocol}")
        shown.append(
            {
                "IP": bound.host_ip,
                "PrivatePort": bound.container_port,
                "PublicPort": bound.host_port,
                "Type": bound.protocol,
            }
        )
    for port in container.definition.config.exposed_ports or {}:
        number, _, protocol = port.partition("/")
        if f"{number}/{protocol or 'tcp'}" not in bound_keys and number.isdecimal():
            shown.append({"PrivatePort": int(number), "Type": protocol or "tcp"})
    return shown


def status_text(container: Container, now: int) -> str:
    status, state = container.status, container.state
    if state in ALIVE:
        up = f"Up {durations.human((now - status.started_at) / 1e9)}"
        return f"{up} (Paused)" if state is State.PAUSED else up + health.shown(status.health)
    ago = durations.human((now - status.finished_at) / 1e9)
    if state is State.RESTARTING:
        return f"Restarting ({status.exit_code}) {ago} ago"
    if state is State.REMOVING:
        return "Removal In Progress"
    if state is State.DEAD:
        return "Dead"
    if state is State.CREATED:
        return "Created"
    return f"Exited ({status.exit_code}) {ago} ago" if status.finished_at else ""


def _matcher(engine: Engine, filters: dict[str, list[str]]) -> Callable[[Container], bool]:
    """Values of one filter are alternatives (labels add up); filters add up."""
    tests = [_TESTS[name](engine, values) for name, values in filters.items() if name in _TESTS]
    return lambda container: all(test(container) for test in tests)


Test = Callable[[Container], bool]


def _by_id(engine: Engine, values: list[str]) -> Test:
    return lambda container: any(container.id.startswith(value) for value in values)


def _by_name(engine: Engine, values: list[str]) -> Test:
    tests = [patterns.matcher(value) for value in values]
    return lambda container: any(test(container.name) or test(f"/{container.name}") for test in tests)


def _by_label(engine: Engine, values: list[str]) -> Test:
    return lambda container: all(
        has_label(container.definition.config.labels or {}, value) for value in values
    )


def _by_status(engine: Engine, values: list[str]) -> Test:
    for value in values:
        if value not in State._value2member_map_:
            raise InvalidArgument(f"invalid filter 'status={value}'")
    return lambda container: container.state.value in values


def _by_health(engine: Engine, values: list[str]) -> Test:
    for value in values:
        if value not in health.STATUSES:
            raise InvalidArgument(f"invalid filter 'health={value}'")
    return lambda container: (
        (container.status.health.status if container.status.health else health.NONE) in values
    )


def _by_exited(engine: Engine, values: list[str]) -> Test:
    try:
        codes = {int(value) for value in values}
    except ValueError:
        raise InvalidArgument(f"invalid filter 'exited={values[0]}'") from None
    return lambda container: (
        container.state in (State.EXITED, State.DEAD)
        and container.has_run
        and container.status.exit_code in codes
    )


def _by_ancestor(engine: Engine, values: list[str]) -> Test:

    wanted: set[str] = set()
    for value in values:
        try:
            wanted |= engine.images.records.ids_of(resolve.find(engine.images, value).id)
        except SampanError:
            continue
    return lambda container: container.definition.image_id in wanted


def _by_age(engine: Engine, values: list[str], *, before: bool) -> Test:
    try:
        moments = [engine.containers.find(value).definition.created for value in values]
    except NotFound as error:
        raise NotFound(str(error)) from None
    if before:
        return lambda container: all(container.definition.created < moment for moment in moments)
    return lambda container: all(container.definition.created > moment for moment in moments)


def _by_volume(engine: Engine, values: list[str]) -> Test:
    return lambda container: any(
        value in (mount.source, mount.destination)
        for mount in container.definition.mounts
        for value in values
    )


def _by_network(engine: Engine, values: list[str]) -> Test:
    def test(container: Container) -> bool:
        names = list(networks.requests(container)) or [container.definition.host_config.network_mode]
        found = [one for name in names if (one := engine.networks.resolve(name)) is not None]
        return any(
            value in names or (value and any(one.id.startswith(value) for one in found)) for value in values
        )

    return test


def _by_port(engine: Engine, values: list[str], *, published: bool) -> Test:
    wanted = [_port_range(value) for value in values]

    def test(container: Container) -> bool:
        if published:
            endpoint = container.status.endpoint
            have = [(one.host_port, one.protocol) for one in (endpoint.ports if endpoint else ())]
            have += [(one.container_port, one.protocol) for one in (endpoint.ports if endpoint else ())]
        else:
            have = []
            for port in container.definition.config.exposed_ports or {}:
                number, _, protocol = port.partition("/")
                have.append((int(number) if number.isdecimal() else 0, protocol or "tcp"))
        return any(
            low <= number <= high and kind == protocol
            for number, kind in have
            for low, high, protocol in wanted
        )

    return test


def _port_range(text: str) -> tuple[int, int, str]:
    numbers, _, protocol = text.partition("/")
    low, dash, high = numbers.partition("-")
    if not low.isdecimal() or (dash and not high.isdecimal()) or len(numbers) > 11:
        raise InvalidArgument(f"invalid port: {text}")
    return int(low), int(high or low), protocol or "tcp"


_TESTS: dict[str, Callable[[Engine, list[str]], Test]] = {
    "id": _by_id,
    "name": _by_name,
    "label": _by_label,
    "status": _by_status,
    "exited": _by_exited,
    "ancestor": _by_ancestor,
    "before": lambda engine, values: _by_age(engine, values, before=True),
    "since": lambda engine, values: _by_age(engine, values, before=False),
    "volume": _by_volume,
    "network": _by_network,
    "publish": lambda engine, values: _by_port(engine, values, published=True),
    "expose": lambda engine, values: _by_port(engine, values, published=False),
    "health": _by_health,
    "is-task": lambda engine, values: lambda container: values[0].lower() in ("0", "false"),
}
