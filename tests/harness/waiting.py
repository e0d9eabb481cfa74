"""Waiting for what takes an unknown time, with a deadline."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
FACTOR = float(os.environ.get("SAMPAN_TEST_TIMEOUT_FACTOR", "1"))  # an emulated machine is slower


def until(condition: Callable[[], T], seconds: float = 10, what: str = "") -> T:
    """The first true value of `condition`; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds * FACTOR
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        time.sleep(0.01)
    return value
