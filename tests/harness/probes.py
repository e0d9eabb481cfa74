"""The small static C programs of `tests/probes`, which run where there is nothing but them."""

import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "probes"
_CACHE = Path(os.environ.get("SAMPAN_TEST_IMAGES", "/var/tmp/sampan-test-images")) / "probes"


def probe(name: str) -> str:
    """The path of the program; skips the test where there is no C compiler or no static libc."""
    return _compiled(name, "-static")


def library(name: str) -> str:
    """The same of a shared object."""
    return _compiled(name, "-shared", "-fPIC")


@functools.cache
def _compiled(name: str, *how: str) -> str:
    source = SOURCES / f"{name}.c"
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler (gcc, libc6-dev)")
    program = _CACHE / f"{name}-{hashlib.sha256(source.read_bytes()).hexdigest()[:16]}"
    if not program.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        fd, fresh = tempfile.mkstemp(dir=_CACHE)
        os.close(fd)
        command = [compiler, "-O2", *how, "-o", fresh, str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            os.unlink(fresh)
            pytest.skip(f"{name}.c cannot be made here: {done.stderr.strip()[-200:]}")
        os.chmod(fresh, 0o755)
        os.replace(fresh, program)
    return str(program)


def mounted(name: str) -> tuple[str, str]:
    """The flags of `run` that put a probe at /NAME."""
    return "-v", f"{probe(name)}:/{name}:ro"
