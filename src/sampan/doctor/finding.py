"""What one check says."""

import enum
from dataclasses import dataclass


class State(enum.Enum):
    """MISSING: containers will not run without. REDUCED: something will not work, the rest does."""

    OK = "ok"
    REDUCED = "reduced"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass
class Finding:
    """`found`: what there is. `cost`: what is lost without it. `remedy`: how it is to be had."""

    state: State
    found: str
    cost: str = ""
    remedy: str = ""
    name: str = ""


def ok(found: str) -> Finding:
    return Finding(State.OK, found)


def reduced(found: str, cost: str, remedy: str) -> Finding:
    return Finding(State.REDUCED, found, cost, remedy)


def missing(found: str, cost: str, remedy: str) -> Finding:
    return Finding(State.MISSING, found, cost, remedy)
