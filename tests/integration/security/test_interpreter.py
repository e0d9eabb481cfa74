"""A1, CVE-2019-5736: no container reaches the interpreter that sets it up for writing.

Control: with the seal taken out of our own daemon, the attack reaches the machine's python3 itself, and only
ETXTBSY, which lasts as long as nobody stops the daemon, is between it and the file. (runc 1.1.5 and crun
1.8.1 are later than the fix and seal themselves.)
"""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.attacks import digest, rounds
from harness.bundle import OURS, Bundle, Runtime
from harness.clients import Client, ours
from harness.daemon import Daemon
from harness.looking import fresh
from harness.probes import mounted, probe
from harness.waiting import until
from sampan.oci import runtime as defaults

PYTHON = Path(sys.executable).resolve()
# So that it can run inside as far as it gets: then it is there to be reached.
_LIBRARIES = [word for path in ("/lib", "/lib64", "/usr/lib") for word in ("-v", f"{path}:{path}:ro")]
_TARGETS = (["/proc/self/exe"], ["/proc/self/exe", "-c", "pass"], ["/bin/run"], ["/bin/script"])
_WITHOUT_SEAL = "from sampan.runtime import seal; seal.sealed = lambda *_: None; "


class Unsealed(Daemon):
    @property
    def command(self) -> list[str]:
        python, _, module, *arguments = super().command
        script = f"import runpy, sys; {_WITHOUT_SEAL}sys.argv[0] = {module!r}; runpy.run_module('sampan')"
        return [
            python,
            "-c",
            script.replace("run_module('sampan')", "run_module('sampan', run_name='__main__')"),
            *arguments,
        ]


@pytest.fixture
def unsealed(registry: str, tmp_path: Path) -> Iterator[Client]:
    daemon = Unsealed(tmp_path / "d", registry)
    daemon.start()
    client = ours(daemon.environment())
    client("pull", "-q", "busybox")
    yield client
    daemon.empty()
    daemon.remove()


def attack(cli: Client, times: range) -> tuple[list[tuple[int, int, str]], dict[int, int]]:
    """The foreign program files that were reached, and how opening them for writing ended: errno → times."""
    name = fresh()
    links = (
        "ln -s /proc/self/exe /bin/run; printf '#!/proc/self/exe\\n' > /bin/script; chmod 755 /bin/script;"
    )
    cli(
        "run",
        "-d",
        "--name",
        name,
        *mounted("overwrite"),
        *_LIBRARIES,
        "busybox",
        "sh",
        "-c",
        f"{links} exec /overwrite 3600",
    )
    until(lambda: "ready" in cli("logs", name).out)
    for number in times:
        cli("exec", name, *_TARGETS[number % len(_TARGETS)], check=False)
    cli("exec", name, "touch", "/stop")
    cli("wait", name)
    lines = [line.split() for line in cli("logs", name).out.splitlines()]
    cli("rm", "-f", name)
    reached = [(int(words[1]), int(words[2]), words[3]) for words in lines if words[0] == "exe"]
    return reached, {int(words[1]): int(words[2]) for words in lines if words[0] == "open"}


def test_no_container_can_write_to_it(sampan: Client) -> None:
    files = [PYTHON, *_libraries(), *Path(sys.modules["sampan"].__path__[0]).rglob("*.py")]
    before = digest(files)
    reached, ended = attack(sampan, rounds(24))
    assert reached, "the attack saw nothing: it proves nothing"
    assert (PYTHON.stat().st_dev, PYTHON.stat().st_ino) not in {
        (device, inode) for device, inode, _ in reached
    }
    assert set(ended) == {errno.EROFS}
    assert digest(files) == before


def test_control_without_the_seal_it_is_the_machines_own(unsealed: Client) -> None:
    reached, ended = attack(unsealed, rounds(8))
    assert (PYTHON.stat().st_dev, PYTHON.stat().st_ino) in {(device, inode) for device, inode, _ in reached}
    assert set(ended) == {errno.ETXTBSY}


def test_starts_whose_program_is_the_interpreter(sampan: Client) -> None:
    """It runs inside, as what the image's libraries make of it, or not at all; and is not the file."""
    for number in rounds(6):
        target = ["/proc/self/exe", "/proc/1/exe", "/proc/self/fd/0"][number % 3]
        done = sampan("run", "--rm", "busybox", target, check=False)
        assert done.code in (126, 127), done


_MAIN = Path(sys.modules["sampan"].__path__[0]) / "runtimecli" / "main.py"


@pytest.fixture
def watched() -> Iterator[tuple[Runtime, str]]:
    """A container of sampan-runtime's in which the attack runs. Its root is on another file system than the
    interpreter: the attack takes what is on its own for the container's."""
    here = Path(tempfile.mkdtemp(prefix="sampan-", dir="/dev/shm"))
    runtime, bundle, name = Runtime(str(OURS), here / "state"), Bundle(here / "bundle"), fresh()
    shutil.copy(probe("overwrite"), bundle.root / "overwrite")
    # Its interpreter is looked up by execve(2), in the container's pid namespace: a moment before there is no
    # /proc/self there.
    (bundle.root / "bin/script").write_text("#!/proc/self/exe\n")
    (bundle.root / "bin/script").chmod(0o755)
    libraries = [
        {"destination": path, "type": "bind", "source": path, "options": ["rbind", "ro"]}
        for path in ("/lib", "/lib64", "/usr/lib")
    ]
    mounts = [mount for mount in defaults.MOUNTS if mount["type"] != "cgroup"]
    bundle.write("exec /overwrite 3600 > /seen", mounts=[*mounts, *libraries])
    runtime("run", "--detach", "--bundle", str(bundle.path), name)
    until(lambda: "ready" in (bundle.root / "seen").read_text())
    yield runtime, name
    runtime("delete", "--force", name)
    shutil.rmtree(here)


def _attack_runtime(runtime: Runtime, name: str, *command: str) -> tuple[set[tuple[int, int]], set[int]]:
    for _ in rounds(9):
        words = [*command, "--root", str(runtime.root), "exec", name, "/bin/script"]
        environment = {**os.environ, "SAMPAN_PYTHON": sys.executable}
        subprocess.run(words, capture_output=True, env=environment, check=False)
    runtime("exec", name, "touch", "/stop")
    seen = runtime.root.parent / "bundle" / "rootfs" / "seen"
    until(lambda: "done" in seen.read_text())
    lines = [line.split() for line in seen.read_text().splitlines()]
    reached = {(int(words[1]), int(words[2])) for words in lines if words[0] == "exe"}
    return reached, {int(words[1]) for words in lines if words[0] == "open"}


def test_sampan_runtime_seals_itself(watched: tuple[Runtime, str]) -> None:
    reached, ended = _attack_runtime(*watched, str(OURS))
    assert reached, "the attack saw nothing: it proves nothing"
    assert (PYTHON.stat().st_dev, PYTHON.stat().st_ino) not in reached
    assert ended == {errno.EROFS}


def test_control_sampan_runtime_that_takes_itself_for_sealed(watched: tuple[Runtime, str]) -> None:
    unsealed = [sys.executable, "-I", "-S", "-X", "sealed", str(_MAIN)]
    reached, ended = _attack_runtime(*watched, *unsealed)
    assert (PYTHON.stat().st_dev, PYTHON.stat().st_ino) in reached
    assert errno.ETXTBSY in ended or 0 in ended


def _libraries() -> list[Path]:
    lines = Path("/proc/self/maps").read_text().splitlines()
    return sorted(
        {Path(line.split()[-1]) for line in lines if ".so" in line and os.path.exists(line.split()[-1])}
    )
