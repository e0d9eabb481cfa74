"""The system calls that a container may make: which profile, compiled. Calm."""

import json
from typing import Any

from sampan.engine.containers import security
from sampan.engine.containers.capabilities import effective
from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.errors import InvalidArgument
from sampan.runtime import seccomp


def seccomp_file(engine: Engine, container: Container) -> str | None:
    """The compiled filter, or None for unconfined: asked for, or privileged without a profile."""
    confined, profile = _confinement(container)
    if not confined:
        return None
    return seccomp.compiled(profile, _bounding(container), f"{engine.settings.data_root}/seccomp")


def add_filter(container: Container, spec: dict[str, Any]) -> None:
    """To the spec, for another runtime, which compiles it itself."""
    confined, profile = _confinement(container)
    if confined and (document := seccomp.document(profile, _bounding(container))) is not None:
        spec["linux"]["seccomp"] = document


def _bounding(container: Container) -> list[str]:
    host = container.definition.host_config
    return effective(host.cap_add or [], host.cap_drop or [], privileged=host.privileged)


def _confinement(container: Container) -> tuple[bool, dict[str, Any] | None]:
    """(whether there is a filter, its profile or None for the default one)."""
    host = container.definition.host_config
    profile: dict[str, Any] | None = None
    for name, value in security.options(host):
        if name == "seccomp" and value == "unconfined":
            return False, None
        if name == "seccomp" and value != "builtin":
            profile = _profile(value)
    return not host.privileged or profile is not None, profile


def _profile(text: str) -> dict[str, Any]:
    try:
        profile = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"decoding seccomp profile failed: {error}") from None
    if not isinstance(profile, dict):
        raise InvalidArgument("decoding seccomp profile failed: it is no object")
    return profile
