"""What the instructions without files do to an image's configuration."""

import posixpath
import re
import signal
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from sampan.build import instructions as ins
from sampan.build.source import DockerfileError
from sampan.oci.image import Config, Health

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHELL = ("/bin/sh", "-c")
_SIGNALS = {member.name.removeprefix("SIG") for member in signal.Signals}
_REAL_TIME = re.compile(r"RTMIN(\+([1-9]|1[0-5]))?|RTMAX(-([1-9]|1[0-4]))?")


def scratch() -> Config:
    return Config(Env=[f"PATH={PATH}"], WorkingDir="/")


def copied(config: Config) -> Config:
    return msgspec.convert(msgspec.to_builtins(config), Config)


def with_shell(config: Config, command: ins.Command) -> list[str]:
    if not command.shell:
        return list(command.words)
    return [*(config.Shell or SHELL), *command.words]


def set_environment(config: Config, name: str, value: str) -> None:
    """In its place, if it has one already."""
    entries = list(config.Env or ())
    for index, entry in enumerate(entries):
        if entry.partition("=")[0] == name:
            entries[index] = f"{name}={value}"
            break
    else:
        entries.append(f"{name}={value}")
    config.Env = entries


def label(config: Config, pairs: Iterable[tuple[str, str]]) -> None:
    config.Labels = {**(config.Labels or {}), **dict(pairs)}


def cmd(config: Config, command: ins.Command) -> str:
    config.Cmd = with_shell(config, command)
    config.ArgsEscaped = True if command.shell else None
    return f"CMD {_quoted(config.Cmd)}"


def entrypoint(config: Config, command: ins.Command, *, cmd_set: bool) -> str:
    """A new ENTRYPOINT forgets the CMD of the base image, not one of this stage."""
    config.Entrypoint = with_shell(config, command)
    if not cmd_set:
        config.Cmd = None
    return f"ENTRYPOINT {_quoted(config.Entrypoint)}"


def expose(config: Config, words: Sequence[str]) -> str:
    ports = [port for word in words for port in parse_ports(word)]
    config.ExposedPorts = {**(config.ExposedPorts or {}), **{port: {} for port in ports}}
    return f"EXPOSE [{' '.join(ports)}]"


def parse_ports(text: str) -> list[str]:
    """`80`, `53/udp`, `8000-8002/tcp`; an address or a host port before it is not for an image."""
    numbers, slash, protocol = text.partition("/")
    container = numbers.rpartition(":")[2]
    low, dash, high = container.partition("-")
    ends = (low, high if dash else low)
    if not all(end.isascii() and end.isdecimal() and 0 < int(end[:6]) < 65536 for end in ends):
        raise DockerfileError(f"invalid containerPort: {container}", offending=text)
    if int(ends[0]) > int(ends[1]):
        raise DockerfileError(f"invalid range specified for port: {container}", offending=text)
    protocol = protocol.lower() if slash else "tcp"
    if protocol not in ("tcp", "udp", "sctp"):
        raise DockerfileError(f"invalid proto: {protocol}", offending=text)
    return [f"{number}/{protocol}" for number in range(int(ends[0]), int(ends[1]) + 1)]


def workdir(config: Config, path: str) -> str:
    """Relative paths go on from the last one."""
    if not path:
        raise DockerfileError("WORKDIR requires exactly one argument")
    config.WorkingDir = normal(posixpath.join(config.WorkingDir or "/", path))
    return config.WorkingDir


def normal(path: str) -> str:
    """An absolute path without `.`, `..` and doubled slashes."""
    return "/" + posixpath.normpath("/" + path).lstrip("/")


def volume(config: Config, paths: Sequence[str]) -> str:
    if any(not path for path in paths):
        raise DockerfileError("VOLUME specified can not be an empty string")
    config.Volumes = {**(config.Volumes or {}), **{path: {} for path in paths}}
    return f"VOLUME [{' '.join(paths)}]"


def stop_signal(config: Config, text: str) -> str:
    name = text.upper().removeprefix("SIG")
    number = int(name) if name.isascii() and name.isdecimal() and len(name) < 4 else 0
    if name not in _SIGNALS and not _REAL_TIME.fullmatch(name) and not 0 < number <= 64:
        raise DockerfileError(f"invalid signal: {text}", offending=text)
    config.StopSignal = text
    return f"STOPSIGNAL {text}"


def healthcheck(config: Config, given: ins.Healthcheck) -> str:
    config.Healthcheck = Health(
        Test=list(given.test),
        Interval=given.interval or None,
        Timeout=given.timeout or None,
        StartPeriod=given.start_period or None,
        StartInterval=given.start_interval or None,
        Retries=given.retries or None,
    )
    times = (given.interval, given.timeout, given.start_period, given.start_interval)
    shown = " ".join(_duration(time) for time in times)
    return f'HEALTHCHECK &{{[{" ".join(_quote(word) for word in given.test)}] "{shown}" "{given.retries}"}}'


def on_build(config: Config, trigger: str) -> str:
    config.OnBuild = [*(config.OnBuild or ()), trigger]
    return f"ONBUILD {trigger}"


def shell(config: Config, words: Sequence[str]) -> str:
    config.Shell = list(words)
    return f"SHELL [{' '.join(words)}]"


def _duration(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e9:g}s"


def _quoted(words: Any) -> str:
    return f"[{' '.join(_quote(word) for word in words)}]"


def _quote(word: str) -> str:
    return (
        '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'
    )
