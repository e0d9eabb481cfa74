"""Limits of block I/O, with the devices' numbers."""

import pytest

from sampan.engine.containers import blockio
from sampan.engine.containers.config import HostConfig, ThrottleDevice, WeightDevice
from sampan.errors import InvalidArgument

NULL = {"major": 1, "minor": 3}


def test_nothing() -> None:
    assert blockio.limits(HostConfig()) == {}


def test_all() -> None:
    disk = [ThrottleDevice(path="/dev/null", rate=7)]
    host = HostConfig(
        blkio_weight_device=[WeightDevice(path="/dev/null", weight=20)],
        blkio_device_read_bps=disk,
        blkio_device_write_bps=disk,
        blkio_device_read_iops=disk,
        blkio_device_write_iops=disk,
    )
    rates = [NULL | {"rate": 7}]
    assert blockio.limits(host) == {
        "weightDevice": [NULL | {"weight": 20}],
        "throttleReadBpsDevice": rates,
        "throttleWriteBpsDevice": rates,
        "throttleReadIOPSDevice": rates,
        "throttleWriteIOPSDevice": rates,
    }


def test_missing() -> None:
    host = HostConfig(blkio_device_read_bps=[ThrottleDevice(path="/dev/nope", rate=7)])
    with pytest.raises(InvalidArgument, match=r"^stat /dev/nope: no such file or directory"):
        blockio.limits(host)
