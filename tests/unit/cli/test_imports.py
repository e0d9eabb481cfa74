"""What the commands of every day import: no more than this, for each module costs every call of them.

The lists are exact on purpose. A module that comes is a decision; one that goes is a reason to be glad.
"""

import subprocess
import sys
from pathlib import Path

import pytest

import sampan

ROOT = Path(sampan.__file__).parent
# What any interpreter started with -I -S has (3.11 to 3.13), whatever we do.
FLOOR = {
    *(
        "__main__",
        "_abc",
        "_codecs",
        "_frozen_importlib",
        "_frozen_importlib_external",
        "_imp",
        "_io",
        "_signal",
    ),
    *("_thread", "_warnings", "_weakref", "abc", "builtins", "codecs", "encodings", "encodings.aliases"),
    *("encodings.utf_8", "encodings.utf_8_sig", "io", "marshal", "posix", "sys", "time", "zipimport"),
    *("_stat", "stat", "posixpath", "genericpath", "os", "_collections_abc"),
}
CORE = {
    *("__future__", "_json", "_socket", "errno", "sampan", "sampan.cli", "sampan.cli.commands"),
    *("sampan.cli.console", "sampan.cli.dispatch", "sampan.cli.flags", "sampan.cli.session", "sampan.client"),
    *(
        "sampan.client.connection",
        "sampan.client.errors",
        "sampan.client.hosts",
        "sampan.errors",
        "sampan.wire",
    ),
    *("sampan.wire.http", "sampan.wire.json"),
}
VERB = {"sampan.cli.container", "sampan.client.container"}
STREAMS = {"sampan.cli.container.session", "sampan.cli.container.streams", "sampan.wire.stdcopy", "select"}
SEVERAL = {"sampan.cli.container.several"}
EXPECTED = {
    "ps": CORE | VERB | {"sampan.cli.container.ps", "sampan.client.container.ps", "sampan.cli.format"},
    "run": CORE
    | VERB
    | STREAMS
    | {"sampan.cli.container.run", "sampan.cli.container.creation", "sampan.cli.container.options"}
    | {f"sampan.client.container.{verb}" for verb in ("attach", "create", "start", "wait")},
    "create": CORE
    | VERB
    | STREAMS
    | {"sampan.cli.container.create", "sampan.cli.container.creation", "sampan.cli.container.options"}
    | {"sampan.client.container.create"},
    "exec": CORE | VERB | STREAMS | {"sampan.cli.container.exec", "sampan.client.container.exec"},
    "logs": CORE
    | VERB
    | {"sampan.cli.container.logs", "sampan.client.container.logs", "sampan.wire.stdcopy", "select"}
    | {"sampan.cli.container.streams"},
    "start": CORE | VERB | {"sampan.cli.container.start", "sampan.client.container.start"},
    "rm": CORE | VERB | SEVERAL | {"sampan.cli.container.rm", "sampan.client.container.rm"},
    "wait": CORE | VERB | {"sampan.cli.container.wait", "sampan.client.container.wait"},
} | {
    verb: CORE | VERB | SEVERAL | {f"sampan.cli.container.{verb}", f"sampan.client.container.{verb}"}
    for verb in ("stop", "restart", "kill")
}
COMPOSE = {"sampan.cli.compose", "sampan.cli.compose.up", "sampan.cli.compose.progress"}
UP = COMPOSE | {"sampan.cli.compose.project", "sampan.cli.compose.remembered"}
WATCH = """
import sys
sys.modules["sampan"] = package = type(sys)("sampan")
package.__path__, package.__file__ = [sys.argv[1]], ""
from sampan.cli import dispatch
command, path, rest = dispatch.resolve(sys.argv[2:])
dispatch.load(path)
print("\\n".join(sys.modules))
"""


def imported(verb: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", WATCH, str(ROOT), *verb.split()],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("verb", sorted(EXPECTED))
def test_exactly_these(verb: str) -> None:
    assert imported(verb) - FLOOR == EXPECTED[verb] - FLOOR


def test_up_until_it_looks_at_the_project() -> None:
    """Where nothing has changed it never does (`cli.compose.remembered`)."""
    assert imported("compose up") - FLOOR == (CORE | UP) - FLOOR


def test_the_script_imports_no_more(tmp_path: Path) -> None:
    """Through main.py and to the socket: config.json is looked for, nothing else is loaded."""
    watch = f"""
import sys
sys.argv[0] = {str(ROOT / "cli" / "main.py")!r}
scope = {{"__name__": "script", "__file__": sys.argv[0]}}
exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"), scope)
scope["_adopt_package"]()
from sampan.cli.dispatch import run
run(sys.argv[1:])
print("\\n".join(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", watch, "-H", f"unix://{tmp_path}/none", "ps"],
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": str(tmp_path)},
    )
    assert "Cannot connect to the Docker daemon" in done.stderr
    assert set(done.stdout.split()) - FLOOR == (EXPECTED["ps"] | {"sampan.cli.config"}) - FLOOR
