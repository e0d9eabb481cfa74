"""A1, CVE-2019-5736: no container reaches the interpreter that sets it up for writing.

Control: with the seal taken out of our own daemon, the attack reaches the machine's python3 itself, and only
ETXTBSY, which lasts as long as nobody stops the daemon, is between it and the file. (runc 1.1.5 and crun
1.8.1 are later than the fix and seal themselves.)
"""

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.attacks import digest, rounds
from harness.clients import Client, ours
from harness.daemon import Daemon
from harness.looking import fresh
from harness.probes import mounted
from harness.waiting import until

PYTHON = Path(sys.executable).resolve()
# So that it can run inside as far as it gets: then it is there to be reached.
_LIBRARIES = [word for path in ("/lib", "/lib64", "/usr/lib") for word in ("-v", f"{path}:{path}:ro")]
_TARGETS = (["/proc/self/exe"], ["/proc/self/exe", "-c", "pass"], ["/bin/run"], ["/bin/script"])
_WITHOUT_SEAL = "from sampan.runtime import seal; seal.sealed = lambda program: None; "


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


def _libraries() -> list[Path]:
    lines = Path("/proc/self/maps").read_text().splitlines()
    return sorted(
        {Path(line.split()[-1]) for line in lines if ".so" in line and os.path.exists(line.split()[-1])}
    )
