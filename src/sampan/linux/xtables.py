"""The tables of legacy iptables, only to look at (uapi linux/netfilter_ipv4/ip_tables.h).

They are not seen through nf_tables. What iptables-nft makes is nf_tables, and is.
"""

import ctypes
import os
import socket
from pathlib import Path

from sampan.linux import libc

_IPT_SO_GET_INFO = 64
_IPT_SO_GET_ENTRIES = 65
_FORWARD = 2  # NF_INET_FORWARD
_HOOKS = 5
_ENTRY_TARGET = 112  # sizeof(struct ipt_entry), where a policy's target begins
_TARGET_VERDICT = 32  # sizeof(struct xt_entry_target)
_VERDICT_DROP = -1  # -NF_DROP - 1


class ipt_getinfo(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char * 32),
        ("valid_hooks", ctypes.c_uint),
        ("hook_entry", ctypes.c_uint * _HOOKS),
        ("underflow", ctypes.c_uint * _HOOKS),
        ("num_entries", ctypes.c_uint),
        ("size", ctypes.c_uint),
    )


class ipt_get_entries(ctypes.Structure):
    """A header; `size` bytes of entries follow, aligned to 8."""

    _fields_ = (("name", ctypes.c_char * 32), ("size", ctypes.c_uint), ("_", ctypes.c_uint))


_getsockopt = libc.bind(
    "getsockopt",
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_uint32),
)


def forward_drops() -> bool:
    """Whether the policy of FORWARD in legacy iptables' table `filter` is DROP.

    Asks only where the table is loaded: the question alone would load it.
    """
    if "filter" not in _loaded():
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_RAW) as raw:
        info = ipt_getinfo(name=b"filter")
        _ask(raw, _IPT_SO_GET_INFO, info)
        buffer = ctypes.create_string_buffer(ctypes.sizeof(ipt_get_entries) + info.size)
        header = ipt_get_entries.from_buffer(buffer)
        header.name, header.size = b"filter", info.size
        _ask(raw, _IPT_SO_GET_ENTRIES, buffer)
    # A chain's policy is its last entry, at its `underflow`.
    at = ctypes.sizeof(ipt_get_entries) + info.underflow[_FORWARD] + _ENTRY_TARGET + _TARGET_VERDICT
    return ctypes.c_int.from_buffer(buffer, at).value == _VERDICT_DROP


def _loaded() -> list[str]:
    try:
        return Path("/proc/net/ip_tables_names").read_text().split()
    except OSError:
        return []


def _ask(raw: socket.socket, option: int, buffer: ctypes.Structure | ctypes.Array[ctypes.c_char]) -> None:
    length = ctypes.c_uint32(ctypes.sizeof(buffer))
    address = ctypes.addressof(buffer)
    if _getsockopt(raw.fileno(), socket.IPPROTO_IP, option, address, ctypes.byref(length)) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "iptables filter")
