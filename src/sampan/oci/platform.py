"""Platforms of images (image-spec image-index.md) and which one a machine takes.

The order of choice is containerd's `platforms.Only`: the machine's own variant, then older ones that
it can run too (armv7 runs armv6 and armv5; x86-64-v3 runs v2 and v1), never another architecture.
"""

from typing import NamedTuple

from sampan.errors import InvalidArgument

_ARCHITECTURES = {
    "x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "armel": "arm",
    "armv7l": "arm", "armv6l": "arm", "i386": "386", "i686": "386", "ppc64le": "ppc64le", "s390x": "s390x",
    "riscv64": "riscv64", "mips64": "mips64le", "loongarch64": "loong64",
}  # fmt: skip
_ARM_VARIANTS = {"armhf": "v7", "armel": "v6", "armv7l": "v7", "armv6l": "v6"}
_KNOWN = frozenset(_ARCHITECTURES.values()) | {"mips64le", "wasm", "ppc64"}


class Platform(NamedTuple):
    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, self))


NONE = Platform("", "")  # a document that does not say


def of_machine(machine: str) -> Platform:
    """`machine`: what uname(2) says."""
    variant = _ARM_VARIANTS.get(machine, "")
    return Platform("linux", _ARCHITECTURES.get(machine, machine), variant)


def parse(text: str, machine: str) -> Platform:
    """`linux/arm/v7`, `linux/amd64`, `arm64`, `linux`; what is missing comes from `machine`."""
    own = of_machine(machine)
    parts = text.lower().split("/")
    if not 0 < len(parts) <= 3 or not all(p and all(c.isalnum() or c in "._-" for c in p) for p in parts):
        raise InvalidArgument(
            f'"{text}" is an invalid OS component of "{text}": OSAndVersion specifier component'
        )
    if len(parts) == 1:
        architecture = _ARCHITECTURES.get(parts[0], parts[0])
        if architecture in _KNOWN:
            return normalized(Platform("linux", architecture, _ARM_VARIANTS.get(parts[0], "")))
        return Platform(parts[0], own.architecture, own.variant)
    variant = parts[2] if len(parts) == 3 else _ARM_VARIANTS.get(parts[1], "")
    return normalized(Platform(parts[0], _ARCHITECTURES.get(parts[1], parts[1]), variant))


def normalized(platform: Platform) -> Platform:
    """Defaults that everybody leaves out or spells out: arm64 is v8, amd64 is v1, arm is v7."""
    architecture = _ARCHITECTURES.get(platform.architecture, platform.architecture)
    variant = platform.variant
    if (architecture, variant) in (("arm64", "v8"), ("arm64", "8"), ("amd64", "v1")):
        variant = ""
    elif architecture == "arm":
        variant = variant if variant.startswith("v") else f"v{variant or 7}"
    return Platform(platform.os, architecture, variant)


def acceptable(wanted: Platform) -> list[Platform]:
    """What may be run where `wanted` is wanted, best first."""
    wanted = normalized(wanted)
    if wanted.architecture not in ("arm", "amd64", "arm64") or not wanted.variant[1:].isdecimal():
        return [wanted]
    newest, oldest = int(wanted.variant[1:]), {"arm": 5, "amd64": 1, "arm64": 8}[wanted.architecture]
    versions = [f"v{number}" for number in range(newest, oldest - 1, -1)]
    return [normalized(wanted._replace(variant=version)) for version in versions]


def choose(candidates: list[Platform], wanted: Platform) -> int | None:
    """The index of the best candidate; the first one among equals."""
    offered = [normalized(candidate) for candidate in candidates]
    for platform in acceptable(wanted):
        if platform in offered:
            return offered.index(platform)
    return None
