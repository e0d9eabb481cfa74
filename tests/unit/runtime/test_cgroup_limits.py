"""linux.resources → files, for both kinds of cgroup."""

from sampan.runtime import cgroup_limits


def _pairs(writes: list[cgroup_limits.Write]) -> dict[str, str]:
    return {write.file: write.value for write in writes}


RESOURCES = {
    "memory": {"limit": 64 << 20, "swap": 128 << 20, "reservation": 32 << 20},
    "cpu": {"quota": 50000, "period": 100000, "shares": 1024, "cpus": "0-1"},
    "pids": {"limit": 100},
}


def test_v1() -> None:
    assert _pairs(cgroup_limits.v1(RESOURCES)) == {
        "memory.limit_in_bytes": str(64 << 20),
        "memory.memsw.limit_in_bytes": str(128 << 20),
        "memory.soft_limit_in_bytes": str(32 << 20),
        "cpu.shares": "1024",
        "cpu.cfs_period_us": "100000",
        "cpu.cfs_quota_us": "50000",
        "cpuset.cpus": "0-1",
        "pids.max": "100",
    }


def test_v2_counts_swap_alone_and_weighs_shares() -> None:
    assert _pairs(cgroup_limits.v2(RESOURCES)) == {
        "memory.max": str(64 << 20),
        "memory.swap.max": str(64 << 20),
        "memory.low": str(32 << 20),
        "cpu.weight": "39",
        "cpu.max": "50000 100000",
        "cpuset.cpus": "0-1",
        "pids.max": "100",
    }


def test_unlimited_has_a_word_in_v2() -> None:
    unlimited = {"memory": {"limit": -1, "swap": -1}, "pids": {"limit": -1}, "cpu": {"period": 50000}}
    assert _pairs(cgroup_limits.v2(unlimited)) == {
        "memory.max": "max",
        "memory.swap.max": "max",
        "pids.max": "max",
        "cpu.max": "max 50000",
    }


def test_the_ends_of_the_weights() -> None:
    assert cgroup_limits.weight_of_shares(2) == 1
    assert cgroup_limits.weight_of_shares(262144) == 10000


def test_the_memory_limit_comes_before_that_of_memory_and_swap() -> None:
    # memsw may not be below memory at any moment (kernel, Documentation/admin-guide/cgroup-v1/memory.rst).
    files = [write.file for write in cgroup_limits.v1(RESOURCES)]
    assert files.index("memory.limit_in_bytes") < files.index("memory.memsw.limit_in_bytes")
