"""What /proc says about cgroups."""

from sampan.runtime.cgroup_layout import own_path, parse_mounts

HYBRID = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:1 - cgroup cgroup rw,cpu,cpuacct
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
42 27 0:38 / /odd rw - ext4 /dev/vda rw
"""
OWN = "9:name=systemd:/a\n2:cpu,cpuacct:/b\n0::/c:d\n"


def test_hybrid_mounts() -> None:
    found = {mounted.point: (mounted.version, mounted.options) for mounted in parse_mounts(HYBRID)}
    assert found == {
        "/sys/fs/cgroup/cpu,cpuacct": (1, {"cpu", "cpuacct"}),
        "/sys/fs/cgroup/systemd": (1, {"name=systemd"}),
        "/sys/fs/cgroup/unified": (2, frozenset()),
    }


def test_own_paths() -> None:
    assert own_path(OWN, frozenset(("cpu", "cpuacct"))) == "/b"
    assert own_path(OWN, frozenset(("name=systemd",))) == "/a"
    assert own_path(OWN, None) == "/c:d"
    assert own_path("", None) == "/"
