"""The system calls that a container may make: which profile, compiled. Calm."""

import json
from typing import Any

from sampan.engine.containers.capabilities import effective
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument
from sampan.runtime import seccomp


def seccomp_file(engine: Engine, container: Container) -> str | None:
    """The compiled filter, or None for unconfined: asked for, or privileged without a profile."""
    host = container.definition.host_config
    profile: dict[str, Any] | None = None
    for option in host.security_opt or ():
        name, _, value = option.replace(":", "=", 1).partition("=")
        if name == "seccomp" and value == "unconfined":
            return None
        if name == "seccomp" and value != "builtin":
            profile = _profile(value)
    if host.privileged and profile is None:
        return None
    bounding = effective(host.cap_add or [], host.cap_drop or [], privileged=host.privileged)
    return seccomp.compiled(profile, bounding, f"{engine.settings.data_root}/seccomp")


def _profile(text: str) -> dict[str, Any]:
    try:
        profile = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"decoding seccomp profile failed: {error}") from None
    if not isinstance(profile, dict):
        raise InvalidArgument("decoding seccomp profile failed: it is no object")
    return profile
