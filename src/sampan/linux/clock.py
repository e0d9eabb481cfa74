"""adjtimex(2), for its answer alone."""

import ctypes

from sampan.linux import libc

_TIME_ERROR = 5  # "clock not synchronized" (include/uapi/linux/timex.h)
_TIMEX_SIZE = 208  # sizeof(struct timex) on 64-bit machines; all zero: nothing is set

_adjtimex = libc.bind("adjtimex", ctypes.c_int, ctypes.c_char_p)


def is_synchronized() -> bool:
    """Whether somebody (NTP, PTP, the hypervisor's clock) told the kernel that its clock is right."""
    return libc.check(_adjtimex(ctypes.create_string_buffer(_TIMEX_SIZE)), "adjtimex") != _TIME_ERROR
