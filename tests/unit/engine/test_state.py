"""Which state may follow which."""

import pytest

from sampan.engine.state import State, check
from sampan.errors import Internal


@pytest.mark.parametrize(
    ("current", "following"),
    [
        (State.CREATED, State.RUNNING),
        (State.RUNNING, State.EXITED),
        (State.RUNNING, State.RESTARTING),
        (State.RESTARTING, State.RUNNING),
        (State.EXITED, State.RUNNING),
        (State.EXITED, State.REMOVING),
        (State.REMOVING, State.DEAD),
    ],
)
def test_a_life(current: State, following: State) -> None:
    assert check(current, following) is following


@pytest.mark.parametrize(
    ("current", "following"),
    [(State.RUNNING, State.REMOVING), (State.CREATED, State.EXITED), (State.REMOVING, State.RUNNING)],
)
def test_no_life(current: State, following: State) -> None:
    with pytest.raises(Internal):
        check(current, following)
