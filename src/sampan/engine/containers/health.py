"""Health checks, the part that decides: what is run, when, and what its outcomes make of a container.

The rules are moby's (daemon/health.go); pure. `engine.containers.probes` runs them. What Docker has not:
the label `HOOK` (what `--health-on-failure` sets) says what is done to a container that becomes unhealthy.
"""

from typing import Any

import msgspec

from sampan.engine import timestamps
from sampan.engine.containers.config import Config, HealthConfig
from sampan.errors import InvalidArgument
from sampan.oci import image

STARTING, HEALTHY, UNHEALTHY, NONE = "starting", "healthy", "unhealthy", "none"
STATUSES = (STARTING, HEALTHY, UNHEALTHY, NONE)
HOOK = "sampan.health-on-failure"
ACTIONS = ("none", "restart", "kill", "stop")
OUTPUT_LIMIT = 4096  # bytes that are kept of a probe's output
NO_EXIT_CODE = -1  # it took too long, or could not be run
_LOG_LIMIT = 5
_SECOND = 1_000_000_000
_INTERVAL, _TIMEOUT, _START_INTERVAL, _RETRIES = 30 * _SECOND, 30 * _SECOND, 5 * _SECOND, 3
_SHORTEST = 1_000_000  # nanoseconds


class Result(msgspec.Struct):
    """One probe; times in nanoseconds since the epoch."""

    start: int
    end: int
    exit_code: int
    output: str


class Health(msgspec.Struct):
    status: str = STARTING
    streak: int = 0  # failures in a row that count
    log: list[Result] = []


def check(config: HealthConfig | None, labels: dict[str, str] | None) -> None:
    """Raises InvalidArgument, in moby's words for what moby knows."""
    action = (labels or {}).get(HOOK, "none")
    if action not in ACTIONS:
        raise InvalidArgument(f"invalid {HOOK}: '{action}'; use one of 'none', 'restart', 'kill', or 'stop'")
    if config is None:
        return
    durations = {
        "Interval": config.interval,
        "Timeout": config.timeout,
        "StartPeriod": config.start_period,
        "StartInterval": config.start_interval,
    }
    for name, value in durations.items():
        if value != 0 and value < _SHORTEST:
            raise InvalidArgument(f"{name} in Healthcheck cannot be less than 1ms")
    if config.retries < 0:
        raise InvalidArgument("Retries in Healthcheck cannot be negative")


def merge(own: HealthConfig | None, from_image: image.Health | None) -> HealthConfig | None:
    """What the image says, for what the user left open."""
    if from_image is None:
        return own
    own = own or HealthConfig()
    own.test = own.test or from_image.Test
    own.interval = own.interval or from_image.Interval or 0
    own.timeout = own.timeout or from_image.Timeout or 0
    own.start_period = own.start_period or from_image.StartPeriod or 0
    own.start_interval = own.start_interval or from_image.StartInterval or 0
    own.retries = own.retries or from_image.Retries or 0
    return own


def command(config: Config) -> list[str] | None:
    """What a probe runs; None: there is no health check."""
    test = (config.healthcheck.test if config.healthcheck else None) or []
    if len(test) < 2 or test[0] not in ("CMD", "CMD-SHELL"):
        return None
    shell = (config.shell or ["/bin/sh", "-c"]) if test[0] == "CMD-SHELL" else []
    return [*shell, *test[1:]]


def timeout(config: HealthConfig) -> int:
    return config.timeout or _TIMEOUT


def until_next(config: HealthConfig, health: Health, uptime: int) -> int:
    """Nanoseconds to wait before the next probe."""
    if uptime < config.start_period and health.status == STARTING:
        return config.start_interval or _START_INTERVAL
    return config.interval or _INTERVAL


def judge(config: HealthConfig, health: Health, result: Result, started_at: int) -> bool:
    """Take a result in. Whether the status has changed."""
    before = health.status
    health.log = [*health.log[1 - _LOG_LIMIT :], result]
    if result.exit_code == 0:
        health.streak, health.status = 0, HEALTHY
    elif before != STARTING or result.start - started_at >= config.start_period:
        health.streak += 1
        if health.streak >= (config.retries or _RETRIES):
            health.status = UNHEALTHY
    return health.status != before


def too_long(config: HealthConfig, output: str) -> str:
    text = f"Health check exceeded timeout ({duration(timeout(config))})"
    return f"{text}: {output}" if output else text


def duration(nanoseconds: int) -> str:
    """As Go prints a time.Duration."""
    for unit, size in (("ms", 1_000_000), ("µs", 1_000), ("ns", 1)):
        if size <= nanoseconds < size * 1000:
            return f"{nanoseconds / size:.9f}".rstrip("0").rstrip(".") + unit
    minutes, rest = divmod(nanoseconds, 60 * _SECOND)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest / _SECOND:.9f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def action(config: Config) -> str:
    return (config.labels or {}).get(HOOK, "none")


def wire(health: Health) -> dict[str, Any]:
    """`State.Health` of inspect."""
    return {
        "Status": health.status,
        "FailingStreak": health.streak,
        "Log": [
            {
                "Start": timestamps.text(one.start),
                "End": timestamps.text(one.end),
                "ExitCode": one.exit_code,
                "Output": one.output,
            }
            for one in health.log
        ],
    }


def shown(health: Health | None) -> str:
    """What `ps` has in brackets behind the uptime."""
    if health is None:
        return ""
    return " (health: starting)" if health.status == STARTING else f" ({health.status})"
