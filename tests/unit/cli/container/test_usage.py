"""The columns of `stats`, computed as Docker's client computes them."""

from typing import Any

import pytest

from sampan.cli.container import usage
from sampan.cli.container.usage import Usage
from sampan.cli.format import View


def cpu(total: int, system: int, **more: Any) -> dict[str, Any]:
    return {"cpu_usage": {"total_usage": total}, "system_cpu_usage": system, **more}


@pytest.mark.parametrize(
    ("now", "before", "percent"),
    [
        (cpu(300, 2000, online_cpus=4), cpu(200, 1000), 40.0),
        (cpu(300, 2000), cpu(200, 1000), 0.0),  # nobody knows how many CPUs
        (cpu(200, 2000, online_cpus=4), cpu(200, 1000), 0.0),
        (cpu(300, 1000, online_cpus=4), cpu(200, 1000), 0.0),
        (cpu(100, 2000, online_cpus=4), cpu(200, 1000), 0.0),  # it was started again
    ],
)
def test_cpu(now: dict[str, Any], before: dict[str, Any], percent: float) -> None:
    assert usage.cpu_percent({"cpu_stats": now, "precpu_stats": before}) == pytest.approx(percent)


def test_cpus_are_counted_where_the_number_is_not_told() -> None:
    now = {"cpu_usage": {"total_usage": 300, "percpu_usage": [1, 2]}, "system_cpu_usage": 2000}
    assert usage.cpu_percent({"cpu_stats": now, "precpu_stats": cpu(200, 1000)}) == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("stats", "used"),
    [
        ({"total_inactive_file": 30, "inactive_file": 1}, 70),  # v1
        ({"inactive_file": 20}, 80),  # v2
        ({"inactive_file": 100}, 100),
        ({}, 100),
    ],
)
def test_memory_without_the_cache(stats: dict[str, int], used: int) -> None:
    sample = {"memory_stats": {"usage": 100, "limit": 200, "stats": stats}}
    assert usage.memory(sample) == used
    assert usage.memory_percent(sample) == pytest.approx(used / 2)


def test_a_row() -> None:
    sample = {
        "id": "0123456789abcdef",
        "name": "/web",
        "cpu_stats": cpu(300, 2000, online_cpus=2),
        "precpu_stats": cpu(200, 1000),
        "memory_stats": {"usage": 335872, "limit": 25276063744},
        "networks": {"eth0": {"rx_bytes": 500, "tx_bytes": 0}, "eth1": {"rx_bytes": 6, "tx_bytes": 1500}},
        "blkio_stats": {
            "io_service_bytes_recursive": [
                {"op": "Read", "value": 1000},
                {"op": "write", "value": 7},
                {"op": "Total", "value": 1007},
            ]
        },
        "pids_stats": {"current": 3},
    }
    shown = {name: value(Usage("web", sample), View()) for name, (_, value) in usage.FIELDS.items()}
    assert shown == {
        "BlockIO": "1kB / 7B",
        "CPUPerc": "20.00%",
        "Container": "web",
        "ID": "0123456789ab",
        "MemPerc": "0.00%",
        "MemUsage": "328KiB / 23.54GiB",
        "Name": "web",
        "NetIO": "506B / 1.5kB",
        "PIDs": "3",
    }


def test_a_row_of_which_nothing_is_known() -> None:
    shown = [usage.FIELDS[name][1](Usage("web"), View()) for name in usage.COLUMNS]
    assert shown == ["--", "--", "--", "-- / --", "--", "--", "--", "--"]
