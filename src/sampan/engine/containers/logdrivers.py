"""Where a container's output is kept, and where it is sent: the options of each log driver, looked at at
create and resolved at start. Pure, but for names that are resolved and servers that are tried.

| driver    | written by the monitor                         | read back from                  |
|-----------|------------------------------------------------|---------------------------------|
| json-file | ID-json.log, as Docker's, 3 × 10 MB by default | itself                          |
| local     | local-logs/container.log, 5 × 20 MB, packed    | itself                          |
| syslog    | sent to the server                             | container-cached.log, 5 × 20 MB |
| journald  | sent to journald                               | container-cached.log            |
| none      | nothing                                        | -                               |
"""

import json
import os
import re
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from sampan.engine.containers.config import LogConfig
from sampan.engine.containers.record import Definition
from sampan.errors import Internal, InvalidArgument
from sampan.runtime.protocol import Forward, Log

ROTATION = {"max-size": "10m", "max-file": "3"}  # Docker's json-file grows without bound
_ATTRIBUTES = ("env", "env-regex", "labels", "labels-regex", "tag")
_COMMON = ("mode", "max-buffer-size")
_CACHE = ("cache-disabled", "cache-max-size", "cache-max-file", "cache-compress")
_OPTIONS: dict[str, tuple[str, ...]] = {
    "json-file": ("max-size", "max-file", "compress", *_ATTRIBUTES),
    "local": ("max-size", "max-file", "compress"),
    "none": (),
    "journald": (*_ATTRIBUTES, *_CACHE),
    "syslog": (
        "syslog-address", "syslog-facility", "syslog-format", "syslog-tls-ca-cert", "syslog-tls-cert",
        "syslog-tls-key", "syslog-tls-skip-verify", *_ATTRIBUTES, *_CACHE,
    ),
}  # fmt: skip
DRIVERS = tuple(sorted(_OPTIONS))
_FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "", "", "", "", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip
_FORMATS = ("", "rfc3164", "rfc5424", "rfc5424micro")
_TRANSPORTS = ("unix", "unixgram", "udp", "tcp", "tcp+tls")
_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")
_BUFFER = 1 << 20  # bytes: what waits for a server (moby: 1 MB)
_PATIENCE = 5.0  # seconds for a server to accept, at the start of a container
_JOURNAL = "/run/systemd/journal/socket"
_FIELD = re.compile(r"\{\{-?\s*\.([A-Za-z]+)\s*-?\}\}")


def merged(log: LogConfig, file: dict[str, Any]) -> LogConfig:
    """With what the daemon's configuration says: `log-driver`, and `log-opts` for that driver."""
    default = str(file.get("log-driver", "json-file"))
    kind, given = log.type or default, dict(log.config or {})
    if kind == default:
        given = {name: str(value) for name, value in file.get("log-opts", {}).items()} | given
    if kind == "json-file" and not {"max-size", "max-file"} & set(given):
        given = ROTATION | given
    return LogConfig(kind, given)


def check(log: LogConfig) -> None:
    """Raises InvalidArgument in Docker's words."""
    driver, options = log.type or "json-file", log.config or {}
    if driver not in _OPTIONS:
        raise InvalidArgument(f'error looking up logging plugin {driver}: plugin "{driver}" not found')
    mode = options.get("mode", "blocking")
    if mode not in ("", "blocking", "non-blocking"):
        raise InvalidArgument(f"logger: logging mode not supported: {mode}")
    if "max-buffer-size" in options:
        if mode != "non-blocking":
            raise InvalidArgument("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
        parse_size(options["max-buffer-size"])
    for name in options:
        if name not in _OPTIONS[driver] and (driver == "none" or name not in _COMMON):
            raise InvalidArgument(f"unknown log opt '{name}' for {driver} log driver")
    limits(options, packed=_packed(driver))
    for name in ("env-regex", "labels-regex"):
        _regex(options.get(name, ""))
    _check_tag(options.get("tag", ""))
    if driver == "syslog":
        facility(options.get("syslog-facility", ""))
        if options.get("syslog-format", "") not in _FORMATS:
            raise InvalidArgument("Invalid syslog format")
        address(options.get("syslog-address", ""))


def _packed(driver: str) -> bool:
    return driver != "json-file"


def limits(options: dict[str, str], *, packed: bool) -> tuple[int, int, bool]:
    """(bytes, files, whether old files are compressed). `packed`: the defaults of `local`, and of caches."""
    size = parse_size(options["max-size"]) if "max-size" in options else (20 << 20 if packed else -1)
    files = options.get("max-file", "5" if packed else "1")
    if not (files.isascii() and files.isdigit()) or not 0 < int(files[:9]) < 10_000:
        raise InvalidArgument("max-file cannot be less than 1")
    if size < 0 and int(files) > 1 and "max-file" in options:
        raise InvalidArgument("max-file option requires max-size to be set")
    possible = int(files) > 1 and size > 0
    compress = _flag("compress", options["compress"]) if "compress" in options else packed and possible
    if compress and not possible:
        raise InvalidArgument("compress cannot be true when max-file is less than 2 or max-size is not set")
    return size, int(files), compress


def parse_size(text: str) -> int:
    """ "10m" → bytes; -1 is no limit. Raises InvalidArgument."""
    if text == "-1":
        return -1
    number = text.strip().lower().removesuffix("b").removesuffix("i")
    factor = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}.get(number[-1:], 1)
    digits = number.rstrip("kmgt") if factor > 1 else number
    if not (digits.isascii() and digits.replace(".", "", 1).isdecimal()) or len(digits) > 18:
        raise InvalidArgument(f"invalid size: '{text}'")
    return int(float(digits) * factor)


def facility(text: str) -> int:
    if not text:
        return _FACILITIES.index("daemon")
    if text in _FACILITIES:
        return _FACILITIES.index(text)
    if text.isascii() and text.isdigit() and int(text[:4]) < len(_FACILITIES):
        return int(text)
    raise InvalidArgument("invalid syslog facility")


def address(text: str) -> tuple[str, str]:
    """(transport, path or host:port); ("", "") is the machine's own syslog."""
    if not text:
        return "", ""
    transport, separator, rest = text.partition("://")
    if not separator or transport not in _TRANSPORTS or not rest:
        raise InvalidArgument(f"syslog-address should be in form proto://address, got {text}")
    if transport in ("unix", "unixgram"):
        if not os.path.exists(rest):
            raise InvalidArgument(f"stat {rest}: no such file or directory")
        return transport, rest
    try:
        parts = urlsplit(f"x://{rest}")
        host, port = parts.hostname or "", parts.port or (6514 if transport == "tcp+tls" else 514)
    except ValueError:
        raise InvalidArgument(f"syslog-address should be in form proto://address, got {text}") from None
    return transport, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _flag(name: str, text: str) -> bool:
    if text not in (*_TRUE, *_FALSE):
        raise InvalidArgument(
            f'invalid value for {name}: strconv.ParseBool: parsing "{text}": invalid syntax'
        )
    return text in _TRUE


def _regex(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise InvalidArgument(f"error parsing regexp: {error}: `{text}`") from None


# -- what a container's records and messages carry ------------------------------------------------------


def _check_tag(template: str) -> None:
    for name in _FIELD.findall(template):
        if name not in _TAG_FIELDS:
            raise InvalidArgument(f"invalid tag: there is no field {name}")
    if "{{" in _FIELD.sub("", template):
        raise InvalidArgument(f"invalid tag: only fields of the container can be templated: {template}")


_TAG_FIELDS: dict[str, Callable[[Definition], str]] = {
    "ID": lambda one: one.id[:12],
    "FullID": lambda one: one.id,
    "Name": lambda one: one.name,
    "ImageID": lambda one: one.image_id.removeprefix("sha256:")[:12],
    "ImageFullID": lambda one: one.image_id,
    "ImageName": lambda one: one.config.image,
    "DaemonName": lambda one: "docker",
    "Command": lambda one: " ".join([one.path, *one.args]),
}


def tag(definition: Definition, template: str) -> str:
    return _FIELD.sub(lambda field: _TAG_FIELDS[field.group(1)](definition), template)


def attributes(definition: Definition, options: dict[str, str]) -> dict[str, str]:
    """The labels and variables that the options choose (moby loginfo.go, ExtraAttributes)."""
    labels = definition.config.labels or {}
    variables = dict(entry.split("=", 1) for entry in definition.config.env or () if "=" in entry)
    found: dict[str, str] = {}
    for option, values in (("labels", labels), ("env", variables)):
        wanted = set(filter(None, options.get(option, "").split(",")))
        pattern = _regex(options.get(f"{option}-regex") or "(?!)")  # the empty one means nothing
        found |= {name: value for name, value in values.items() if name in wanted or pattern.search(name)}
    return found


# -- at start -------------------------------------------------------------------------------------------


def path(data: str, identity: str, driver: str) -> str:
    """The file that `logs` reads; "" for none."""
    names = {"json-file": f"{identity}-json.log", "local": "local-logs/container.log", "none": ""}
    name = names.get(driver, "container-cached.log")
    return f"{data}/{name}" if name else ""


def resolve(definition: Definition, data: str) -> Log:
    """Raises Internal when the server cannot be reached, as Docker refuses to start then."""
    config = definition.host_config.log_config
    driver, options = config.type, config.config or {}
    if driver == "none":
        return Log("none", "")
    own = attributes(definition, options)
    forward: Forward | None = None
    if driver in ("syslog", "journald"):
        forward = _syslog(definition, options) if driver == "syslog" else _journald(definition, options, own)
        cache = {name.removeprefix("cache-"): value for name, value in options.items() if name in _CACHE}
        if _flag("cache-disabled", cache.pop("disabled", "false")):
            return Log("none", "", forward=forward)
        options = cache
    if driver == "json-file" and "tag" in options:
        own["tag"] = tag(definition, options["tag"])
    size, files, compress = limits(options, packed=_packed(driver))
    file = path(data, definition.id, driver)
    os.makedirs(os.path.dirname(file), mode=0o700, exist_ok=True)
    text = json.dumps(own, sort_keys=True, separators=(",", ":"), ensure_ascii=False) if own else ""
    return Log("json-file", file, size, files, compress, text, forward)


def _waiting(options: dict[str, str]) -> tuple[int, bool]:
    """(bytes that may wait for the server, whether the container waits then)."""
    blocking = options.get("mode", "blocking") != "non-blocking"
    return parse_size(options["max-buffer-size"]) if "max-buffer-size" in options else _BUFFER, blocking


def _journald(definition: Definition, options: dict[str, str], own: dict[str, str]) -> Forward:
    if not os.path.exists(_JOURNAL):
        raise Internal("failed to initialize logging driver: journald is not enabled on this host")
    shown = tag(definition, options.get("tag") or "{{.ID}}")
    fields = {
        "CONTAINER_ID": definition.id[:12],
        "CONTAINER_ID_FULL": definition.id,
        "CONTAINER_NAME": definition.name,
        "CONTAINER_TAG": shown,
        "IMAGE_NAME": definition.config.image,
        "SYSLOG_IDENTIFIER": shown,
        **{re.sub(r"[^A-Z0-9_]", "_", name.upper()).lstrip("_"): value for name, value in own.items()},
    }
    limit, blocking = _waiting(options)
    return Forward("unixgram", _JOURNAL, "journald", shown, 0, limit, blocking, list(fields.items()))


def _syslog(definition: Definition, options: dict[str, str]) -> Forward:
    transport, place = address(options.get("syslog-address", ""))
    if not transport:
        transport, place = "unixgram", "/dev/log"
    tls = {
        name: options[f"syslog-tls-{name}"]
        for name in ("ca-cert", "cert", "key", "skip-verify")
        if f"syslog-tls-{name}" in options
    }
    _try(transport, place)
    form = options.get("syslog-format", "") or "unix"
    shown = tag(definition, options.get("tag") or "{{.ID}}")
    limit, blocking = _waiting(options)
    number = facility(options.get("syslog-facility", ""))
    return Forward(transport, place, form, shown, number, limit, blocking, list(tls.items()))


def _try(transport: str, place: str) -> None:
    host, _, port = place.rpartition(":")
    try:
        if transport in ("tcp", "tcp+tls"):
            socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
        elif transport == "udp":
            socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)
        elif not os.path.exists(place):
            raise Internal("failed to initialize logging driver: Unix syslog delivery error")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        dialled = f"dial {transport.removesuffix('+tls')} {place}"
        raise Internal(f"failed to initialize logging driver: {dialled}: connect: {reason}") from None
