"""`--cap-add` and `--cap-drop` → the bounding set. Docker's rules (moby oci/caps/utils.go)."""

from functools import cache

from sampan.errors import InvalidArgument
from sampan.linux.capability import NAMES
from sampan.oci.runtime import CAPABILITIES

_ALL = "ALL"


@cache
def available() -> tuple[str, ...]:
    """What this kernel knows."""
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
        return NAMES[: int(file.read()) + 1]


def normalize(names: list[str]) -> list[str]:
    """Upper case with CAP_ in front; ALL stays. Raises InvalidArgument for an unknown one."""
    normal = []
    for name in names:
        upper = name.upper()
        if upper in (_ALL, "CAP_ALL"):
            normal.append(_ALL)
            continue
        full = upper if upper.startswith("CAP_") else f"CAP_{upper}"
        if full not in NAMES:
            raise InvalidArgument(f'unknown capability: "{full}"')
        if full not in available():
            raise InvalidArgument(
                "capability not supported by your kernel or not available in the current environment:"
                f' "{full}"'
            )
        normal.append(full)
    return normal


def effective(add: list[str], drop: list[str], *, privileged: bool) -> list[str]:
    """The set that a container of root has."""
    if privileged:
        return list(available())
    added, dropped = normalize(add), normalize(drop)
    if _ALL in added:
        return [name for name in available() if name not in dropped]
    if _ALL in dropped:
        return list(dict.fromkeys(name for name in added if name != _ALL))
    kept = [name for name in CAPABILITIES if name not in dropped]
    return list(dict.fromkeys(kept + added))
