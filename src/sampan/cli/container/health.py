"""The flags of a container's health check."""

from __future__ import annotations

from sampan.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sampan.cli.flags import Values

HOOK = "sampan.health-on-failure"  # a label, so that every client of the API can set it
_ACTIONS = ("none", "restart", "kill", "stop")
_FIELDS = (
    ("health-interval", "Interval"),
    ("health-timeout", "Timeout"),
    ("health-retries", "Retries"),
    ("health-start-period", "StartPeriod"),
    ("health-start-interval", "StartInterval"),
)


def check(options: Values) -> dict[str, Any] | None:
    """The API's HealthConfig; None: as the image has it. Raises InvalidArgument."""
    given = {field: options[flag] for flag, field in _FIELDS if options[flag]}
    if options["no-healthcheck"]:
        if given or options["health-cmd"]:
            raise InvalidArgument("--no-healthcheck conflicts with --health-* options")
        return {"Test": ["NONE"]}
    for flag, _ in _FIELDS:
        if options[flag] < 0:
            raise InvalidArgument(f"--{flag} cannot be negative")
    if options["health-cmd"]:
        given["Test"] = ["CMD-SHELL", options["health-cmd"]]
    return given or None


def action(text: str) -> str:
    if text not in _ACTIONS:
        raise InvalidArgument(
            f'invalid value "{text}" for --health-on-failure: use one of none, restart, kill, stop'
        )
    return text
