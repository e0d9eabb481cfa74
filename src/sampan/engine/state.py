"""The states of a container, and which may follow which. The booleans of the wire are computed from it."""

from enum import StrEnum

from sampan.errors import Internal


class State(StrEnum):
    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"  # ended, and the supervisor will start it again
    EXITED = "exited"
    REMOVING = "removing"
    DEAD = "dead"  # removal failed half-way; only removing is left


_NEXT: dict[State, frozenset[State]] = {
    State.CREATED: frozenset((State.RUNNING, State.REMOVING)),
    State.RUNNING: frozenset((State.PAUSED, State.RESTARTING, State.EXITED)),
    State.PAUSED: frozenset((State.RUNNING, State.RESTARTING, State.EXITED)),
    State.RESTARTING: frozenset((State.RUNNING, State.EXITED, State.REMOVING)),
    State.EXITED: frozenset((State.RUNNING, State.REMOVING)),
    State.REMOVING: frozenset((State.DEAD,)),
    State.DEAD: frozenset((State.REMOVING,)),
}
ALIVE = frozenset((State.RUNNING, State.PAUSED))


def check(current: State, following: State) -> State:
    """`following`, if it may follow. Raises Internal: a wrong transition is a fault of ours."""
    if following not in _NEXT[current]:
        raise Internal(f"a container that is {current} cannot become {following}")
    return following
