"""`sampan info`."""

from __future__ import annotations

from sampan.cli import console, format
from sampan.client.system.info import info
from sampan.errors import SampanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.session import Session

USAGE = "[OPTIONS]"
SHORT = "Show facts about the daemon and its machine"
ALIASES = ("system info", "info")
ARGUMENTS = (0, 0)
FLAGS = (("format", "f", "string", "", "@inspect"),)

_COUNTS = (("Running", "ContainersRunning"), ("Paused", "ContainersPaused"), ("Stopped", "ContainersStopped"))
_LIMITS = (
    ("MemoryLimit", "memory limit"),
    ("SwapLimit", "swap limit"),
    ("CpuCfsQuota", "cpu cfs quota"),
    ("CpuCfsPeriod", "cpu cfs period"),
    ("CPUShares", "cpu shares"),
    ("CPUSet", "cpuset"),
    ("PidsLimit", "pids limit"),
)


def main(session: Session, options: Values, arguments: list[str]) -> int:
    form = options["format"]
    printer = None
    if form and form != "json":
        from sampan.cli.listing import Printer

        printer = Printer(form, type_name="system.dockerInfo", prefix="")
    client = _client(session)
    if printer is not None and "ClientInfo" in form and printer.holds({"ClientInfo": client}):
        printer.show([{"ClientInfo": client}])  # nothing is asked of the daemon: it may be down
        return 0
    failure = None
    facts: dict[str, Any] = {}
    try:
        facts = info(session.client)
    except (SampanError, OSError) as error:
        failure = error
    if printer is not None or form == "json":
        _show_by_form({**facts, "ClientInfo": client}, printer)
    else:
        _show(client, facts)
    if failure is not None:
        raise failure
    return 0


def _show_by_form(facts: dict[str, Any], printer: Any) -> None:
    if printer is not None:
        printer.show([facts])
        return
    from sampan.wire import json

    console.out(json.dumps(facts))


def _client(session: Session) -> dict[str, Any]:
    from sampan.cli.system import version

    facts = version.facts(session.context)
    del facts["ApiVersion"]
    return {"Debug": session.debug, **facts, "Plugins": [], "Warnings": None}


def _show(client: dict[str, Any], facts: dict[str, Any]) -> None:
    console.out("Client:")
    for label, value in (
        ("Version:   ", client["Version"]),
        ("Context:   ", client["Context"]),
        ("Debug Mode:", _truth(client["Debug"])),
    ):
        console.out(f" {label} {value}")
    console.out("\nServer:")
    if not facts:
        return
    for line in _lines(facts):
        console.out(f" {format.plain(line)}")
    for line in _warnings(facts):
        console.error(line)


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    yield f"Containers: {facts['Containers']}"
    for label, name in _COUNTS:
        yield f" {label}: {facts[name]}"
    yield f"Images: {facts['Images']}"
    yield from _named(facts, ("Server Version", "ServerVersion"), ("Storage Driver", "Driver"))
    for label, value in facts.get("DriverStatus") or ():
        yield f" {label}: {value}"
    yield from _named(
        facts,
        ("Logging Driver", "LoggingDriver"),
        ("Cgroup Driver", "CgroupDriver"),
        ("Cgroup Version", "CgroupVersion"),
    )
    yield from _plugins(facts)
    yield from _runtimes(facts)
    yield from _security(facts)
    yield from _named(
        facts,
        ("Kernel Version", "KernelVersion"),
        ("Operating System", "OperatingSystem"),
        ("OSType", "OSType"),
        ("Architecture", "Architecture"),
    )
    yield f"CPUs: {facts['NCPU']}"
    yield f"Total Memory: {format.binary_size(facts['MemTotal'])}"
    yield from _named(facts, ("Name", "Name"), ("ID", "ID"), ("Docker Root Dir", "DockerRootDir"))
    yield f"Debug Mode: {_truth(facts.get('Debug'))}"
    for label, name in (("HTTP Proxy", "HttpProxy"), ("HTTPS Proxy", "HttpsProxy"), ("No Proxy", "NoProxy")):
        if facts.get(name):
            yield f"{label}: {facts[name]}"
    yield from _list("Labels", facts.get("Labels"))
    yield f"Experimental: {_truth(facts.get('ExperimentalBuild'))}"
    yield from _registries(facts.get("RegistryConfig") or {})
    yield f"Live Restore Enabled: {_truth(facts.get('LiveRestoreEnabled'))}"


def _named(facts: dict[str, Any], *names: tuple[str, str]) -> Iterator[str]:
    for label, name in names:
        if facts.get(name):
            yield f"{label}: {facts[name]}"


def _plugins(facts: dict[str, Any]) -> Iterator[str]:
    plugins = facts.get("Plugins") or {}
    yield "Plugins:"
    for kind in ("Volume", "Network", "Authorization", "Log"):
        if plugins.get(kind):
            yield f" {kind}: {' '.join(plugins[kind])}"


def _runtimes(facts: dict[str, Any]) -> Iterator[str]:
    swarm = (facts.get("Swarm") or {}).get("LocalNodeState")
    if swarm:
        yield f"Swarm: {swarm}"
    if facts.get("Runtimes"):
        yield f"Runtimes: {' '.join(sorted(facts['Runtimes']))}"
        yield f"Default Runtime: {facts.get('DefaultRuntime', '')}"
    if facts.get("InitBinary"):
        yield f"Init Binary: {facts['InitBinary']}"
    for label, name in (("containerd", "ContainerdCommit"), ("runc", "RuncCommit"), ("init", "InitCommit")):
        commit = (facts.get(name) or {}).get("ID")
        if commit:
            yield f"{label} version: {commit}"


def _security(facts: dict[str, Any]) -> Iterator[str]:
    options = facts.get("SecurityOptions") or ()
    if options:
        yield "Security Options:"
    for option in options:
        parts = dict(part.partition("=")[::2] for part in option.split(","))
        yield f" {parts.pop('name', option)}"
        for name, value in parts.items():
            yield f"  {'Profile' if name == 'profile' else name}: {value}"


def _registries(config: dict[str, Any]) -> Iterator[str]:
    insecure = [name for name, entry in (config.get("IndexConfigs") or {}).items() if not entry["Secure"]]
    yield from _list("Insecure Registries", insecure + (config.get("InsecureRegistryCIDRs") or []))
    yield from _list("Registry Mirrors", config.get("Mirrors"))


def _list(label: str, values: list[str] | None) -> Iterator[str]:
    if values:
        yield f"{label}:"
        yield from (f" {value}" for value in values)


def _truth(value: object) -> str:
    return "true" if value else "false"


def _warnings(facts: dict[str, Any]) -> Iterator[str]:
    """The daemon's own, and what it cannot limit."""
    given = facts.get("Warnings")
    if given is not None:
        yield from given
        return
    for name, label in _LIMITS:
        if facts.get(name) is False:
            yield f"WARNING: No {label} support"
