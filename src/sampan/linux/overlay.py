"""overlayfs (Documentation/filesystems/overlayfs.rst), by the new mount API or by one page of options."""

import errno
import os
from collections.abc import Callable, Sequence

from sampan.linux import mount

# Features that a hostile layer could use through its xattrs ("trusted.overlay.*").
GUARDS = (("metacopy", "off"), ("redirect_dir", "nofollow"))
_SINGLY = (6, 8)  # Linux


def takes_layers_singly() -> bool:
    """ "lowerdir+" came with Linux 6.8. Before 6.5 overlayfs had no parser of its own for fsconfig(2): it
    would take the word, and refuse the mount with a line in the kernel's log."""
    major, minor, *_ = os.uname().release.split(".")
    return (int(major), int(minor.split("-")[0])) >= _SINGLY


def by_layer(
    lowerdirs: Sequence[str],
    writable: Sequence[tuple[str, str]],
    set_path: Callable[[int, str, str], None] = mount.fsconfig_string,
) -> int:
    """Detached: the descriptor of its root. `lowerdirs`: top first; `writable`: upperdir and workdir, or
    nothing. Raises OSError with what the kernel says."""
    context = mount.fsopen("overlay")
    try:
        mount.fsconfig_string(context, "source", "overlay")
        for path in lowerdirs:
            set_path(context, "lowerdir+", path)
        for key, path in writable:
            set_path(context, key, path)
        for key, value in GUARDS:
            _if_known(context, key, value)
        try:
            mount.fsconfig_create(context)
        except OSError as error:
            raise OSError(error.errno, error.strerror, mount.fslog(context) or "overlay") from None
        return mount.fsmount(context)
    finally:
        os.close(context)


def options(lowerdirs: Sequence[str], writable: Sequence[tuple[str, str]]) -> list[str]:
    """As mount(2) takes them, without the guards; a comma in a path would be the next option."""
    lower = ":".join(_quoted(path).replace(":", "\\:") for path in lowerdirs)
    return [f"lowerdir={lower}", *(f"{key}={_quoted(path)}" for key, path in writable)]


def guards() -> list[str]:
    return [f"{key}={value}" for key, value in GUARDS]


def by_page(point: str, wanted: Sequence[str], guarded: Sequence[str]) -> None:
    """On the directory `point`, by mount(2); without the guards where the kernel does not know them."""
    try:
        mount.mount("overlay", point, "overlay", 0, ",".join((*wanted, *guarded)))
    except OSError as error:
        if error.errno != errno.EINVAL or not guarded:
            raise
        mount.mount("overlay", point, "overlay", 0, ",".join(wanted))


def _if_known(context: int, key: str, value: str) -> None:
    try:
        mount.fsconfig_string(context, key, value)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise


def _quoted(path: str) -> str:
    return path.replace("\\", "\\\\").replace(",", "\\,")
