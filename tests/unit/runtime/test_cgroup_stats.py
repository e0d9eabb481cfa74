"""The kernel's files as the Engine API names their numbers."""

from pathlib import Path

from sampan.runtime import cgroup_stats
from sampan.runtime.cgroup import Cgroup

GIGA = 1 << 30
WHOLE = cgroup_stats.Machine(5000, 4, GIGA)
NET = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls
    lo:    9999      77    0    0    0     0          0         0    9999      77    0    0    0     0
  eth0:     426       5    1    2    0     0          0         3      90       1    4    6    0     0
   wg0:      10       1    0    0    0     0          0         0      10       1    0    0    0     0
"""


def write(directory: Path, files: dict[str, str]) -> str:
    directory.mkdir()
    for name, text in files.items():
        (directory / name).write_text(text)
    return str(directory)


def test_v1(tmp_path: Path) -> None:
    controllers = {
        "memory": {
            "memory.usage_in_bytes": "327680\n",
            "memory.max_usage_in_bytes": "3674112\n",
            "memory.limit_in_bytes": "9223372036854771712\n",
            "memory.failcnt": "0\n",
            "memory.stat": "cache 7\ntotal_inactive_file 5\n",
        },
        "cpuacct": {
            "cpuacct.usage": "24\n",
            "cpuacct.usage_percpu": "20 4 \n",
            "cpuacct.stat": "user 2\nsystem 1\n",
        },
        "cpu": {"cpu.stat": "nr_periods 3\nnr_throttled 2\nthrottled_time 1\n"},
        "pids": {"pids.current": "6\n", "pids.max": "max\n"},
        "blkio": {
            "blkio.throttle.io_service_bytes_recursive": "8:16 Read 4096\n8:16 Write 1\nTotal 4097\n",
            "blkio.throttle.io_serviced_recursive": "8:16 Read 1\nTotal 1\n",
        },
    }
    made = {name: write(tmp_path / name, files) for name, files in controllers.items()}
    found = cgroup_stats.read(Cgroup(None, False, made, made, []), 0, WHOLE)
    assert found is not None
    tick = cgroup_stats._TICK
    assert found["cpu_stats"] == {
        "cpu_usage": {
            "total_usage": 24,
            "percpu_usage": [20, 4],
            "usage_in_kernelmode": tick,
            "usage_in_usermode": 2 * tick,
        },
        "throttling_data": {"periods": 3, "throttled_periods": 2, "throttled_time": 1},
        "system_cpu_usage": 5000,
        "online_cpus": 4,
    }
    assert found["memory_stats"] == {
        "usage": 327680,
        "max_usage": 3674112,
        "stats": {"cache": 7, "total_inactive_file": 5},
        "limit": GIGA,
    }
    assert found["pids_stats"] == {"current": 6}
    assert found["blkio_stats"]["io_service_bytes_recursive"] == [
        {"major": 8, "minor": 16, "op": "Read", "value": 4096},
        {"major": 8, "minor": 16, "op": "Write", "value": 1},
    ]
    assert found["blkio_stats"]["sectors_recursive"] == []
    assert "networks" not in found


def test_v2(tmp_path: Path) -> None:
    files = {
        "memory.current": "8000\n",
        "memory.max": "9000\n",
        "memory.events": "low 0\noom 3\noom_kill 1\n",
        "memory.stat": "anon 5\nworkingset_refault_anon 1\nworkingset_refault_file 2\nodd 9",
        "cpu.stat": "usage_usec 7\nuser_usec 4\nsystem_usec 3\nnr_periods 1\nthrottled_usec 2\n",
        "pids.current": "2\n",
        "pids.max": "max\n",
        "io.stat": "254:0 rbytes=479232 wbytes=12 rios=5 wios=0 dbytes=0 dios=0\n7:0 \n",
    }
    directory = write(tmp_path / "c", files)
    found = cgroup_stats.read(Cgroup(directory, True, {}, {}, []), 0, WHOLE)
    assert found is not None
    assert found["cpu_stats"]["cpu_usage"] == {
        "total_usage": 7000,
        "usage_in_kernelmode": 3000,
        "usage_in_usermode": 4000,
    }
    assert found["cpu_stats"]["throttling_data"]["throttled_time"] == 2000
    memory = found["memory_stats"]
    assert (memory["usage"], memory["limit"], memory["failcnt"]) == (8000, 9000, 3)
    assert "max_usage" not in memory
    assert (memory["stats"]["anon"], memory["stats"]["workingset_refault"]) == (5, 3)
    assert "odd" not in memory["stats"]
    assert found["pids_stats"] == {"current": 2, "limit": 2**64 - 1}
    assert found["blkio_stats"]["io_service_bytes_recursive"] == [
        {"major": 254, "minor": 0, "op": "read", "value": 479232},
        {"major": 254, "minor": 0, "op": "write", "value": 12},
    ]


def test_what_has_ended_and_what_has_no_controllers(tmp_path: Path) -> None:
    assert cgroup_stats.read(Cgroup(f"{tmp_path}/none", True, {}, {}, []), 0, WHOLE) is None
    found = cgroup_stats.read(Cgroup(str(tmp_path), True, {}, {}, []), 0, WHOLE)
    assert found is not None
    assert (found["memory_stats"], found["pids_stats"]) == ({}, {})


def test_interfaces() -> None:
    assert cgroup_stats.parse_interfaces(NET) == {
        "eth0": {
            "rx_bytes": 426,
            "rx_packets": 5,
            "rx_errors": 1,
            "rx_dropped": 2,
            "tx_bytes": 90,
            "tx_packets": 1,
            "tx_errors": 4,
            "tx_dropped": 6,
        }
    }


def test_the_whole_machine() -> None:
    """user nice system idle iowait irq softirq; what is stolen or a guest's is not counted."""
    text = "cpu  1 2 3 4 5 6 7 100 200 300\ncpu0 1 1\ncpu1 1 1\nintr 5\n"
    assert cgroup_stats.parse_proc_stat(text) == (28 * cgroup_stats._TICK, 2)
