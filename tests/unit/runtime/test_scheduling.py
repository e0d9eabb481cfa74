"""Scheduling of a process: what is accepted, what is refused."""

from typing import Any

import pytest

from sampan.linux import schedule
from sampan.runtime import scheduling
from sampan.runtime.failure import OciError
from sampan.runtime.scheduling import Scheduler, Scheduling


def test_nothing_asked_for() -> None:
    assert scheduling.parse({}) is None


def test_everything() -> None:
    parsed = scheduling.parse(
        {
            "scheduler": {"policy": "SCHED_BATCH", "nice": 5, "flags": ["SCHED_FLAG_RESET_ON_FORK"]},
            "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 6},
            "execCPUAffinity": {"initial": "0", "final": "0-2,7"},
        }
    )
    assert parsed == Scheduling(Scheduler(3, 1, 5, 0, (0, 0, 0)), (2, 6), (0, 1, 2, 7))


@pytest.mark.parametrize(
    "process",
    [
        {"scheduler": {"policy": "SCHED_NICE"}},
        {"scheduler": {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_X"]}},
        {"scheduler": {"policy": "SCHED_OTHER", "nice": 20}},
        {"scheduler": {"policy": "SCHED_OTHER", "priority": 1}},
        {"scheduler": {"policy": "SCHED_FIFO", "runtime": 1}},
        {"ioPriority": {"class": "IOPRIO_CLASS_NO", "priority": 1}},
        {"ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 8}},
        {"execCPUAffinity": {"initial": "a-b"}},
    ],
)
def test_refused(process: dict[str, Any]) -> None:
    with pytest.raises(OciError):
        scheduling.parse(process)


def test_the_structure_is_the_kernels() -> None:
    import ctypes

    assert ctypes.sizeof(schedule.SchedAttr) == 48  # SCHED_ATTR_SIZE_VER0
