"""Restart policies: when a container that ended starts again, and how that is called off."""

from sampan.engine.containers.record import Container
from sampan.engine.engine import Engine
from sampan.engine.state import State


def should_restart(container: Container, exit_code: int) -> bool:
    policy, status = container.definition.host_config.restart_policy, container.status
    if status.stopped_by_user or container.definition.host_config.auto_remove:
        return False
    if policy.name in ("always", "unless-stopped"):
        return True
    limit = policy.maximum_retry_count
    return policy.name == "on-failure" and exit_code != 0 and (limit == 0 or status.restart_count < limit)


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
