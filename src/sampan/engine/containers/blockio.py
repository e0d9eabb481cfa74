"""`--blkio-weight-device`, `--device-read-bps` and their like → linux.resources.blockIO. Calm."""

import os
from typing import Any

from sampan.engine.containers.config import HostConfig
from sampan.errors import InvalidArgument


def limits(host: HostConfig) -> dict[str, Any]:
    """{} where nothing is asked for. Raises InvalidArgument for a device that is not there."""
    found: dict[str, Any] = {}
    if host.blkio_weight_device:
        found["weightDevice"] = [
            _number(one.path) | {"weight": one.weight} for one in host.blkio_weight_device
        ]
    rates = {
        "throttleReadBpsDevice": host.blkio_device_read_bps,
        "throttleWriteBpsDevice": host.blkio_device_write_bps,
        "throttleReadIOPSDevice": host.blkio_device_read_iops,
        "throttleWriteIOPSDevice": host.blkio_device_write_iops,
    }
    for name, devices in rates.items():
        if devices:
            found[name] = [_number(one.path) | {"rate": one.rate} for one in devices]
    return found


def _number(path: str) -> dict[str, int]:
    try:
        number = os.stat(path).st_rdev
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise InvalidArgument(f"stat {path}: {(reason or str(error)).lower()}") from None
    return {"major": os.major(number), "minor": os.minor(number)}
