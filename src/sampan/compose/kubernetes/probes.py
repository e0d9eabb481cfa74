"""Health checks as probes, hooks as a container's lifecycle."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from sampan.compose import quantities
from sampan.compose.kubernetes import names

if TYPE_CHECKING:
    from sampan.compose.kubernetes.storage import Say
    from sampan.compose.model import Healthcheck, Hook, Service

# What Docker does where a check says nothing, and Kubernetes would do something else.
_INTERVAL, _TIMEOUT, _RETRIES = 30, 30, 3


def of_service(service: Service, say: Say) -> dict[str, Any]:
    """readinessProbe: who depends on it waits; livenessProbe: as an orchestrator of Docker's, Kubernetes
    starts anew what is unhealthy."""
    check = service.healthcheck
    if check is None or check.disable or check.test[:1] == ["NONE"]:
        return {}
    where = f"services.{service.name}.healthcheck"
    if not check.test:
        say(where, "the test is the image's own: it is not known here, and no probe is made of it")
        return {}
    if check.start_interval:
        say(f"{where}.start_interval", "has no counterpart")
    probe = _probe(check)
    delay = {"initialDelaySeconds": _seconds(check.start_period, 0)} if check.start_period else {}
    return {"readinessProbe": probe, "livenessProbe": {**probe, **delay}}


def _probe(check: Healthcheck) -> dict[str, Any]:
    kind, *words = check.test
    command = ["/bin/sh", "-c", *words] if kind == "CMD-SHELL" else words
    return {
        "exec": {"command": command},
        "periodSeconds": _seconds(check.interval, _INTERVAL),
        "timeoutSeconds": _seconds(check.timeout, _TIMEOUT),
        "failureThreshold": check.retries or _RETRIES,
    }


def _seconds(text: str, otherwise: int) -> int:
    return names.seconds(quantities.duration(text)) if text else otherwise


def lifecycle(service: Service, say: Say) -> dict[str, Any]:
    found = {}
    for key, hooks in (("postStart", service.post_start), ("preStop", service.pre_stop)):
        if hooks:
            found[key] = {"exec": {"command": _command(service, key, hooks, say)}}
    return found


def _command(service: Service, key: str, hooks: list[Hook], say: Say) -> list[str]:
    """One exec is all that there is: several become one line of a shell."""
    word = "post_start" if key == "postStart" else "pre_stop"
    for index, hook in enumerate(hooks):
        if hook.user or hook.privileged:
            say(f"services.{service.name}.{word}.{index}", "user and privileged cannot be set for a hook")
    if len(hooks) == 1 and not hooks[0].environment and not hooks[0].working_dir:
        return hooks[0].command
    return ["/bin/sh", "-c", " && ".join(map(_line, hooks))]


def _line(hook: Hook) -> str:
    variables = [f"{name}={value}" for name, value in hook.environment.items() if value is not None]
    line = shlex.join(["env", *variables, *hook.command] if variables else hook.command)
    return f"(cd {shlex.quote(hook.working_dir)} && {line})" if hook.working_dir else line
