"""What our process does once it is in the container, call by call: A10 (GHSA-3q8j-pf29-vwv8), A5, K1.

A path that is looked at and used again may be another by then, and what is loaded may be the image's. So
after pivot_root(2) or setns(2), until the execve(2), every mount is made on a descriptor; every name is
opened once, below one; and nothing of Python's, of the C library's or of NSS is loaded.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.bundle import OURS, Bundle, Runtime
from harness.looking import fresh
from harness.waiting import FACTOR
from sampan.oci import runtime as defaults

_MAIN = Path(sys.modules["sampan"].__path__[0]) / "runtimecli" / "main.py"
_MOUNTING = ("mount", "open_tree", "move_mount", "mount_setattr", "fspick", "umount2", "umount")
_CONFINED = ("RESOLVE_IN_ROOT", "RESOLVE_BENEATH")
# Of the program that it becomes, which execve(2) will look up by this name anyway; the root, a moment after
# the pivot; what says whether the working directory is one of the container's.
_BY_NAME = (
    "newfstatat",
    "faccessat2",
    "faccessat",
    "access",
    "stat",
    "execve",
    "chdir",
    "getcwd",
    "readlink",
)
_LOADED = re.compile(r"\.(py|pyc|so|so\.[0-9.]+|pth|cfg)\"|nsswitch|ld\.so|gconv|locale")
_CALL = re.compile(r"^(\d+) +([a-z0-9_]+)\((.*)$")


class Call(NamedTuple):
    name: str
    arguments: str

    @property
    def text(self) -> str:
        return f"{self.name}({self.arguments}"


def _traced(log: Path) -> dict[str, list[Call]]:
    """By thread. A line that another thread has cut in two counts by its first half."""
    found: dict[str, list[Call]] = {}
    for line in log.read_text(errors="replace").splitlines():
        if match := _CALL.match(line):
            found.setdefault(match[1], []).append(Call(match[2], match[3]))
    return found


def inside(log: Path, enters: Callable[[Call], bool]) -> list[Call]:
    """From the call with which it enters to the execve that succeeds, of the thread that does so."""
    for calls in _traced(log).values():
        begin = next((at for at, call in enumerate(calls) if enters(call)), -1)
        if begin >= 0:
            rest = calls[begin + 1 :]
            ends = (at for at, call in enumerate(rest) if call.name == "execve" and call.text.endswith("= 0"))
            return rest[: next(ends, len(rest))]
    pytest.fail("nobody entered")


def objection(call: Call) -> str:
    """Why it must not be; "": it may."""
    if call.name.startswith("open") and _LOADED.search(call.arguments):
        return "loads"
    if call.name in ("fsopen", "fsconfig", "fsmount", *_BY_NAME):
        return ""
    return "" if _MAY.get(call.name, _never)(call.arguments) else "by name"


def _never(_arguments: str) -> bool:
    return False


def _below_a_descriptor(arguments: str) -> bool:
    """A name, not a path."""
    return re.match(r'\d+, "[^"/]*"', arguments) is not None


def _opens(arguments: str) -> bool:
    """That, or the root."""
    return _below_a_descriptor(arguments) or (
        arguments.startswith('AT_FDCWD, "/", ') and "O_PATH" in arguments
    )


def _opens_confined(arguments: str) -> bool:
    resolved = any(word in arguments for word in _CONFINED)
    return re.match(r"\d+, ", arguments) is not None and (
        resolved or (_below_a_descriptor(arguments) and "RESOLVE_NO" in arguments)
    )


def _by_descriptors_alone(arguments: str) -> bool:
    return set(re.findall(r'"([^"]*)"', arguments)) <= {""}


_MAY: dict[str, Callable[[str], bool]] = {
    "umount2": lambda arguments: arguments.startswith('".", MNT_DETACH)'),  # the old root, once
    **dict.fromkeys(("open_tree", "move_mount", "mount_setattr"), _by_descriptors_alone),
    "openat": _opens,
    "openat2": _opens_confined,
    **dict.fromkeys(("mkdirat", "mknodat", "fchownat"), _below_a_descriptor),
    "symlinkat": lambda arguments: re.search(r', \d+, "[^"/]*"\)', arguments) is not None,
}


def _strace(log: Path, runtime: Runtime, *words: str) -> None:
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    calls = ",".join(("%file", *_MOUNTING, "setns", "pivot_root", "fsopen", "fsconfig", "fsmount", "openat2"))
    command = ["strace", "-f", "-qq", "-s", "300", "-o", str(log), "-e", f"trace={calls}"]
    command += [sys.executable, "-I", "-S", str(_MAIN), "--root", str(runtime.root), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60 * FACTOR, check=False)
    if "Operation not permitted" in done.stderr and "PTRACE" in done.stderr:
        pytest.skip("strace is not allowed here")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def hostile(tmp_path: Path) -> Bundle:
    """With everything that is mounted, made, masked, linked or written on the way in, and modules that nobody
    must load where the machine's Python has its own."""
    bundle = Bundle(tmp_path / "bundle")
    for directory in {Path(path) for path in sys.path if path.startswith("/")} | {Path("/usr/lib")}:
        trap = bundle.root / str(directory)[1:]
        if not trap.exists() and directory.suffix != ".zip":
            trap.mkdir(parents=True)
            (trap / "sitecustomize.py").write_text("open('/marker', 'w')")
            (trap / "pwd.py").write_text("open('/marker', 'w')")
    (bundle.root / "etc").mkdir()
    (bundle.root / "etc/nsswitch.conf").write_text("passwd: evil\n")
    (bundle.root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    source = tmp_path / "source"
    source.mkdir()
    plain = [mount for mount in defaults.MOUNTS if mount["type"] != "cgroup"]
    more = [
        {"destination": "/v/a/b", "type": "bind", "source": str(source), "options": ["rbind", "ro"]},
        {"destination": "/t", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "size=1m"]},
    ]
    spec = bundle.write("sleep 3", mounts=[*plain, *more])
    spec["linux"]["sysctl"] = {"net.ipv4.ip_unprivileged_port_start": "0"}
    spec["root"]["readonly"] = True
    spec["process"]["oomScoreAdj"] = 500
    spec["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 100}]
    (bundle.path / "config.json").write_text(json.dumps(spec))
    return bundle


def test_nothing_in_a_container_is_named_twice_or_loaded(tmp_path: Path, hostile: Bundle) -> None:
    runtime, name = Runtime(str(OURS), tmp_path / "state"), fresh()
    started, executed = tmp_path / "start.log", tmp_path / "exec.log"
    bundle = ("--bundle", str(hostile.path))
    _strace(started, runtime, "run", *bundle, name)
    runtime("create", *bundle, name)
    try:
        runtime("start", name)
        _strace(executed, runtime, "exec", "--user", "1000:1000", name, "true")
    finally:
        runtime("delete", "--force", name)
    begun = inside(started, lambda call: call.name == "pivot_root")
    joined = inside(executed, lambda call: call.name == "setns" and "CLONE_NEWNS" in call.arguments)
    for calls in (begun, joined):
        assert [(objection(call), call.text) for call in calls if objection(call)] == []
    made = [call.name for call in begun]
    assert made.count("move_mount") > 15, "it mounted next to nothing: it proves nothing"
    assert not (hostile.root / "marker").exists()


def test_the_check_objects_to_what_it_is_for() -> None:
    bad = (
        Call("mount", '"", "/proc/sys", 0x0, MS_REMOUNT, 0x0) = 0'),
        Call("open_tree", '4, "kcore", OPEN_TREE_CLONE) = 5'),
        Call("openat2", '3, "/proc/kcore", {flags=O_PATH, resolve=0}, 24) = 4'),
        Call("openat", 'AT_FDCWD, "/proc/self/attr/exec", O_WRONLY) = 4'),
        Call("openat", '4, "encodings/idna.py", O_RDONLY) = 4'),
        Call("mkdirat", '4, "a/b", 0755) = 0'),
        Call("symlinkat", '"/x", AT_FDCWD, "/dev/fd") = 0'),
        Call("rename", '"/a", "/b") = 0'),
    )
    assert [objection(call) for call in bad] == [*["by name"] * 4, "loads", *["by name"] * 3]
