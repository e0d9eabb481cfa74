"""The root: overlay, mounts, masks, devices, and images that lay traps."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from sampan.linux import mount
from sampan.linux import overlay as overlayfs
from sampan.runtime.failure import OciError
from sampan.runtime.protocol import Rootfs

pytestmark = pytest.mark.root


def _mounts(text: str) -> dict[str, tuple[str, set[str]]]:
    """mount point → (type, options of the mount)."""
    found = {}
    for line in text.splitlines():
        fields = line.split(" ")
        found[fields[4]] = (fields[fields.index("-") + 1], set(fields[5].split(",")))
    return found


def test_the_mounts_are_dockers(box: Any) -> None:
    mounts = _mounts(box.run(box.spec("cat", "/proc/self/mountinfo")).output)
    assert mounts["/"][0] == "overlay"
    assert mounts["/proc"] == ("proc", {"rw", "nosuid", "nodev", "noexec", "relatime"})
    assert mounts["/dev"] == ("tmpfs", {"rw", "nosuid"})
    assert mounts["/dev/pts"] == ("devpts", {"rw", "nosuid", "noexec", "relatime"})
    assert mounts["/dev/shm"] == ("tmpfs", {"rw", "nosuid", "nodev", "noexec", "relatime"})
    assert mounts["/dev/mqueue"] == ("mqueue", {"rw", "nosuid", "nodev", "noexec", "relatime"})
    assert mounts["/sys"] == ("sysfs", {"ro", "nosuid", "nodev", "noexec", "relatime"})
    for path in ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"):
        assert "ro" in mounts[path][1]
    assert not [path for path in mounts if path.startswith("/run/") or str(box.directory) in path]


def test_cgroups_are_read_only(box: Any) -> None:
    script = "for f in $(find /sys/fs/cgroup -name cgroup.procs); do echo $$ > $f && echo WROTE $f; done"
    output = box.run(box.spec(script=script)).output
    assert "WROTE" not in output
    assert "Read-only file system" in output


def test_masked_and_read_only_paths(box: Any) -> None:
    script = (
        "wc -c < /proc/keys; wc -c < /proc/timer_list; ls /sys/firmware | wc -l;"
        "touch /sys/firmware/x; echo 1 > /proc/sys/kernel/domainname; echo 1 > /proc/irq/default_smp_affinity"
    )
    result = box.run(box.spec(script=script))
    assert result.output.split()[:3] == ["0", "0", "0"]
    assert result.output.count("Read-only file system") == 3


def test_devices(box: Any) -> None:
    script = (
        "cd /dev; ls -l null zero full random urandom tty | awk '{print $1, $5 $6, $NF}';"
        "for l in fd ptmx stdin; do readlink $l; done"
    )
    lines = box.run(box.spec(script=script)).output.splitlines()
    numbers = {line.split()[2]: line.split()[1] for line in lines[:6]}
    assert numbers == {
        "null": "1,3", "zero": "1,5", "full": "1,7", "random": "1,8", "urandom": "1,9", "tty": "5,0",
    }  # fmt: skip
    assert all(line.startswith("crw-rw-rw-") for line in lines[:6])
    assert lines[6:] == ["/proc/self/fd", "pts/ptmx", "/proc/self/fd/0"]


def test_device_rules_bite(box: Any) -> None:
    script = (
        "mknod /tmp/mem c 1 1 && mknod /tmp/fuse c 10 229 && mknod /tmp/disk b 254 0 && mknod /tmp/z c 1 5;"
        "for d in mem fuse disk; do head -c 1 /tmp/$d; done; head -c 1 /tmp/z | wc -c; "
        "echo x > /dev/null && echo ok"
    )
    output = box.run(box.spec(script=script)).output
    assert output.count("Operation not permitted") == 3
    assert output.split()[-2:] == ["1", "ok"]


def test_a_read_only_root_leaves_its_tmpfses_writable(box: Any) -> None:
    spec = box.spec(script="touch /x; touch /dev/shm/y && echo ok")
    spec["root"]["readonly"] = True
    output = box.run(spec).output
    assert "Read-only file system" in output
    assert output.endswith("ok\n")


def test_binds(box: Any, tmp_path: Path) -> None:
    (tmp_path / "volume").mkdir()
    (tmp_path / "file").write_text("content\n")
    spec = box.spec(
        script="touch /a/b/x; cat /etc/file; echo new > /etc/file; touch /ro/x; mount | grep -c ' /a/b '"
    )
    spec["mounts"] += [
        {"destination": "/a/b", "type": "bind", "source": str(tmp_path / "volume"), "options": ["rbind"]},
        {"destination": "/etc/file", "type": "bind", "source": str(tmp_path / "file"), "options": ["rbind"]},
        {
            "destination": "/ro",
            "type": "bind",
            "source": str(tmp_path / "volume"),
            "options": ["rbind", "rro"],
        },
    ]
    result = box.run(spec)
    assert result.output.splitlines() == ["content", "touch: /ro/x: Read-only file system", "1"]
    assert (tmp_path / "volume/x").exists()
    assert (tmp_path / "file").read_text() == "new\n"


def test_a_directory_does_not_go_on_a_file(box: Any, tmp_path: Path) -> None:
    spec = box.spec("true")
    spec["mounts"].append(
        {"destination": "/etc/passwd", "type": "bind", "source": str(tmp_path), "options": ["rbind"]}
    )
    with pytest.raises(OciError, match="Are you trying to mount a directory onto a file"):
        box.run(spec)


def test_a_tmpfs_has_its_options_and_the_kernels_own_words(box: Any) -> None:
    spec = box.spec(script="df -k /t | tail -1 | awk '{print $2}'; stat -c %a /t")
    spec["mounts"].append(
        {"destination": "/t", "type": "tmpfs", "source": "tmpfs", "options": ["size=1m", "mode=1770"]}
    )
    assert box.run(spec).output.split() == ["1024", "1770"]
    spec["mounts"][-1]["options"] = ["colour=red"]
    with pytest.raises(OciError, match="Unknown parameter 'colour'"):
        box.run(spec)


@pytest.mark.parametrize("path", ["proc", "sys", "dev"])
@pytest.mark.parametrize("target", ["/outside", "../outside", "outside", "../../../../../outside"])
def test_symlinks_in_the_place_of_proc_sys_and_dev_are_refused(box: Any, path: str, target: str) -> None:
    """CVE-2019-19921, CVE-2026-41579."""
    (box.layer / "outside").mkdir()
    (box.layer / path).symlink_to(target)
    with pytest.raises(OciError, match="must be mounted on ordinary directory"):
        box.run(box.spec("true"))
    assert os.listdir(box.layer / "outside") == []
    assert not (box.upper / "outside").exists()


def test_symlinks_elsewhere_end_inside(box: Any, tmp_path: Path) -> None:
    (tmp_path / "canary").mkdir()
    (tmp_path / "hosts").write_text("hosts\n")
    (box.layer / "link").symlink_to(tmp_path / "canary")
    (box.layer / "up").symlink_to("../../../../../..")
    spec = box.spec(script=f"cat {tmp_path}/canary/hosts /up/made/here")
    for destination in ("/link/hosts", "/up/made/here"):
        spec["mounts"].append(
            {
                "destination": destination,
                "type": "bind",
                "source": str(tmp_path / "hosts"),
                "options": ["bind"],
            }
        )
    (box.layer / str(tmp_path / "canary").lstrip("/")).mkdir(parents=True)
    assert box.run(spec).output == "hosts\nhosts\n"
    assert os.listdir(tmp_path / "canary") == []


def test_magic_links_lead_nowhere(box: Any, tmp_path: Path) -> None:
    """CVE-2024-21626: what we have open while we set up is no way out."""
    for number in (*range(3, 40), 255):
        spec = box.spec("pwd")
        spec["process"]["cwd"] = f"/proc/self/fd/{number}"
        with pytest.raises(OciError, match="chdir to cwd"):
            box.run(spec)
    spec = box.spec("true")
    mounted = {
        "destination": "/proc/self/fd/5/x",
        "type": "bind",
        "source": str(tmp_path),
        "options": ["bind"],
    }
    spec["mounts"].append(mounted)
    with pytest.raises(OciError):
        box.run(spec)


@pytest.mark.parametrize("kind", ["symlink", "file", "missing", "other"])
def test_masks_are_made_of_the_null_device_or_not_at_all(box: Any, tmp_path: Path, kind: str) -> None:
    """CVE-2025-31133, with a /dev that somebody else controls."""
    fake = tmp_path / "dev"
    fake.mkdir()
    if kind == "symlink":
        (fake / "null").symlink_to("/proc/sys/kernel/core_pattern")
    elif kind == "file":
        (fake / "null").touch()
    elif kind == "other":
        os.mknod(fake / "null", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    spec = box.spec("true")
    spec["mounts"] = [m for m in spec["mounts"] if not m["destination"].startswith("/dev")]
    spec["mounts"].append({"destination": "/dev", "type": "bind", "source": str(fake), "options": ["rbind"]})
    with pytest.raises(OciError):
        box.run(spec)


def test_the_machine_itself_is_an_image(box: Any) -> None:
    """Image `host`: lower "/", upper on the same filesystem."""
    rootfs = Rootfs(["/"], str(box.upper), str(box.directory / "c/work"), ["/run", "/var/tmp"])
    spec = box.spec(
        "/bin/sh",
        "-c",
        "id -u; ls /run /var/tmp; touch /run/x; touch /etc/canary-of-kernel-test && ls /etc/canary*",
    )
    output = box.run(spec, box.launch(rootfs=rootfs)).output.splitlines()
    assert output[0] == "0"
    assert "Read-only file system" in output[-2]
    assert output[-1] == "/etc/canary-of-kernel-test"
    assert not os.path.exists("/etc/canary-of-kernel-test")


def test_a_bundle_without_layers(box: Any) -> None:
    """OCI's own: `root.path` as it is."""
    spec = box.spec(script="touch /written; ls /bin/sh")
    spec["root"]["path"] = str(box.layer)
    assert box.run(spec, box.launch(rootfs=None)).output == "/bin/sh\n"
    assert (box.layer / "written").exists()


@pytest.mark.parametrize("count", [2, 127])
@pytest.mark.parametrize("old", [False, True], ids=["lowerdir+", "one page"])
def test_layers(box: Any, monkeypatch: pytest.MonkeyPatch, count: int, *, old: bool) -> None:
    """The second way is that of kernels before 6.8: all layers in one page of options."""
    if not old and not overlayfs.takes_layers_singly():
        pytest.skip("a kernel before 6.8")
    lower = []
    for number in range(2, count + 1):
        layer = box.directory / f"layers/{number}/diff"
        layer.mkdir(parents=True)
        (layer / "number").write_text(f"{number}\n")
        lower.insert(0, str(layer))
    if old:
        monkeypatch.setattr(overlayfs, "takes_layers_singly", lambda: False)
    rootfs = Rootfs([*lower, str(box.layer)], str(box.upper), str(box.directory / "c/work"))
    assert box.run(box.spec("cat", "/number"), box.launch(rootfs=rootfs)).output == f"{count}\n"


def test_the_host_sees_nothing(box: Any) -> None:
    before = Path("/proc/self/mountinfo").read_text()
    with box.created(box.spec("sleep", "100")):
        assert Path("/proc/self/mountinfo").read_text() == before


@pytest.mark.parametrize(("word", "shows"), [("rshared", True), ("rslave", False), ("rprivate", False)])
def test_a_mount_made_inside_shows_outside_only_if_shared(
    box: Any, tmp_path: Path, word: str, *, shows: bool
) -> None:
    volume = tmp_path / "volume"
    (volume / "sub").mkdir(parents=True)
    mount.mount(str(volume), str(volume), "", mount.MS_BIND)
    try:
        mount.mount("", str(volume), "", mount.MS_SHARED)
        spec = box.spec(script="mount -t tmpfs x /v/sub && touch /v/sub/seen && echo mounted")
        for kind in ("bounding", "effective", "permitted"):
            spec["process"]["capabilities"][kind].append("CAP_SYS_ADMIN")
        bind = {"destination": "/v", "type": "bind", "source": str(volume), "options": ["rbind", word]}
        spec["mounts"].append(bind)
        spec["linux"]["rootfsPropagation"] = {"rshared": "shared", "rprivate": "private"}.get(word, word)
        assert box.run(spec).output == "mounted\n"
        assert (volume / "sub/seen").exists() is shows
    finally:
        mount.umount2(str(volume), mount.MNT_DETACH)


def test_propagation_of_a_bind(box: Any, tmp_path: Path) -> None:
    """A mount made on the host after the start shows in an rslave bind, and not in a private one."""
    shared = tmp_path / "shared"
    (shared / "later").mkdir(parents=True)
    mount.mount(str(shared), str(shared), "", mount.MS_BIND)
    try:
        mount.mount("", str(shared), "", mount.MS_SHARED)
        spec = box.spec(script="read x < /fifo; ls /slave/later /private/later")
        os.mkfifo(box.layer / "fifo")
        spec["mounts"] += [
            {"destination": "/slave", "type": "bind", "source": str(shared), "options": ["rbind", "rslave"]},
            {"destination": "/private", "type": "bind", "source": str(shared), "options": ["rbind"]},
        ]
        with box.created(spec) as (made, read_end):
            from sampan.runtime import container

            container.start(made)
            mount.mount("tmpfs", str(shared / "later"), "tmpfs", 0)
            (shared / "later/seen").touch()
            root = os.open(f"/proc/{made.pid}/root", os.O_PATH)
            fifo = os.open("fifo", os.O_WRONLY, dir_fd=root)
            os.write(fifo, b"\n")
            os.close(fifo)
            os.close(root)
            output = os.read(read_end, 4096).decode()
            while "/private/later" not in output:
                output += os.read(read_end, 4096).decode()
            mount.umount2(str(shared / "later"), mount.MNT_DETACH)
        assert output.count("seen") == 1
        assert output.index("seen") > output.index("/slave/later")
    finally:
        mount.umount2(str(shared), mount.MNT_DETACH)


def test_a_tmpfs_that_begins_with_what_it_covers(box: Any) -> None:
    """`tmpcopyup`, which podman asks for with --read-only."""
    place = box.layer / "var/tmp"
    (place / "deep").mkdir(parents=True)
    place.chmod(0o1777)
    (place / "deep/file").write_text("kept\n")
    (place / "deep/file").chmod(0o640)
    (place / "link").symlink_to("/etc/passwd")
    spec = box.spec(
        "sh", "-c", "cd /var/tmp; cat deep/file; stat -c %a . deep/file; readlink link; touch x || echo ro"
    )
    spec["mounts"].append(
        {"destination": "/var/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup", "ro"]}
    )
    assert box.run(spec).output.splitlines()[:4] == ["kept", "1777", "640", "/etc/passwd"]
    assert box.run(spec).output.endswith("ro\n")
