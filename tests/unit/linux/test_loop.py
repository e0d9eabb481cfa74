"""Structures of loop(4); what the kernel makes of them is in tests/integration/engine/test_disks.py."""

import os

import pytest

from sampan.linux import loop


def test_sizes_are_the_kernels() -> None:
    """include/uapi/linux/loop.h, on 64 bits."""
    assert (loop.INFO64.size, loop.CONFIG.size) == (232, 304)


@pytest.mark.parametrize(("major", "minor"), [(8, 1), (254, 0), (259, 3), (0, 41), (8, 300)])
def test_device_numbers(major: int, minor: int) -> None:
    """huge_encode_dev of include/linux/kdev_t.h."""
    encoded = (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)
    assert loop.decoded(encoded) == os.makedev(major, minor)
