"""The table of `restarts`, and the back-off."""

import pytest

from sampan.engine.containers.config import Config, HostConfig, NetworkingConfig, RestartPolicy
from sampan.engine.containers.record import Container, Definition, Status
from sampan.engine.containers.restarts import next_delay, should_restart, starts_with_daemon


def container(policy: str, code: int = 0, *, stopped: bool = False, count: int = 0) -> Container:
    name, _, limit = policy.partition(":")
    host = HostConfig(restart_policy=RestartPolicy(name=name, maximum_retry_count=int(limit or 0)))
    definition = Definition("0" * 64, "x", 0, "", "", [], Config(), host, NetworkingConfig(), [], [], [])
    return Container(definition, Status(exit_code=code, stopped_by_user=stopped, restart_count=count))


@pytest.mark.parametrize(
    ("policy", "code", "stopped", "count", "expected"),
    [
        ("no", 1, False, 0, (False, False)),
        ("always", 0, False, 9, (True, True)),
        ("always", 137, True, 0, (False, True)),
        ("unless-stopped", 0, False, 9, (True, True)),
        ("unless-stopped", 137, True, 0, (False, False)),
        ("on-failure", 0, False, 0, (False, False)),
        ("on-failure", 1, False, 99, (True, True)),
        ("on-failure", 255, False, 0, (True, True)),
        ("on-failure", 137, True, 0, (False, False)),
        ("on-failure:2", 1, False, 1, (True, True)),
        ("on-failure:2", 1, False, 2, (False, False)),
    ],
)
def test_who_starts_again(
    policy: str, code: int, stopped: bool, count: int, expected: tuple[bool, bool]
) -> None:
    """(when it ends, when the daemon starts)"""
    found = container(policy, code, stopped=stopped, count=count)
    assert (should_restart(found, code), starts_with_daemon(found)) == expected


def test_what_removes_itself_does_not_start_again() -> None:
    found = container("always")
    found.definition.host_config.auto_remove = True
    assert not should_restart(found, 1)


def test_the_delay_doubles_up_to_a_minute_and_starts_over_after_ten_seconds_of_uptime() -> None:
    delays, delay = [], 0.0
    for _ in range(12):
        delay = next_delay(delay, 0)
        delays.append(round(delay, 1))
    assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60.0, 60.0]
    assert next_delay(60.0, 9_999_999_999) == 60.0
    assert next_delay(60.0, 10_000_000_000) == 0.1
