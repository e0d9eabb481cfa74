"""The compiled seccomp filter of a container, from the cache or made. Zone: calm (the daemon's threads)."""

import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from sampan.errors import InvalidArgument, Unsupported
from sampan.linux.libseccomp import LIBRARY
from sampan.oci import seccomp, seccomp_default
from sampan.runtime.seccomp_compile import compile_filter

_FORMAT = "1"  # of what we compile; another one makes the cache's old files unused
_AVAILABLE = "/proc/sys/kernel/seccomp/actions_avail"


def compiled(profile: Mapping[str, Any] | None, capabilities: Sequence[str], cache_dir: str) -> str | None:
    """The file with the BPF program for Launch.seccomp and Exec.seccomp.

    `profile` None: the default one. `capabilities`: the bounding set, "CAP_…". None: this kernel has no
    seccomp, and nobody asked for a profile (Docker warns and goes on). Raises Unsupported where
    libseccomp is missing (never unconfined instead), InvalidArgument for a profile that makes no sense.
    """
    if not os.path.exists(_AVAILABLE):
        if profile is None:
            return None
        raise Unsupported("seccomp is not enabled in your kernel, cannot run a custom seccomp profile")
    path = os.path.join(cache_dir, _key(profile, capabilities) + ".bpf")
    if not os.path.exists(path):
        _store(path, _compile(profile, capabilities))
    return path


def _key(profile: Mapping[str, Any] | None, capabilities: Sequence[str]) -> str:
    text = "default" if profile is None else json.dumps(profile, sort_keys=True)
    parts = (_FORMAT, platform.machine(), platform.release(), *sorted(set(capabilities)), text)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def document(profile: Mapping[str, Any] | None, capabilities: Sequence[str]) -> dict[str, Any] | None:
    """As `linux.seccomp` of a spec, for a runtime that compiles it. Raises InvalidArgument."""
    if profile is None and not os.path.exists(_AVAILABLE):
        return None
    try:
        return seccomp.document(_resolved(profile, capabilities))
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidArgument(f"decoding seccomp profile failed: {error}") from error


def _resolved(profile: Mapping[str, Any] | None, capabilities: Sequence[str]) -> seccomp.Filter:
    given = seccomp_default.profile() if profile is None else profile
    return seccomp.resolve(given, capabilities, platform.machine(), _kernel(platform.release()))


def _compile(profile: Mapping[str, Any] | None, capabilities: Sequence[str]) -> bytes:
    try:
        return compile_filter(_resolved(profile, capabilities))
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidArgument(f"decoding seccomp profile failed: {error}") from error
    except OSError as error:
        if error.errno is not None:
            raise InvalidArgument(f"seccomp profile: {error.strerror}: {error.filename}") from error
        raise Unsupported(
            f"{LIBRARY} cannot be loaded, and without it there is no seccomp filter: install libseccomp2, "
            "or choose --security-opt seccomp=unconfined"
        ) from error


def _store(path: str, program: bytes) -> None:
    """Never half a file under the final name: a filter that is cut short is another filter."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    temporary = f"{path}.{os.getpid()}.{os.urandom(4).hex()}"
    with open(temporary, "wb") as file:
        file.write(program)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _kernel(release: str) -> tuple[int, int]:
    """Of "6.1.0-37-amd64"."""
    major, minor, *_ = release.replace("-", ".").replace("+", ".").split(".")
    return int(major), int(minor)
