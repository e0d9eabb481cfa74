"""libseccomp 2.5's part that compiles: rules → BPF (seccomp_init(3), seccomp_export_bpf(3)).

Opened when it is first needed, in the daemon only; a machine without it runs unconfined containers.
"""

import ctypes
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

LIBRARY = "libseccomp.so.2"
_ERROR = -1  # __NR_SCMP_ERROR
_ATTRIBUTE_NO_NEW_PRIVILEGES = 3  # SCMP_FLTATR_CTL_NNP
_ATTRIBUTE_OPTIMIZE = 8  # SCMP_FLTATR_CTL_OPTIMIZE, 2.5
_BINARY_TREE = 2

ACTIONS: dict[str, int] = {
    "SCMP_ACT_KILL": 0x00000000,
    "SCMP_ACT_KILL_THREAD": 0x00000000,
    "SCMP_ACT_KILL_PROCESS": 0x80000000,
    "SCMP_ACT_TRAP": 0x00030000,
    "SCMP_ACT_ERRNO": 0x00050000,
    "SCMP_ACT_TRACE": 0x7FF00000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_ALLOW": 0x7FFF0000,
}
WITH_ERRNO = ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")
COMPARISONS: dict[str, int] = {
    "SCMP_CMP_NE": 1,
    "SCMP_CMP_LT": 2,
    "SCMP_CMP_LE": 3,
    "SCMP_CMP_EQ": 4,
    "SCMP_CMP_GE": 5,
    "SCMP_CMP_GT": 6,
    "SCMP_CMP_MASKED_EQ": 7,
}
ARCHITECTURES: dict[str, int] = {
    "SCMP_ARCH_X86": 0x40000003,
    "SCMP_ARCH_X86_64": 0xC000003E,
    "SCMP_ARCH_X32": 0x4000003E,
    "SCMP_ARCH_ARM": 0x40000028,
    "SCMP_ARCH_AARCH64": 0xC00000B7,
    "SCMP_ARCH_RISCV64": 0xC00000F3,
    "SCMP_ARCH_S390": 0x00000016,
    "SCMP_ARCH_S390X": 0x80000016,
    "SCMP_ARCH_PPC64LE": 0xC0000015,
}


class ArgCmp(ctypes.Structure):
    """struct scmp_arg_cmp (seccomp.h)."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


class Comparison(NamedTuple):
    argument: int
    operation: int  # COMPARISONS
    value: int
    value_two: int


class Library:
    """Raises OSError where libseccomp.so.2 is not to be had."""

    def __init__(self) -> None:
        library = ctypes.CDLL(LIBRARY)
        context, word = ctypes.c_void_p, ctypes.c_uint32
        self._init = _bind(library, "seccomp_init", context, word)
        self._release = _bind(library, "seccomp_release", None, context)
        self._arch_add = _bind(library, "seccomp_arch_add", ctypes.c_int, context, word)
        self._attr_set = _bind(library, "seccomp_attr_set", ctypes.c_int, context, ctypes.c_int, word)
        self._resolve = _bind(
            library, "seccomp_syscall_resolve_name_arch", ctypes.c_int, word, ctypes.c_char_p
        )
        self._rule_add = _bind(
            library,
            "seccomp_rule_add_array",
            ctypes.c_int,
            context,
            word,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_void_p,
        )
        self._export = _bind(library, "seccomp_export_bpf", ctypes.c_int, context, ctypes.c_int)

    def number(self, architecture: int, name: str) -> int | None:
        """The system call's; negative for those that an architecture multiplexes; None if not known."""
        number = int(self._resolve(architecture, name.encode()))
        return None if number == _ERROR else number

    def filter(self, default_action: int) -> "Filter":
        return Filter(self, self._init(default_action))


class Filter:
    """Being made; use it with `with`. For the native architecture until others are added."""

    def __init__(self, library: Library, context: int | None) -> None:
        if not context:
            raise OSError(22, "seccomp_init refused the default action")
        self._library = library
        self._context = context

    def __enter__(self) -> "Filter":
        # We load the program ourselves: libseccomp must not decide about no_new_privs.
        _checked(self._library._attr_set(self._context, _ATTRIBUTE_NO_NEW_PRIVILEGES, 0), "NNP")
        self._library._attr_set(self._context, _ATTRIBUTE_OPTIMIZE, _BINARY_TREE)  # not before 2.5
        return self

    def __exit__(self, *_: object) -> None:
        self._library._release(self._context)

    def add_architecture(self, architecture: int) -> None:
        result = self._library._arch_add(self._context, architecture)
        if result != -17:  # EEXIST: the native one
            _checked(result, f"architecture {architecture:#x}")

    def add(self, action: int, number: int, comparisons: Sequence[Comparison]) -> None:
        array = (ArgCmp * len(comparisons))(*(ArgCmp(*one) for one in comparisons))
        result = self._library._rule_add(self._context, action, number, len(comparisons), array)
        _checked(result, f"rule for system call {number}")

    def program(self) -> bytes:
        """An array of struct sock_filter."""
        fd = os.memfd_create("seccomp", os.MFD_CLOEXEC)
        try:
            _checked(self._library._export(self._context, fd), "export")
            os.lseek(fd, 0, os.SEEK_SET)
            return os.read(fd, 1024 * 1024)
        finally:
            os.close(fd)


def _bind(library: ctypes.CDLL, name: str, restype: type | None, *argtypes: type) -> Any:
    function = getattr(library, name)
    function.restype = restype
    function.argtypes = argtypes
    return function


def _checked(result: int, what: str) -> None:
    if result < 0:
        raise OSError(-result, os.strerror(-result), what)
