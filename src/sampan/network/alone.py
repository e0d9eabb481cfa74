"""One engine of a network namespace at a time chooses a subnet: two that look at the same moment would find
the same one free, and the machine would send the packets of both to one of them."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator

_PATIENCE = 2.0  # seconds: a container with the machine's network could hold the lock for ever
_TRY_AGAIN = 0.01


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """A lock that all who are in the caller's network namespace share: flock(2) of its file in nsfs, which
    has one inode for each namespace. Goes on without it when it is not to be had in two seconds."""
    namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not _locked(namespace) and time.monotonic() < deadline:
            time.sleep(_TRY_AGAIN)
        yield
    finally:
        os.close(namespace)


def _locked(namespace: int) -> bool:
    try:
        fcntl.flock(namespace, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
