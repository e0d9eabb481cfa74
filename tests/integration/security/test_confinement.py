"""What root in a container cannot do: A11, A12, A13, A19, H1. Each beside a container that can, so that the
attempt is known to work."""

import json

import pytest

from harness.attacks import tree
from harness.clients import Client
from harness.looking import fresh

_WRITABLE = (
    "find /sys/fs/cgroup -type f -exec sh -c 'for f; do (: >> $f) 2>/dev/null && echo $f; done' sh {} +"
)


def _sh(cli: Client, script: str, *flags: str) -> tuple[int, str]:
    done = cli("run", "--rm", *flags, "busybox", "sh", "-c", script, check=False, timeout=120)
    return done.code, done.out + done.err


def test_nothing_below_the_cgroup_tree_can_be_written(sampan: Client) -> None:
    """CVE-2022-0492, CVE-2023-25809."""
    assert _sh(sampan, f"{_WRITABLE} | head -3")[1] == ""
    assert "/sys/fs/cgroup/" in _sh(sampan, f"{_WRITABLE} | head -3", "--privileged")[1]


_MOUNTS = {
    "cgroup": "mkdir /c && mount -t cgroup -o memory none /c",
    "tmpfs": "mount -t tmpfs none /tmp",
    "proc": "mkdir -p /p && mount -t proc none /p",
    "bind": "mount -o bind /tmp /root",
    "remount": "mount -o remount,bind,rw /proc/sys",
    "umount": "umount /proc/keys",
    "unshare": "unshare -m true",
    "user namespace": "unshare -U true",
    "network namespace": "unshare -n true",
    "chroot and mount": "chroot / mount -t sysfs none /tmp",
}


@pytest.mark.parametrize("what", _MOUNTS)
def test_no_mount_and_no_namespace(sampan: Client, what: str) -> None:
    code, said = _sh(sampan, f"mkdir -p /tmp /root; {_MOUNTS[what]} && echo done")
    assert code != 0
    assert "done" not in said
    assert "not permitted" in said or "denied" in said, said


def test_the_attempts_work_where_they_may(sampan: Client) -> None:
    for what in ("tmpfs", "bind", "unshare", "network namespace"):
        code, said = _sh(sampan, f"mkdir -p /tmp /root; {_MOUNTS[what]} && echo done", "--privileged")
        assert (code, said) == (0, "done\n"), what


_WRITES = (
    *("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/vm/overcommit_memory"),
    *("/proc/irq/default_smp_affinity", "/sys/kernel/uevent_helper", "/sys/power/state", "/proc/fs/xfs/x"),
)


def test_the_machines_switches_are_read_only(sampan: Client) -> None:
    script = (
        "for f in " + " ".join(_WRITES) + "; do [ -e $f ] && (: >> $f) 2>/dev/null && echo $f; done; true"
    )
    assert _sh(sampan, script) == (0, "")


def test_masked_files_are_empty(sampan: Client) -> None:
    masked = "/proc/keys /proc/timer_list /proc/kcore /proc/interrupts /proc/sched_debug /proc/latency_stats"
    script = (
        f"for f in {masked}; do [ ! -e $f ] || head -c 10 $f | wc -c; done; ls -A /proc/acpi /sys/firmware"
    )
    code, said = _sh(sampan, script)
    assert {line for line in said.splitlines() if line and not line.startswith("/")} <= {"0"} or code
    assert "/proc/1/" not in said


def test_nodes_that_an_image_brings_along_open_nothing(sampan: Client) -> None:
    """By the device rules of the cgroup, wherever the node comes from."""
    name = fresh("hostile")
    sampan("import", "-", name, stdin=tree(("nodes", "/")))
    container = sampan("run", "-d", name, "sleep", "1000").out.strip()
    try:
        made = "mknod /nodes/mem c 1 1; mknod /nodes/disk b 254 0; mknod /nodes/kmsg c 1 11"
        sampan("exec", container, "/bin/busybox", "sh", "-c", made.replace("mknod", "/bin/busybox mknod"))
        for node in ("mem", "disk", "kmsg"):
            for words in ([], ["--privileged"]):  # the cgroup is the container's, whatever the exec may
                done = sampan(
                    "exec", *words, container, "/bin/busybox", "head", "-c1", f"/nodes/{node}", check=False
                )
                assert "Operation not permitted" in done.err, (node, words, done)
    finally:
        sampan("rm", "-f", container)
        sampan("rmi", "-f", name)


def test_inspect_shows_what_is_masked(sampan: Client) -> None:
    name = sampan("create", "busybox").out.strip()
    try:
        host = json.loads(sampan("inspect", name).out)[0]["HostConfig"]
    finally:
        sampan("rm", name)
    assert {"/proc/interrupts", "/sys/devices/virtual/powercap"} <= set(host["MaskedPaths"])
    assert "/proc/sysrq-trigger" in host["ReadonlyPaths"]
