"""The flags of `build` as the API takes them: the query, and our own frame."""

from __future__ import annotations

from binascii import b2a_base64

from sampan.cli import console
from sampan.cli.console import ExitWith
from sampan.wire import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values
    from sampan.cli.image.build_context import Context
    from sampan.cli.session import Session

_PLAIN = (
    ("target", "target"), ("cgroupparent", "cgroup-parent"),
    ("cpusetcpus", "cpuset-cpus"), ("cpusetmems", "cpuset-mems"),
)  # fmt: skip
_NUMBERS = (
    ("memory", "memory"), ("memswap", "memory-swap"), ("cpushares", "cpu-shares"),
    ("cpuperiod", "cpu-period"), ("cpuquota", "cpu-quota"), ("shmsize", "shm-size"),
)  # fmt: skip
_ENTITLEMENTS = ("network.host", "security.insecure")
_SECRETS_LIMIT = 500 << 10  # bytes


def parameters(options: Values, context: Context) -> list[tuple[str, str]]:
    pairs = [("t", tag) for tag in options["tag"]]
    pairs += [("extrahosts", host) for host in options["add-host"]]
    pairs += [(name, options[flag]) for name, flag in _PLAIN if options[flag]]
    pairs += [(name, str(options[flag])) for name, flag in _NUMBERS if options[flag]]
    network = options["network"] if isinstance(options["network"], str) else options["network"]["name"]
    pairs += [("networkmode", network)] if network != "default" else []
    pairs += [("nocache", "1")] if options["no-cache"] else []
    pairs += [("pull", "1")] if options["pull"] else []
    platform = options["platform"] or console.environment("DOCKER_DEFAULT_PLATFORM")
    pairs += [("platform", platform)] if platform else []
    pairs += [("dockerfile", context.dockerfile)] if context.dockerfile else []
    pairs += [("remote", context.remote)] if context.remote else []
    if given := _arguments(options):
        pairs.append(("buildargs", json.dumps(given)))
    if options["label"]:
        labels = [label.partition("=")[::2] for label in options["label"]]
        pairs.append(("labels", json.dumps(dict(labels))))
    if options["ulimit"]:
        pairs.append(("ulimits", json.dumps(options["ulimit"])))
    if options["cache-from"]:
        from sampan.cli.image import build_cache

        pairs.append(("cachefrom", json.dumps(build_cache.sources(options["cache-from"]))))
    return pairs


def _arguments(options: Values) -> dict[str, str]:
    """One without a value has that of the environment, or is none."""
    found: dict[str, str] = {}
    if epoch := console.environment("SOURCE_DATE_EPOCH"):
        found["SOURCE_DATE_EPOCH"] = epoch
    for text in options["build-arg"]:
        name, equals, value = text.partition("=")
        if equals or (value := console.environment(name)):
            found[name] = value
    return found


def own(options: Values, context: Context) -> dict[str, Any]:
    for name in options["allow"]:
        if name not in _ENTITLEMENTS:
            raise ExitWith(1, f"ERROR: invalid entitlement: {name}")
    return {
        "directories": context.directories(),
        "contexts": context.images,
        "dockerfile": context.text,
        "ignore": context.ignore,
        "secrets": _secrets(options["secret"]),
        "ssh": _agents(options["ssh"]),
        "allow": options["allow"],
        "no_cache_for": [name for text in options["no-cache-filter"] for name in text.split(",") if name],
        "check": options["check"],
        "cache_to": options["cache-to"],
    }


def _secrets(given: list[str]) -> dict[str, str]:
    return {name: b2a_base64(data, newline=False).decode() for name, data in map(_secret, given)}


def _secret(text: str) -> tuple[str, bytes]:
    fields = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if not equals:
            raise ExitWith(1, f"ERROR: invalid field '{part}' must be a key=value pair")
        fields[{"source": "src"}.get(key.lower(), key.lower())] = value
    unknown = set(fields) - {"id", "src", "env", "type"}
    if unknown:
        raise ExitWith(1, f"ERROR: unexpected key '{unknown.pop()}' in '{text}'")
    name = fields.get("id") or fields.get("src", "").rpartition("/")[2]
    if not name:
        raise ExitWith(1, "ERROR: secret needs an id")
    variable = fields.get("env", "")
    if fields.get("type") == "env":
        variable = variable or fields.get("src", "") or name
    elif not variable and "src" not in fields and console.environment(name):
        variable = name
    if variable:
        return name, console.environment(variable).encode("utf-8", "surrogateescape")
    return name, _content(fields.get("src") or name)


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(_SECRETS_LIMIT + 1)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise ExitWith(1, f"ERROR: failed to stat {path}: stat {path}: {reason}") from None
    if len(data) > _SECRETS_LIMIT:
        raise ExitWith(1, f"ERROR: secret {path} too big. max size 500KB")
    return data


def _agents(given: list[str]) -> dict[str, str]:
    """id → socket. Keys in files would need an agent of our own."""
    import os
    import stat

    found = {}
    for text in given:
        name, _, path = text.partition("=")
        path = path or console.environment("SSH_AUTH_SOCK")
        if not path:
            raise ExitWith(
                1, f"ERROR: invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set ({name})"
            )
        try:
            status = os.stat(path)
        except OSError as error:
            raise ExitWith(1, f"ERROR: stat {path}: {(error.strerror or '').lower()}") from None
        if not stat.S_ISSOCK(status.st_mode):
            raise ExitWith(
                1, f"ERROR: {path} is no socket: add the key to an agent, and name the agent's socket"
            )
        found[name] = os.path.abspath(path)
    return found


def registries(session: Session) -> str:
    """X-Registry-Config: what the configuration knows of every registry."""
    entries = session.config.get("auths") or {}
    if not entries:
        return ""
    from sampan.cli.image import credentials

    found = {}
    for host in entries:
        domain = host.removeprefix("https://").removeprefix("http://").partition("/")[0]
        domain = "docker.io" if domain == "index.docker.io" else domain
        header = credentials.header(session.config, domain)
        if header:
            from binascii import a2b_base64

            found[host] = json.loads(a2b_base64(header.replace("-", "+").replace("_", "/")))
    if not found:
        return ""
    text = b2a_base64(json.dumpb(found), newline=False).decode()
    return text.replace("+", "-").replace("/", "_")
