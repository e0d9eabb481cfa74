"""The instructions of `--change` (import, commit): lines of a Dockerfile that alter an image's
configuration."""

import posixpath
import shlex

from sampan.build.parser import json_form
from sampan.engine.images import health
from sampan.errors import InvalidArgument
from sampan.oci.image import Config


def apply(config: Config, changes: list[str]) -> None:
    """Alter `config`. Raises InvalidArgument in Docker's words."""
    for change in changes:
        for line in change.splitlines():
            if line.strip():
                _apply(config, line.strip())


def _apply(config: Config, line: str) -> None:
    word, _, rest = line.partition(" ")
    instruction = _INSTRUCTIONS.get(word.upper())
    if instruction is None:
        raise InvalidArgument(f"{word.upper()} is not a valid change command")
    if not rest.strip():
        raise InvalidArgument(f"{word.upper()} requires at least one argument")
    instruction(config, rest.strip())


def _cmd(config: Config, text: str) -> None:
    config.Cmd = _command(text, config)


def _entrypoint(config: Config, text: str) -> None:
    config.Entrypoint = _command(text, config)


def _env(config: Config, text: str) -> None:
    values = dict(entry.partition("=")[::2] for entry in config.Env or ())
    values |= _pairs(text, "ENV")
    config.Env = [f"{name}={value}" for name, value in values.items()]


def _label(config: Config, text: str) -> None:
    config.Labels = (config.Labels or {}) | _pairs(text, "LABEL")


def _expose(config: Config, text: str) -> None:
    ports = dict(config.ExposedPorts or {})
    for word in _words(text):
        ports |= {port: {} for port in _ports(word)}
    config.ExposedPorts = ports


def _user(config: Config, text: str) -> None:
    config.User = text


def _workdir(config: Config, text: str) -> None:
    config.WorkingDir = posixpath.normpath(posixpath.join("/", config.WorkingDir or "", text))


def _volume(config: Config, text: str) -> None:
    paths = json_form(text) or _words(text)
    config.Volumes = dict(config.Volumes or {}) | {path: {} for path in paths}


def _stop_signal(config: Config, text: str) -> None:
    config.StopSignal = text


def _on_build(config: Config, text: str) -> None:
    word = text.split(None, 1)[0].upper()
    if word in ("ONBUILD", "FROM", "MAINTAINER"):
        raise InvalidArgument(f"{word} isn't allowed as an ONBUILD trigger")
    config.OnBuild = [*(config.OnBuild or ()), text]


def _healthcheck(config: Config, text: str) -> None:
    config.Healthcheck = health.parse(text, lambda command: _command(command, config))


_INSTRUCTIONS = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "ONBUILD": _on_build,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}


def _command(text: str, config: Config) -> list[str]:
    """JSON is taken as it is; anything else is for the shell."""
    listed = json_form(text)
    return list(listed) if listed is not None else [*(config.Shell or ["/bin/sh", "-c"]), text]


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise InvalidArgument(f"invalid change: {error}") from None


def _pairs(text: str, instruction: str) -> dict[str, str]:
    """`a=b c="d e"`, or the old `name the rest`."""
    first = text.split(None, 1)[0]
    if "=" not in first:
        name, _, rest = text.partition(" ")
        if not rest.strip():
            raise InvalidArgument(f"{instruction} must have two arguments")
        return {name: rest.strip()}
    pairs = {}
    for word in _words(text):
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise InvalidArgument(
                f'Syntax error - can\'t find = in "{word}". Must be of the form: name=value'
            )
        pairs[name] = value
    return pairs


def _ports(text: str) -> list[str]:
    """`80`, `53/udp`, `8000-8002/tcp`."""
    numbers, _, protocol = text.partition("/")
    low, dash, high = numbers.partition("-")
    ends = (low, high) if dash else (low, low)
    if not all(end.isdecimal() and 0 < int(end) < 65536 for end in ends) or int(ends[0]) > int(ends[1]):
        raise InvalidArgument(f"invalid containerPort: {text}")
    protocol = (protocol or "tcp").lower()
    if protocol not in ("tcp", "udp", "sctp"):
        raise InvalidArgument(f"invalid proto: {protocol}")
    return [f"{number}/{protocol}" for number in range(int(ends[0]), int(ends[1]) + 1)]
