"""What outcomes of probes make of a container."""

import pytest

from sampan.engine.containers import health
from sampan.engine.containers.config import Config, HealthConfig
from sampan.engine.containers.health import Health, Result
from sampan.oci import image

SECOND = 1_000_000_000


def result(code: int, at: int = 0) -> Result:
    return Result(at * SECOND, at * SECOND, code, "")


def test_failures_in_a_row_make_it_unhealthy_and_one_success_healthy() -> None:
    config, found = HealthConfig(retries=2), Health()
    assert not health.judge(config, found, result(1), 0)
    assert (found.status, found.streak) == ("starting", 1)
    assert health.judge(config, found, result(7), 0)
    assert (found.status, found.streak) == ("unhealthy", 2)
    assert not health.judge(config, found, result(-1), 0)
    assert found.streak == 3
    assert health.judge(config, found, result(0), 0)
    assert (found.status, found.streak) == ("healthy", 0)
    assert not health.judge(config, found, result(1), 0)
    assert (found.status, found.streak) == ("healthy", 1)


def test_failures_of_the_start_period_do_not_count_until_it_was_healthy_once() -> None:
    config, found = HealthConfig(retries=1, start_period=10 * SECOND), Health()
    assert not health.judge(config, found, result(1, at=9), 0)
    assert (found.status, found.streak) == ("starting", 0)
    assert health.judge(config, found, result(0, at=9), 0)
    assert health.judge(config, found, result(1, at=9), 0)
    assert found.status == "unhealthy"
    late = Health()
    assert health.judge(config, late, result(1, at=10), 0)


def test_three_failures_without_a_number() -> None:
    found = Health()
    changed = [health.judge(HealthConfig(), found, result(1), 0) for _ in range(4)]
    assert changed == [False, False, True, False]


def test_the_last_five_results_are_kept() -> None:
    found = Health()
    for code in range(8):
        health.judge(HealthConfig(), found, result(code), 0)
    assert [one.exit_code for one in found.log] == [3, 4, 5, 6, 7]


def test_when_the_next_probe_is_due() -> None:
    assert health.until_next(HealthConfig(), Health(), 0) == 30 * SECOND
    config = HealthConfig(interval=7 * SECOND, start_period=60 * SECOND)
    assert health.until_next(config, Health(), 0) == 5 * SECOND
    assert health.until_next(config, Health("healthy"), 0) == 7 * SECOND
    assert health.until_next(config, Health(), 61 * SECOND) == 7 * SECOND
    config.start_interval = SECOND
    assert health.until_next(config, Health(), 0) == SECOND


def test_what_a_probe_runs() -> None:
    def command(test: list[str] | None, shell: list[str] | None = None) -> list[str] | None:
        return health.command(Config(healthcheck=HealthConfig(test=test), shell=shell))

    assert command(["CMD", "curl", "x"]) == ["curl", "x"]
    assert command(["CMD-SHELL", "a && b"]) == ["/bin/sh", "-c", "a && b"]
    assert command(["CMD-SHELL", "a"], ["/bin/bash", "-ec"]) == ["/bin/bash", "-ec", "a"]
    for nothing in (None, [], ["NONE"], ["CMD"], ["WHAT", "x"]):
        assert command(nothing) is None
    assert health.command(Config()) is None


def test_what_the_user_leaves_open_is_the_images() -> None:
    theirs = image.Health(Test=["CMD", "x"], Interval=3, Retries=4)
    merged = health.merge(HealthConfig(interval=9), theirs)
    assert merged is not None
    assert (merged.test, merged.interval, merged.retries, merged.timeout) == (["CMD", "x"], 9, 4, 0)
    assert health.merge(None, None) is None
    off = health.merge(HealthConfig(test=["NONE"]), theirs)
    assert off is not None
    assert off.test == ["NONE"]


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (30 * SECOND, "30s"), (90 * SECOND, "1m30s"), (3600 * SECOND, "1h0m0s"), (1_500_000_000, "1.5s"),
        (1_000_000, "1ms"), (250_500_000, "250.5ms"),
    ],
)  # fmt: skip
def test_durations_are_written_as_go_does(nanoseconds: int, text: str) -> None:
    config = HealthConfig(timeout=nanoseconds)
    assert health.too_long(config, "") == f"Health check exceeded timeout ({text})"
    assert health.too_long(config, "so far").endswith(f"({text}): so far")
