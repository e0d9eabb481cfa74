"""Restart policies: when a container that ended starts again, and how that is called off.

As moby's restartmanager, except for one thing: `docker kill -s HUP` does not take a container's policy away.

| policy         | ended by itself      | stopped by hand | the daemon, or the machine, starts         |
|----------------|----------------------|-----------------|--------------------------------------------|
| no             | -                    | -               | -                                          |
| on-failure[:N] | code ≠ 0, N times    | -               | code ≠ 0, N times, not if stopped by hand  |
| unless-stopped | again                | -               | again, not if stopped by hand              |
| always         | again                | -               | again                                      |

What ran when the machine went down ended with 255: nobody saw how.
"""

from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.engine.state import State

FIRST_DELAY = 0.1  # seconds before the first restart; doubled each time (moby restartmanager)
LONGEST_DELAY = 60.0
STABLE = 10_000_000_000  # nanoseconds of uptime after which the delay starts over


def should_restart(container: Container, exit_code: int) -> bool:
    """It ended, and the daemon sees it."""
    if container.status.stopped_by_user or container.definition.host_config.auto_remove:
        return False
    policy = container.definition.host_config.restart_policy
    return policy.name in ("always", "unless-stopped") or _failed(container, exit_code)


def starts_with_daemon(container: Container) -> bool:
    """It has ended, and the daemon comes up."""
    policy = container.definition.host_config.restart_policy
    if policy.name == "always":
        return True
    if container.status.stopped_by_user:
        return False
    return policy.name == "unless-stopped" or _failed(container, container.status.exit_code)


def _failed(container: Container, exit_code: int) -> bool:
    policy = container.definition.host_config.restart_policy
    limit = policy.maximum_retry_count
    within = limit == 0 or container.status.restart_count < limit
    return policy.name == "on-failure" and exit_code != 0 and within


def next_delay(delay: float, uptime: int) -> float:
    """Seconds to wait before a restart. `delay`: before the last one, 0 for none; `uptime` in nanoseconds."""
    if uptime >= STABLE or not delay:
        return FIRST_DELAY
    return min(delay * 2, LONGEST_DELAY)


def cancel_restart(engine: Engine, container: Container) -> bool:
    """True: a restart was due, and the container is just exited now."""
    if container.state is not State.RESTARTING:
        return False
    if container.restart is not None:
        container.restart.cancel()
        container.restart = None
    container.become(State.EXITED)
    engine.records.save_soon(container)
    return True
