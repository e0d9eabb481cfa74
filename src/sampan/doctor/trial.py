"""To try something without a trace: in a child that ends right after, with namespaces of its own."""

import os
from collections.abc import Callable

from sampan.linux import process

_LIMIT = 4096  # bytes of what a child says


def attempt(action: Callable[[], None], namespaces: int = 0) -> str:
    """ "" when `action` worked in a child that has left these `namespaces`; else why it did not."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(write, action, namespaces)
    os.close(write)
    with open(read, "rb") as file:
        said = file.read(_LIMIT)
    _, status = os.waitpid(pid, 0)
    if said:
        return said.decode("utf-8", "replace")
    return "" if status == 0 else f"the trial ended with {os.waitstatus_to_exitcode(status)}"


def _child(write: int, action: Callable[[], None], namespaces: int) -> None:
    """Never returns: what the parent still has to write shall not be written twice."""
    status = 1
    try:
        if namespaces:
            process.unshare(namespaces)
        action()
        status = 0
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        os.write(write, f"{error.strerror or error}{where}".encode("utf-8", "replace")[:_LIMIT])
    except BaseException as error:  # whatever it is, the parent is told
        os.write(write, f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:_LIMIT])
    finally:
        os._exit(status)
